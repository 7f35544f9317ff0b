"""The GPUs of a job: how many it asks for, and which there are."""

from __future__ import annotations

import re
from typing import Any

from video_r2.findings import output

_PER_NODE = re.compile(r"--gpus-per-node[= ](?:[\w.-]+:)?(\d+)")
PATIENCE = 60  # seconds that the driver is given to answer


def gpus_of(resources: Any) -> tuple[int, int]:
    """Nodes of a job and GPUs on each, from its resources: over several nodes those that `slurm_extra` asks for."""
    nodes, total = int(resources.get("nodes") or 1), int(resources.get("gpu") or 0)
    asked = _PER_NODE.search(str(resources.get("slurm_extra") or ""))
    return (nodes, int(asked[1])) if asked and not total else (1, total)


def gpus_there() -> list[str]:
    """Models of this node's GPUs, as their driver names them; asked without a hold on any of them."""
    told = output(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], patience=PATIENCE) or ""
    return [name.strip() for name in told.splitlines() if name.strip()]
