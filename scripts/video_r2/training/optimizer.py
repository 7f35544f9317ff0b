"""From the configuration's settings to those of the Hugging Face trainers."""

from __future__ import annotations

from typing import Any

from video_r2.config import Optimizer
from video_r2.training.layout import Share
from video_r2.training.sharding import sharding_arguments
from video_r2.training.upkeep import Upkeep


def trainer_arguments(settings: Optimizer, share: Share, seed: int, upkeep: Upkeep) -> dict[str, Any]:
    """Arguments that `SFTConfig` and `GRPOConfig` have in common.

    Args:
        share: what of an optimizer step one process computes.
        upkeep: says where the trainer may write, and what it computes on.
    """
    return {
        "output_dir": str(upkeep.snapshots.folder),
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps,
        "per_device_train_batch_size": share.at_once,
        "gradient_accumulation_steps": share.passes,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "bf16": settings.bf16,
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "no",  # by the clock instead: video_r2.training.trainer
        "logging_nan_inf_filter": False,  # a loss that is no number is to be seen
        "report_to": "none",
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        **sharding_arguments(settings, upkeep.layout),
    }
