"""Supervised fine-tuning on timestamped traces: trl's SFTTrainer, LoRA on the language model (paper section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from trl import SFTConfig, SFTTrainer

from video_r2.config import Sft
from video_r2.data.conversations import Conversation
from video_r2.model.inputs import make_batch
from video_r2.training.examples import VideoEncoder, write_response
from video_r2.training.layout import share_of
from video_r2.training.optimizer import trainer_arguments
from video_r2.training.processes import place
from video_r2.training.trainer import SavingTrainer
from video_r2.training.upkeep import Upkeep

# All linear layers of the language model; not those of the vision tower, the merger, lm_head or embed_tokens.
LANGUAGE_MODEL_LINEAR = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"


def numbers_of(examples: Sequence[Conversation]) -> Dataset:
    """The examples' numbers as a data set, which is all that a trainer has to shuffle; column "example"."""
    return Dataset.from_dict({"example": list(range(len(examples)))})


class ResponseCollator:
    """Puts examples, given by number, into a batch whose labels are their responses."""

    def __init__(
        self,
        processor: Qwen2_5_VLProcessor,
        encode: VideoEncoder,
        examples: Sequence[Conversation],
        settings: Sft,
    ) -> None:
        self._processor, self._encode, self._examples, self._settings = processor, encode, examples, settings

    def __call__(self, rows: Sequence[dict[str, int]]) -> dict[str, Any]:
        examples = [self._examples[row["example"]] for row in rows]
        responses = [write_response(example, self._settings.trace) for example in examples]
        prompts = [example.parts[-1] for example in examples]
        batch = make_batch(self._processor, prompts, responses, self._encode(examples))
        return {**batch.model_inputs(), "labels": batch.labels}


class ResponseTrainer(SavingTrainer, SFTTrainer):
    """trl's trainer, which can be interrupted."""

    def take_up(self, logged: Sequence[Mapping[str, float]]) -> None:
        self._total_train_tokens = int(logged[-1]["num_tokens"])  # it would count from 0


def train_sft(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    encode: VideoEncoder,
    examples: Sequence[Conversation],
    settings: Sft,
    seed: int,
    upkeep: Upkeep,
    load: Callable[[], Qwen2_5_VLForConditionalGeneration],
) -> tuple[Qwen2_5_VLForConditionalGeneration, list[dict[str, float]]]:
    """Train adapters on `examples`, from the last saved state if there is one, and merge them.

    Args:
        load: gives the start once more, in float32, where the trained model is in shares.

    Returns:
        the merged model (of several processes in the first one), and what was logged: step, loss, accuracy of the next
        token, learning rate.

    Raises:
        Interrupted: if training was asked to leave and its state is saved.
        UserError: if training has gone wrong.
    """
    torch.manual_seed(seed)
    lora = LoraConfig(
        r=settings.lora.r,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules=LANGUAGE_MODEL_LINEAR,
        task_type="CAUSAL_LM",
    )
    share = share_of(settings.global_batch, settings.per_device_batch, upkeep.layout.processes)
    arguments = SFTConfig(
        **trainer_arguments(settings, share, seed, upkeep),
        logging_steps=1,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    trainer = ResponseTrainer(
        model=model,
        args=arguments,
        data_collator=ResponseCollator(processor, encode, examples, settings),
        train_dataset=numbers_of(examples),
        processing_class=processor,
        peft_config=lora,
    )
    if settings.sharding != "none":
        encode.keep_tower_whole(arguments.device)
    log = trainer.train_on(upkeep)
    whole = trainer.whole(lambda: get_peft_model(load(), lora))
    if place()[0] > 0:
        return model, log
    merged = cast(PeftModel, whole).merge_and_unload()
    return cast(Qwen2_5_VLForConditionalGeneration, merged), log
