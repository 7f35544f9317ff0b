"""What keeps a training from being lost or wasted: its saved states, its watch over signals and time, its guard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from video_r2 import config
from video_r2.ended import note_end
from video_r2.run import Job
from video_r2.state import state_folder
from video_r2.training.guards import Guard
from video_r2.training.layout import ALONE, Layout
from video_r2.training.processes import gather, place, tell
from video_r2.training.snapshots import Snapshots
from video_r2.training.watch import Watch, time_limit


@dataclass(frozen=True)
class Upkeep:
    """Attributes: the training's saved states, when to save and to leave, what stops it, and what it computes on."""

    snapshots: Snapshots
    watch: Watch
    guard: Guard
    layout: Layout = ALONE

    @contextmanager
    def saving(self, step: int) -> Iterator[Path]:
        """Give, in every process, the folder of a new state, which is whole when all of them have left the block.

        Raises:
            OSError: ENOSPC if the disk is full.
        """
        if place()[0] > 0:
            yield tell(Path())
            gather(None)
            return
        with self.snapshots.writing(step) as folder:
            yield tell(folder)
            gather(None)


Train = Callable[[Job, Upkeep], None]  # a script's function that trains


def train_to_the_end(job: Job, train: Train, layout: Layout = ALONE) -> None:
    """Have a job trained, from its last saved state if there is one; not at all if that had been done before, and what it
    made is to be put back only.

    Args:
        train: trains to the output `checkpoint`.
        layout: of the processes that do this together.

    Raises:
        UserError: if another process is at the same.
    """
    with keep_up(job, layout) as upkeep:
        is_first = place()[0] == 0
        if not tell(is_first and upkeep.snapshots.restore(job.output.checkpoint)):
            train(job, upkeep)
            if is_first:
                upkeep.snapshots.end(job.output.checkpoint)
        if is_first:
            note_end(upkeep.snapshots.folder, job.output)


@contextmanager
def keep_up(job: Job, layout: Layout = ALONE) -> Iterator[Upkeep]:
    """Hold a job's saved states for as long as the block takes, alone; of several processes the first one does.

    Raises:
        UserError: if another process holds them.
    """
    began = time.time()
    given = job.params.upkeep
    resumption = config.Resumption.model_validate(given["resumption"])
    guards = config.Guards.model_validate(given["guards"])
    alone = layout.processes == 1
    watch = Watch(resumption, time_limit(job.resources, began), patient=not alone)
    if place()[0] > 0:
        folder, last = tell((Path(), Path()))
        snapshots = Snapshots(folder, resumption.keep)
        snapshots.last = last
        yield Upkeep(snapshots, watch, Guard(guards, lambda: last), layout)
        return
    folder = state_folder(given["folder"], job, job.output.checkpoint)
    # What each process has saved is of use to as many processes.
    folder = folder if alone else folder.with_name(f"{folder.name}-of-{layout.processes}")
    with Snapshots(folder, resumption.keep) as snapshots:
        tell((folder, snapshots.last))
        yield Upkeep(snapshots, watch, Guard(guards, lambda: snapshots.last), layout)
