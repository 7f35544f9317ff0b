"""DeepSpeed ZeRO: what is shared out among the processes of a training, and how it is put together again."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from video_r2.config import Optimizer
from video_r2.model.loading import load_model
from video_r2.training.layout import Layout
from video_r2.training.processes import place

# That processes wait for each other: for the longest completion and its judge, for a state that is written. A process that
# has died is noticed sooner, by its agent.
PATIENCE = timedelta(hours=1)
STAGES = {"zero2": 2, "zero3": 3}


def deepspeed_configuration(settings: Optimizer) -> dict[str, Any] | None:
    """DeepSpeed's configuration for a way of sharding; None for none. "auto" is filled in by transformers.

    Of stage 3, parameters of up to 10 widths (norms, biases) stay whole on every device, as transformers advises.
    """
    if settings.sharding == "none":
        return None
    zero: dict[str, Any] = {"stage": STAGES[settings.sharding], "overlap_comm": True, "contiguous_gradients": True}
    if settings.sharding == "zero3":
        sizes = ("reduce_bucket_size", "stage3_prefetch_bucket_size", "stage3_param_persistence_threshold")
        zero |= dict.fromkeys(sizes, "auto")
    return {
        "bf16": {"enabled": settings.bf16},
        "zero_optimization": zero,
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "steps_per_print": 2**31,  # the trainer logs
    }


def join(layout: Layout, sharded: bool) -> None:
    """Join the process group that torchrun's environment tells of, for accelerate and DeepSpeed too."""
    if layout.kind == "gpu":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # What is no tensor on a GPU, such as who was asked to leave, goes over gloo.
    torch.distributed.init_process_group("gloo" if layout.kind == "cpu" else "cpu:gloo,cuda:nccl", timeout=PATIENCE)
    if sharded:
        os.environ["ACCELERATE_USE_DEEPSPEED"] = "true"
    if sharded and layout.kind == "cpu":
        from deepspeed import ops

        ops.__compatible_ops__["deepspeed_shm_comm"] = False  # else it would be compiled here; gloo does as well
    # DeepSpeed on a CPU is no CPU training to accelerate, which would pass DeepSpeed over.
    PartialState(cpu=layout.kind == "cpu" and not sharded, backend="gloo" if layout.kind == "cpu" else None)


def sharding_arguments(settings: Optimizer, layout: Layout) -> dict[str, Any]:
    """Arguments of the Hugging Face trainers that say what is computed on, and by how many."""
    arguments: dict[str, Any] = {
        "use_cpu": layout.kind == "cpu",
        "deepspeed": deepspeed_configuration(settings),
    }
    if torch.distributed.is_initialized():
        arguments["accelerator_config"] = {"use_configured_state": True}
    return arguments


def is_held_in_bf16(settings: Optimizer) -> bool:
    """Whether weights are bfloat16 on the devices, as DeepSpeed has them, and in the checkpoint that is left."""
    return settings.bf16 and settings.sharding != "none"


def load_to_train(start: str | Path, settings: Optimizer) -> Qwen2_5_VLForConditionalGeneration:
    """Load the checkpoint that training starts from, in the numbers that DeepSpeed would make of it."""
    return load_model(start, settings.attention, bf16=is_held_in_bf16(settings))


def tower_alone(model: Qwen2_5_VLForConditionalGeneration) -> Qwen2_5_VLForConditionalGeneration:
    """Take a model's vision tower out, and give it as a model that has nothing else.

    The tower is frozen and runs once for each video, in another order in every process: what is not whole there cannot be
    put together for it, since all processes would have to take part.
    """
    alone = copy.copy(model)
    alone._modules = {"model": copy.copy(model.model)}
    alone.model._modules = {"visual": model.model.visual}
    del model.model.visual
    return alone


def whole_weights(trained: Mapping[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    """The trained weights in float32, put together from what the processes have; of use in the first process only."""
    from deepspeed.utils import safe_get_full_fp32_param

    whole = {}
    for name, weight in trained.items():
        together = safe_get_full_fp32_param(weight)
        if place()[0] == 0:
            whole[name] = together.detach().cpu().clone()
    unset_hf_deepspeed_config()  # else the next model would be loaded in shares, too
    return whole
