"""Inputs that a job has to wait for, and that no result depends on: they are no reason to run it again.

Snakemake compares the names of all inputs with those that it noted when it made an output, and has no word for one that does
not count; of those that are `ancient`, the time alone does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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


@cache
def look_behind_ancient() -> None:
    """Have Snakemake see what else has changed of a job that waits for another by `ancient` inputs alone.

    It takes all that comes after a job that is to run for made again with it, and looks no further; then it leaves out what
    only waits for that job. With other settings, that was made by the run after this one.
    """
    from snakemake.dag import DAG  # at the top it would be the first of a circle of imports

    walk = DAG.bfs

    @wraps(walk)
    def walk_what_counts(
        self: Any, direction: Any, *jobs: Any, stop: Callable[[Any], bool] = lambda job: False
    ) -> Iterator[Any]:
        return walk(self, _ByMoreThanAncient(direction) if direction is self.depending else direction, *jobs, stop=stop)

    DAG.bfs = walk_what_counts


class _ByMoreThanAncient:
    """The jobs that come after a job, without those that only wait for it.

    Args:
        depending: by job, the files that each other job takes of it.
    """

    def __init__(self, depending: Mapping[Any, Mapping[Any, set[Any]]]) -> None:
        self._depending = depending

    def __getitem__(self, job: Any) -> dict[Any, set[Any]]:
        others = self._depending[job].items()
        return {other: files for other, files in others if not all(file.is_ancient for file in files)}
