"""What is looked at before the first job begins, so that no run stops after days for what could be known."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from socket import inet_aton, inet_ntoa
from typing import Any, cast
from urllib.parse import urlsplit

from video_r2.config import Grpo, Sft
from video_r2.data.sources import Source
from video_r2.errors import UserError
from video_r2.gpus import gpus_of
from video_r2.planning.assumptions import Assumptions, read_assumptions
from video_r2.site import read_site
from video_r2.training.layout import layout_of, share_of
from video_r2.training.memory import Shape, at_its_peak, needed_by, require_memory, shape_in
from video_r2.workflow import Plan

LOOPBACK = frozenset({"localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"})
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


def is_loopback(url: str) -> bool:
    """Whether an address is that of the machine itself, whichever asks it."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host in LOOPBACK or host.endswith(".localhost"):
        return True
    try:
        # "127.1" is an address, too.
        address = ip_address(host if ":" in host else inet_ntoa(inet_aton(host)))
    except (ValueError, OSError):
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def require_judge(plan: Plan, jobs: Iterable[Any]) -> None:
    """Stop where jobs of a cluster are to ask a judge at an address at which each of its nodes finds itself alone.

    Args:
        jobs: Snakemake's, that are to run.

    Raises:
        UserError: with what to set.
    """
    judge = plan.config.judge
    if judge.serve is not None or judge.url is None or not is_loopback(judge.url):
        return
    if asking := sorted({job.rule.name for job in jobs if getattr(job.params, "judge_prompts", None)}):
        raise UserError(
            f"{', '.join(asking)} ask a judge at {judge.url}, which is another machine on every node",
            cure="judge: {url: null, serve: {gpus: 4}}, with which jobs start one; or the address of a server that they reach "
            "(docs/metrics.md); or make only what needs none, such as the target predictions",
        )


def require_layouts(plan: Plan, jobs: Iterable[Any]) -> dict[str, float]:
    """Stop where a training cannot be shared out among its GPUs, or needs more memory than they have.

    How much they have is known where `gpu_type` in site.yaml is one of planning/assumptions.yaml; the job looks at its own.

    Args:
        jobs: Snakemake's, that are to run.

    Returns:
        by rule, the bytes that its trainings need of each GPU, estimated, where the model's shape is known.

    Raises:
        UserError: which training, and what to do.
    """
    needed: dict[str, float] = {}
    for job in jobs:
        nodes, gpus = gpus_of(job.resources)
        if job.rule.name not in TRAININGS or not gpus or plan.config.training.devices.kind == "cpu":
            continue
        try:
            of_one = _require_layout(plan, job, gpus)
        except UserError as error:
            raise UserError(
                f"on {f'{nodes} x ' if nodes > 1 else ''}{gpus} GPUs: {error.reason}",
                record=f"model {job.wildcards.model}",
                cure=f"{'training_gpus in site.yaml' if nodes == 1 else 'other resources of the rule'}; {error.cure}",
            ) from error
        if of_one is not None:
            needed[job.rule.name] = max(needed.get(job.rule.name, 0.0), of_one)
    return needed


def _require_layout(plan: Plan, job: Any, gpus: int) -> float | None:
    name = job.wildcards.model
    settings = cast(Sft | Grpo, plan.config.settings_of(name))
    asks = isinstance(settings, Grpo) and bool(plan.reward_prompts(job.wildcards))
    served = plan.config.judge.serve.gpus if asks and plan.config.judge.serve else 0
    own = layout_of(plan.config.training.devices, job.resources, gpus, served)
    rollouts = settings.group_size if isinstance(settings, Grpo) else 1
    share_of(getattr(settings, settings.step_batch), settings.per_device_batch, own.processes, rollouts)
    assumed = read_assumptions()
    shape = _shape_of(plan, name, assumed)
    if shape is None:
        return None
    parts = needed_by(shape, settings, own)
    if memory := assumed.gpu_memory(read_site().gpu_type):
        require_memory(parts, own, memory * 2**30)
    return at_its_peak(parts)


def _shape_of(plan: Plan, name: str, assumed: Assumptions) -> Shape | None:
    """The shape of a model: that of what its training starts from, as far as that is there or known."""
    entry = plan.config.models[name]
    while entry.start is not None:
        name, entry = entry.start, plan.config.models[entry.start]
    there = shape_in(plan.checkpoint(name, plan.config.seeds[0]))
    known = assumed.shapes.get(entry.hub or "")
    return there or (Shape.of(known) if known else None)
