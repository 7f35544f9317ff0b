"""Supervised fine-tuning on timestamped traces: trl's SFTTrainer, LoRA on the language model (paper section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel
from torch.utils.data import Dataset
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from trl import SFTConfig, SFTTrainer

from video_r2.config import Sft
from video_r2.data.conversations import Conversation
from video_r2.model.inputs import make_batch
from video_r2.training.examples import VideoEncoder, write_response
from video_r2.training.optimizer import trainer_arguments

# All linear layers of the language model; not those of the vision tower, the merger, lm_head or embed_tokens.
LANGUAGE_MODEL_LINEAR = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"


class Examples(Dataset):
    """Conversations by number, as a trainer wants them."""

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self.conversations = conversations
        self.column_names = ["example"]

    def __len__(self) -> int:
        return len(self.conversations)

    def __getitem__(self, at: int) -> dict[str, Conversation]:
        return {"example": self.conversations[at]}


class ResponseCollator:
    """Puts examples into a batch whose labels are their responses."""

    def __init__(self, processor: Qwen2_5_VLProcessor, encode: VideoEncoder, settings: Sft) -> None:
        self._processor, self._encode, self._settings = processor, encode, settings

    def __call__(self, rows: Sequence[dict[str, Conversation]]) -> dict[str, Any]:
        examples = [row["example"] for row in rows]
        responses = [write_response(example, self._settings.trace) for example in examples]
        batch = make_batch(
            self._processor, [example.question for example in examples], responses, self._encode(examples)
        )
        return {**batch.model_inputs(), "labels": batch.labels}


def train_sft(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    encode: VideoEncoder,
    examples: Sequence[Conversation],
    settings: Sft,
    seed: int,
    folder: str,
) -> tuple[Qwen2_5_VLForConditionalGeneration, list[dict[str, float]]]:
    """Train adapters on `examples` and merge them.

    Returns:
        the merged model, and what was logged: step, loss, accuracy of the next token, learning rate.
    """
    torch.manual_seed(seed)
    lora = LoraConfig(
        r=settings.lora.r,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules=LANGUAGE_MODEL_LINEAR,
        task_type="CAUSAL_LM",
    )
    arguments = SFTConfig(
        **trainer_arguments(settings, folder, settings.global_batch, seed),
        logging_steps=1,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        data_collator=ResponseCollator(processor, encode, settings),
        train_dataset=Examples(examples),
        processing_class=processor,
        peft_config=lora,
    )
    trainer.train()
    merged = cast(PeftModel, trainer.model).merge_and_unload()
    return cast(Qwen2_5_VLForConditionalGeneration, merged), [
        entry for entry in trainer.state.log_history if "loss" in entry
    ]
