"""What is looked at before the first job begins, so that no run stops after days for what could be known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from video_r2.data.sources import Source
from video_r2.errors import UserError
from video_r2.training.layout import layout_of, share_of
from video_r2.workflow import Plan

TRAININGS = frozenset({"train_sft", "train_grpo"})


def require_access(plan: Plan, jobs: Iterable[Any]) -> None:
    """Stop where one of the jobs that are to run fetches what cannot be had.

    Args:
        jobs: Snakemake's.

    Raises:
        UserError: naming every such source, and how to get access.
    """
    fetches = [job for job in jobs if job.rule.name.startswith("fetch_")]
    if fetches:
        from video_r2.data import access  # the hub's library takes half a second to load

        wanted = {source.key: source for source in (Source.model_validate(job.params.source) for job in fetches)}
        access.require(list(wanted.values()), plan.sources.lock, Path(plan.hub_cache))


def require_layouts(plan: Plan, jobs: Iterable[Any]) -> None:
    """Stop where a training is to be shared out among GPUs that it cannot be shared out among.

    Args:
        jobs: Snakemake's, that are to run.

    Raises:
        UserError: which training, and what to do.
    """
    for job in jobs:
        gpus = int(job.resources.get("gpu") or 0)
        if job.rule.name not in TRAININGS or not gpus or plan.config.training.devices.kind == "cpu":
            continue
        try:
            _require_layout(plan, job, gpus)
        except UserError as error:
            raise UserError(
                f"on {gpus} GPUs: {error.reason}",
                record=f"model {job.wildcards.model}",
                cure=f"training_gpus in site.yaml; {error.cure}",
            ) from error


def _require_layout(plan: Plan, job: Any, gpus: int) -> None:
    settings = plan.training(job.wildcards.model)
    asks = "rewards" in settings and bool(plan.reward_prompts(job.wildcards))
    served = plan.config.judge.serve.gpus if asks and plan.config.judge.serve else 0
    own = layout_of(plan.config.training.devices, job.resources, gpus, served)
    batch, rollouts = settings.get("global_batch") or settings["prompts_per_step"], settings.get("group_size", 1)
    share_of(batch, settings["per_device_batch"], own.processes, rollouts)
