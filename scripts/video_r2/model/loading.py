"""Loading a checkpoint: the same code for Qwen2.5-VL-7B and for the miniature's model."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from transformers.utils import is_flash_attn_2_available

from video_r2.errors import UserError
from video_r2.model.attention_chunks import CHUNKED_ATTENTION
from video_r2.model.generation import FLASH_ATTENTION
from video_r2.model.shared_prefix import SHARED_PREFIX_ATTENTION

logger = logging.getLogger(__name__)


def load_processor(folder: str | Path) -> Qwen2_5_VLProcessor:
    """Load tokenizer, image and video processor from a checkpoint folder."""
    try:
        return Qwen2_5_VLProcessor.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise UserError(
            f"holds no Qwen2.5-VL processor: {error}", file=folder, cure="make the checkpoint again"
        ) from error


def load_model(
    folder: str | Path, attention: str = "sdpa", bf16: bool = False, device: str | torch.device = "cpu"
) -> Qwen2_5_VLForConditionalGeneration:
    """Load the weights of a checkpoint folder (safetensors only).

    Args:
        attention: "flash_attention_2", "sdpa" or "eager" for the language model. The vision tower uses the same flash
            attention, or else attends to its windows in batches. Where flash attention is not installed, "sdpa" is used.
        bf16: keep the weights in bfloat16 instead of float32.

    Raises:
        UserError: if the folder holds another kind of model, or no weights.
    """
    configured, attention = attention, available_attention(attention)
    why = f" ({configured} needs a GPU and the package flash-attn)" if attention != configured else ""
    print(f"attention: {attention}{why}")
    implementation = attention_implementation(attention)
    _require_family(Path(folder))
    try:
        model = Qwen2_5_VLForConditionalGeneration.from_pretrained(
            folder,
            dtype=torch.bfloat16 if bf16 else torch.float32,
            attn_implementation=attention,
            use_safetensors=True,
        )
    except (OSError, ValueError) as error:
        raise UserError(
            f"holds no Qwen2.5-VL weights: {error}", file=folder, cure="make the checkpoint again"
        ) from error
    # Only now: while it loads a checkpoint, transformers takes any name with "flash" in it for an extension to import.
    model.set_attn_implementation(implementation)
    logger.info("loaded %s with attention %s", folder, implementation)
    model.to(torch.device(device))  # type: ignore[arg-type]  # its decorator hides the argument
    return model


def _require_family(folder: Path) -> None:
    """Of another family's checkpoint transformers would take the weights that fit by name, and make up the others."""
    try:
        family = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError) as error:
        raise UserError(
            f"holds no model: its config.json cannot be read ({error})", file=folder, cure="make the checkpoint again"
        ) from error
    if family != Qwen2_5_VLConfig.model_type:
        raise UserError(
            f"is a model of the kind {family!r}; models of the kind {Qwen2_5_VLConfig.model_type!r} are loaded here",
            file=folder,
            cure="set the model's backend to a class of lmms-eval that is for it (docs/models.md)",
        )


def available_attention(attention: str) -> str:
    """The attention that is computed with where `attention` is configured: "sdpa" for a flash attention that is not there."""
    return "sdpa" if attention == FLASH_ATTENTION and not is_flash_attn_2_available() else attention


def training_implementation(attention: str) -> dict[str, str]:
    """Attention of a model that is trained on rows with shared prefixes."""
    return {**attention_implementation(available_attention(attention)), "text_config": SHARED_PREFIX_ATTENTION}


def attention_implementation(attention: str) -> dict[str, str]:
    """Attention of the language model and of the vision tower for a configured name."""
    vision = attention if attention == FLASH_ATTENTION else CHUNKED_ATTENTION
    # For rows that share nothing it is eager attention, but makes no copies of the keys that heads share.
    text = SHARED_PREFIX_ATTENTION if attention == "eager" else attention
    return {"text_config": text, "vision_config": vision}
