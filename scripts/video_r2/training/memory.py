"""How much memory a training needs on each GPU, before it begins: an estimate from shapes, and the refusal of what cannot fit.

What is counted, and how, is told in docs/training.md; nobody has compared it with a measurement yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from video_r2.config import Frames, Grpo, Optimizer, Sft
from video_r2.errors import UserError
from video_r2.training.layout import Layout, Share, share_of
from video_r2.training.sft import LANGUAGE_MODEL_LINEAR

TEXT_TOKENS = 1024  # of a prompt, and of a trace
RUNTIME = 2 * 2**30  # bytes: CUDA's context, NCCL's and DeepSpeed's buffers
LIVE_WEIGHTS = 10**9  # of stage 3, whole on a device at once: DeepSpeed's stage3_max_live_parameters
BUCKETS = 2 * 5 * 10**8  # gradients on their way, of stage 2: twice DeepSpeed's reduce_bucket_size
ADAM = 8  # bytes: two figures of float32
SHORT, LONG = 2, 4  # bytes of bfloat16 and float32


@dataclass(frozen=True)
class Size:
    """How many weights a model has: in the vision tower, elsewhere, and those that are trained."""

    tower: int
    language: int
    trained: int


def size_of(shape: Qwen2_5_VLConfig, settings: Optimizer) -> Size:
    """Count the weights of a model of this shape; of adapters those that are added."""
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(shape)
    tower = sum(weight.numel() for weight in model.model.visual.parameters())
    language = sum(weight.numel() for weight in model.parameters()) - tower
    if not isinstance(settings, Sft):
        return Size(tower, language, language)
    adapted = [module for name, module in model.named_modules() if re.fullmatch(LANGUAGE_MODEL_LINEAR, name)]
    return Size(tower, language, settings.lora.r * sum(sum(module.weight.shape) for module in adapted))


def estimate(shape: Qwen2_5_VLConfig, settings: Sft | Grpo, share: Share, processes: int) -> dict[str, float]:
    """Bytes that a training needs on each GPU, by what they are for."""
    size = size_of(shape, settings)
    sharded, in_shares = settings.sharding != "none", settings.sharding == "zero3"
    number = SHORT if settings.bf16 else LONG  # bytes in which it is computed
    held = number if sharded else LONG  # bytes of a weight that lies there
    adapters = isinstance(settings, Sft)
    weights = size.language + (size.trained if adapters else 0)
    parts: dict[str, float] = {"vision tower": size.tower * held}
    parts["weights"] = held * (weights / processes + min(LIVE_WEIGHTS, weights) if in_shares else weights)
    if not sharded:
        parts["gradients and optimizer"] = size.trained * (LONG + ADAM + (SHORT if settings.bf16 else 0))
    else:
        own = size.trained / processes
        parts["gradients and optimizer"] = own * (number + LONG + LONG + ADAM)
        if not in_shares:
            parts["gradients and optimizer"] += min(BUCKETS, size.trained) * number
    text = shape.get_text_config()
    prompt = tokens_of(settings.frames, shape) + TEXT_TOKENS
    if isinstance(settings, Grpo):
        prompt = min(prompt, settings.max_prompt_tokens)
        rollouts = settings.group_size // share.parts * share.at_once
        said = rollouts * settings.max_new_tokens
        tokens = share.at_once * prompt + said
        if settings.kl_weight:
            parts["reference model"] = held * size.language / (processes if in_shares else 1)
        heads = text.hidden_size // text.num_attention_heads * text.num_key_value_heads
        cache = 2 * text.num_hidden_layers * heads * rollouts * (prompt + settings.max_new_tokens) * number
        parts["generation"] = cache + (held * size.language if in_shares else 0)
        # Attention with a shared prefix keeps its scores, before and after the softmax, and their gradient.
        scores = share.at_once * prompt**2 + said * (prompt + settings.max_new_tokens)
        attention = 3 * number * text.num_attention_heads * scores
        logits = said * text.vocab_size * (number + 4 * LONG)  # in float32: scaled, log-softmax, entropy, gradient
    else:
        tokens = share.at_once * (prompt + TEXT_TOKENS)
        quadratic = settings.attention == "eager"
        attention = 3 * number * text.num_attention_heads * share.at_once * (tokens / share.at_once) ** 2 * quadratic
        logits = tokens * text.vocab_size * (number + 3 * LONG)  # in float32: logits, shifted, gradient
    # Of a layer: its norms, projections and residuals, and three times the width between the feed-forward's matrices.
    layer = tokens * (10 * text.hidden_size + 4 * text.intermediate_size) * number + attention
    if settings.gradient_checkpointing:
        kept = text.num_hidden_layers * tokens * text.hidden_size * number
        parts["activations"] = kept + layer
    else:
        parts["activations"] = text.num_hidden_layers * layer
    parts["logits"] = logits
    parts["CUDA and communication"] = RUNTIME
    return parts


def tokens_of(frames: Frames, shape: Qwen2_5_VLConfig) -> int:
    """Tokens of the longest video."""
    vision = cast(Any, shape.vision_config)
    side = vision.patch_size * vision.spatial_merge_size
    return -(-frames.max_frames // vision.temporal_patch_size) * (frames.max_pixels // side**2)


def at_its_peak(parts: dict[str, float]) -> float:
    """Bytes that are needed at once: a step generates first, and learns when that memory is free again."""
    generating = parts.get("generation", 0.0)
    learning = parts["activations"] + parts["logits"]
    return sum(parts.values()) - min(generating, learning)


def require_memory(start: str | Path, settings: Sft | Grpo, layout: Layout, there: int) -> None:
    """Print the estimate for each GPU, which has `there` bytes.

    Raises:
        UserError: if it cannot fit, or the layout cannot share a step out.
    """
    batch = getattr(settings, settings.step_batch)
    rollouts = settings.group_size if isinstance(settings, Grpo) else 1
    share = share_of(batch, settings.per_device_batch, layout.processes, rollouts)
    parts = estimate(Qwen2_5_VLConfig.from_pretrained(start), settings, share, layout.processes)
    needed = at_its_peak(parts)
    told = ", ".join(f"{name} {part / 2**30:.1f}" for name, part in parts.items())
    print(f"memory of each GPU, estimated: {needed / 2**30:.1f} of {there / 2**30:.1f} GiB ({told})")
    if needed > there:
        raise UserError(
            f"the training would need about {needed / 2**30:.1f} GiB on each of {layout}, which have {there / 2**30:.1f} "
            f"({told})",
            cure="use sharding: zero3, gradient_checkpointing: true, bf16: true, more GPUs, per_device_batch: 1, or fewer "
            "frames and tokens",
        )
