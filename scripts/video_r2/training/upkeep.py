"""What keeps a training from being lost or wasted: its saved states, its watch over signals and time, its guard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from video_r2 import config
from video_r2.ended import note_end
from video_r2.run import Job
from video_r2.state import state_folder
from video_r2.training.guards import Guard
from video_r2.training.snapshots import Snapshots
from video_r2.training.watch import Watch, time_limit


@dataclass(frozen=True)
class Upkeep:
    """Attributes: the training's saved states, when to save and to leave, and what stops it."""

    snapshots: Snapshots
    watch: Watch
    guard: Guard


def train_to_the_end(job: Job, train: Callable[[Job, Upkeep], None]) -> None:
    """Have a job trained, from its last saved state if there is one; not at all if that had been done before, and what it
    made is to be put back only.

    Args:
        train: trains to the output `checkpoint`.

    Raises:
        UserError: if another process is at the same.
    """
    with keep_up(job) as upkeep:
        if not upkeep.snapshots.restore(job.output.checkpoint):
            train(job, upkeep)
            upkeep.snapshots.end(job.output.checkpoint)
        note_end(upkeep.snapshots.folder, job.output)


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
    folder = state_folder(given["folder"], job, job.output.checkpoint)
    with Snapshots(folder, resumption.keep) as snapshots:
        watch = Watch(resumption, time_limit(job.resources, began))
        yield Upkeep(snapshots, watch, Guard(guards, lambda: snapshots.last))
