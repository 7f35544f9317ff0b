"""From the configuration's settings to those of the Hugging Face trainers."""

from __future__ import annotations

from typing import Any

import torch

from video_r2.config import Optimizer
from video_r2.errors import UserError


def trainer_arguments(
    settings: Optimizer, folder: str, global_batch: int, seed: int, devices: int = 1
) -> dict[str, Any]:
    """Arguments that `SFTConfig` and `GRPOConfig` have in common.

    Args:
        folder: where the trainer may write.
        global_batch: examples per optimizer step over all devices.

    Raises:
        UserError: if the global batch does not divide over the devices and their batches.
    """
    at_once = settings.per_device_batch * devices
    if global_batch % at_once:
        raise UserError(
            f"a global batch of {global_batch} does not divide into {devices} devices of {settings.per_device_batch} each",
            cure="choose a per_device_batch that divides it",
        )
    return {
        "output_dir": folder,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps,
        "per_device_train_batch_size": settings.per_device_batch,
        "gradient_accumulation_steps": global_batch // at_once,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "bf16": settings.bf16,
        "use_cpu": not torch.cuda.is_available(),
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "no",  # by the clock instead: video_r2.training.trainer
        "logging_nan_inf_filter": False,  # a loss that is no number is to be seen
        "report_to": "none",
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
    }
