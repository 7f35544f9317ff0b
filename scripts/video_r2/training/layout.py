"""How a training is laid out over nodes and devices; the global batch is kept whatever their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from video_r2.config import Devices
from video_r2.errors import UserError


@dataclass(frozen=True)
class Layout:
    """Where a training's processes are: `per_node` on each of `nodes`, and what each computes on."""

    nodes: int = 1
    per_node: int = 1
    kind: Literal["gpu", "cpu"] = "cpu"

    @property
    def processes(self) -> int:
        return self.nodes * self.per_node

    def __str__(self) -> str:
        what = "process{} on CPUs" if self.kind == "cpu" else "GPU{}"
        several = ("es" if self.kind == "cpu" else "s") if self.processes > 1 else ""
        return f"{f'{self.nodes} x ' if self.nodes > 1 else ''}{self.per_node} {what.format(several)}"


ALONE = Layout()  # one process on the CPU


def layout_of(devices: Devices, resources: Any, visible: int, others: int = 0) -> Layout:
    """The layout that a rule's resources ask for.

    Args:
        resources: the job's, as Snakemake gives them: `nodes`, and `gpu` for one node. Over several nodes SLURM takes no total
            (docs/training.md), and every visible GPU is used.
        visible: GPUs that this node shows.
        others: how many of them, the last ones, are left to the judge's server, on each node.

    Raises:
        UserError: if there are fewer than were asked for, or none for the training itself.
    """
    nodes = int(getattr(resources, "nodes", 0) or 1)
    if devices.kind == "cpu":
        return Layout(nodes, devices.processes, "cpu")
    asked = int(getattr(resources, "gpu", 0) or 0) if nodes == 1 else 0
    if visible < max(asked, 1):
        raise UserError(
            f"the training asks for {asked or 'one or more'} GPUs on this node, of which PyTorch sees {visible}",
            cure="give the rule as many as there are (resources: gpu), see that the GPUs' driver works (nvidia-smi), or set "
            "training.devices.kind: cpu for a small model",
        )
    own = (asked or visible) - others
    if own < 1:
        raise UserError(
            f"of the training's {asked or visible} GPUs on a node, the judge's server takes {others}, which leaves it none",
            cure="ask for more (training_gpus in site.yaml), or name a server that runs elsewhere in judge.url",
        )
    return Layout(nodes, own, "gpu")


@dataclass(frozen=True)
class Share:
    """What of an optimizer step one process computes.

    Attributes:
        at_once: examples in one forward pass.
        passes: forward and backward passes whose gradients are added up.
        parts: processes that share an example: each generates and learns so large a part of its rollouts.
    """

    at_once: int
    passes: int
    parts: int = 1


def share_of(batch: int, at_once: int, processes: int, rollouts: int = 1) -> Share:
    """Share an optimizer step's examples out among processes.

    Args:
        batch: examples of the step, over all processes.
        at_once: examples that one forward pass may have at most.
        rollouts: of each example, which processes can share.

    Raises:
        UserError: if they cannot all have the same.
    """
    if batch % processes == 0:
        own = batch // processes
        fitting = max(number for number in range(1, at_once + 1) if own % number == 0)
        return Share(fitting, own // fitting)
    parts = processes // batch
    if processes % batch or rollouts % parts:
        examples = f"{batch} prompts of {rollouts} rollouts" if rollouts > 1 else f"{batch} examples"
        raise UserError(
            f"an optimizer step's {examples} cannot be shared out equally among {processes} processes",
            cure=f"use a number of GPUs that divides {batch * rollouts}, or change the global batch",
        )
    return Share(1, 1, parts)
