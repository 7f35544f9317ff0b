"""One process of a training on several devices. An agent starts it: python -m video_r2.training.worker FOLDER"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import cast

from video_r2.errors import Interrupted, UserError
from video_r2.run import Job, leave
from video_r2.training.layout import Layout
from video_r2.training.processes import PEER_IS_GONE
from video_r2.training.sharding import join
from video_r2.training.shared_folder import JOB, LAUNCH, read_job, write_ending
from video_r2.training.upkeep import Train, train_to_the_end
from video_r2.training.watch import ASKING

HEAD_START = 1.0  # seconds by which a process that was left behind ends before its agent


def main(folder: Path) -> None:
    """Take part in the training whose job lies in `folder`, and leave word there of how it ended."""
    rank = int(os.environ["RANK"])
    if rank:
        _print_to(folder / f"rank-{rank}.log")
    for asking in ASKING:
        signal.signal(asking, leave)
    Thread(target=_listen, daemon=True).start()
    told = json.loads((folder / LAUNCH).read_text(encoding="utf-8"))
    try:
        train = import_module(told["script"]).train
        take_part(train, read_job(folder / JOB), Layout(**told["layout"]), told["sharded"])
    except Interrupted as notice:
        write_ending(folder, f"rank-{rank}", kind="interrupted", step=notice.step, steps=notice.steps, why=notice.why)
    except UserError as error:
        what = {"reason": error.reason, "file": error.file, "record": error.record, "cure": error.cure}
        write_ending(folder, f"rank-{rank}", kind="user", **what)
        _end(1)
    except SystemExit as asked:  # before there was anything to save, or after
        _end(cast(int, asked.code))
    except Exception as error:  # noqa: BLE001 -- whatever it is, the launcher is to say so
        traceback.print_exc()
        if not PEER_IS_GONE.search(str(error)):
            write_ending(folder, f"rank-{rank}", kind="unexpected", rank=rank, traceback=traceback.format_exc())
        _end(1)
    _end(0)


def take_part(train: Train, job: Job, layout: Layout, sharded: bool) -> None:
    """Run a training as one of its processes, whose rank and the like the environment tells."""
    join(layout, sharded)
    train_to_the_end(job, train, layout)


def _print_to(log: Path) -> None:
    """Have all that this process prints go to a file; what the first process prints is enough for the job's log."""
    with log.open("wb") as file:
        for printed in (1, 2):
            os.dup2(file.fileno(), printed)


def _listen() -> None:
    """Take the signals that come over standard input; at its end, end at once: who started this is gone."""
    while number := os.read(sys.stdin.fileno(), 1):
        os.kill(os.getpid(), number[0])
    os._exit(1)


def _end(code: int) -> None:
    """End without taking anything down: DeepSpeed and process groups of which a part is gone may wait, or abort."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
