"""What keeps a training from being lost or wasted: its saved states, its watch over signals and time, its guard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from video_r2 import config
from video_r2.run import Job
from video_r2.training.guards import Guard
from video_r2.training.snapshots import Snapshots, state_name
from video_r2.training.watch import Watch, time_limit

NO_EFFECT = frozenset({"upkeep", "judge_service", "cache"})  # parameters that no weight depends on


@dataclass(frozen=True)
class Upkeep:
    """Attributes: the training's saved states, when to save and to leave, and what stops it."""

    snapshots: Snapshots
    watch: Watch
    guard: Guard


@contextmanager
def keep_up(job: Job) -> Iterator[Upkeep]:
    """Hold a job's saved states for as long as the block takes, alone.

    Raises:
        UserError: if another process holds them.
    """
    began = time.time()
    given = job.params.upkeep
    resumption = config.Resumption.model_validate(given["resumption"])
    guards = config.Guards.model_validate(given["guards"])
    params = {name: value for name, value in job.params.items() if name not in NO_EFFECT}
    name = state_name({**params, "output": str(job.output.checkpoint)}, [*job.input])
    with Snapshots(Path(given["folder"], job.rule, name), resumption.keep) as snapshots:
        watch = Watch(resumption, time_limit(job.resources, began))
        yield Upkeep(snapshots, watch, Guard(guards, lambda: snapshots.last))
