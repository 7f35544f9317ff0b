"""Inputs that a job has to wait for, and that no result depends on: they are no reason to run it again.

Snakemake compares the names of all inputs with those that it noted when it made an output, and has no word for one that does
not count; of those that are `ancient`, the time alone does not count.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import Any

from snakemake.persistence import PersistenceBase

from video_r2.state import without_effect


@cache  # once, however often this process reads the Snakefile
def leave_out_uncompared() -> None:
    """Have Snakemake neither note nor compare the inputs that are named in `state.NO_EFFECT`."""
    all_inputs = PersistenceBase._input

    @wraps(all_inputs)
    def compared(self: Any, job: Any) -> list[str]:
        paths, left_out = all_inputs(self, job), without_effect(job.input)
        return [path for path in paths if path not in left_out] if left_out else paths

    PersistenceBase._input = compared
