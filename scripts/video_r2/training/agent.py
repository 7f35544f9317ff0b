"""Torchrun's agent on one node of a training: it starts the node's processes, and ends all of them when one has died.

python -m video_r2.training.agent FOLDER
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from threading import Thread

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from video_r2.training import worker
from video_r2.training.shared_folder import LAUNCH, write_ending


def main(folder: Path) -> None:
    """Run this node's processes until they have ended."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        # A scheduler may send them to every process; those of the training save and leave, and this one waits for them.
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_the_launcher, daemon=True).start()
    told = json.loads((folder / LAUNCH).read_text(encoding="utf-8"))
    layout = told["layout"]
    configuration = LaunchConfig(
        min_nodes=layout["nodes"],
        max_nodes=layout["nodes"],
        nproc_per_node=layout["per_node"],
        run_id=folder.name,
        rdzv_backend="c10d",
        rdzv_endpoint=told["endpoint"],
        max_restarts=0,  # the training is run again, and goes on from its last saved state
        local_addr="127.0.0.1" if layout["nodes"] == 1 else None,
        logs_specs=DefaultLogsSpecs(log_dir=str(folder / "torchrun")),
        signals_to_handle="SIGINT",
    )
    try:
        elastic_launch(configuration, sys.executable)("-m", worker.__name__, str(folder))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        name = signal.Signals(-failure.exitcode).name if failure.exitcode < 0 else ""
        how = f"was ended by {name}" if name else f"ended with code {failure.exitcode}"
        write_ending(folder, f"agent-{os.uname().nodename}", kind="died", rank=rank, how=how)
        sys.exit(1)


def _end_with_the_launcher() -> None:
    """Wait until the other end of standard input is closed, without taking from it what is for the workers."""
    poll = select.poll()
    poll.register(sys.stdin.fileno(), 0)
    poll.poll()
    time.sleep(worker.HEAD_START)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
