"""Starting a training: in this process, or in one process for each device, on one node or several, by torchrun's agent.

    this process (the rule's script)  ->  an agent on each node (video_r2.training.agent)  ->  its processes (...worker)

The others' standard input is a pipe from here. What is written to it are the signals that ask to leave; its end means that
this process is gone, for whatever reason, and ends them all: none is left behind.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import IO, Any, NoReturn, cast

import torch
from transformers import Qwen2_5_VLConfig

from video_r2 import config
from video_r2.errors import Interrupted, UserError
from video_r2.judge import gpus_of_server
from video_r2.run import Job
from video_r2.training import agent
from video_r2.training.layout import Layout, layout_of
from video_r2.training.memory import Shape, needed_by, require_memory
from video_r2.training.processes import LOOPBACK
from video_r2.training.shared_folder import JOB, LAUNCH, read_endings, write_job
from video_r2.training.upkeep import Train, train_to_the_end
from video_r2.training.watch import ASKING

PATIENCE = 60  # seconds that processes are given to end when they have to


def launch(train: Train, job: Job, settings: config.Sft | config.Grpo) -> None:
    """Run `train(job, upkeep)` on the devices that the job's resources ask for.

    Args:
        train: the function of that name of the job's script.
        job: its input `start` is the checkpoint that training starts from.

    Raises:
        Interrupted: if training was asked to leave and its state is saved.
        UserError: if the layout cannot be used, or training has gone wrong.
    """
    devices = config.Devices.model_validate(job.params.upkeep["devices"])
    layout = layout_of(devices, job.resources, visible := torch.cuda.device_count(), gpus_of_server(job.params))
    sharded = settings.sharding != "none"
    print(f"training on {layout}")
    if layout.kind == "gpu":
        shape = Shape.of(
            Qwen2_5_VLConfig.from_pretrained(job.input.start).to_dict()
        )  # with what config.json leaves out
        print(require_memory(needed_by(shape, settings, layout), layout, memory_of_gpu()))
    if layout.processes == 1 and not sharded and (layout.kind == "cpu" or visible == 1):
        train_to_the_end(job, train, layout)
        return
    checkpoint = Path(job.output.checkpoint)
    folder = checkpoint.with_name(f".{checkpoint.name}.processes")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_job(job, max(1, job.threads // layout.per_node), folder / JOB)
    script = Path(train.__globals__["__file__"]).stem
    (folder / LAUNCH).write_text(json.dumps(_told(layout, sharded, script)), encoding="utf-8")
    _run(layout, folder, job.threads)
    shutil.rmtree(folder, ignore_errors=True)


def memory_of_gpu() -> int:
    """Bytes of this node's first GPU; asked for by another process, since to ask takes some of it."""
    ask = "import torch; print(torch.cuda.get_device_properties(0).total_memory)"
    return int(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout)


def _told(layout: Layout, sharded: bool, script: str) -> dict[str, Any]:
    """What agents and workers are told."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    host = "127.0.0.1" if layout.nodes == 1 else socket.gethostname()
    of_layout = {"nodes": layout.nodes, "per_node": layout.per_node, "kind": layout.kind}
    return {"layout": of_layout, "sharded": sharded, "script": script, "endpoint": f"{host}:{port}"}


def _run(layout: Layout, folder: Path, threads: int) -> None:
    """Run the agents until they end.

    Raises:
        Interrupted, UserError: as a worker says that it has ended.
    """
    command = [sys.executable, "-m", agent.__name__, str(folder)]
    if layout.nodes > 1:
        command = [*_on_every_node(layout, threads), *command]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": str(max(1, threads // layout.per_node)),
    }
    if layout.kind == "cpu":
        environment["DS_ACCELERATOR"] = "cpu"  # DeepSpeed's own name for it
    if layout.kind == "cpu" and layout.nodes == 1:
        environment.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,  # a terminal's signals come here only
    ) as agents:
        lifeline, printed = cast(IO[bytes], agents.stdin), cast(IO[bytes], agents.stdout)
        reader = Thread(target=_pass_on, args=(printed,), daemon=True)
        reader.start()
        try:
            with _asking(lifeline) as asked:
                agents.wait()
        finally:
            with suppress(OSError):
                lifeline.close()
            try:
                agents.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(agents.pid, signal.SIGKILL)
            reader.join(PATIENCE)
    endings = read_endings(folder)
    if asked and {ending["kind"] for ending in endings} == {"died"}:
        raise SystemExit(128 + asked[0])  # there was nothing to save
    _end_as(endings, agents.returncode)


def _on_every_node(layout: Layout, threads: int) -> list[str]:
    """SLURM's command that runs another one once on each node of the job."""
    return [
        "srun",
        f"--nodes={layout.nodes}",
        f"--ntasks={layout.nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={threads}",
        "--cpu-bind=none",
        "--kill-on-bad-exit=1",
        "--unbuffered",
    ]


@contextmanager
def _asking(lifeline: IO[bytes]) -> Iterator[list[int]]:
    """Pass the first signal that asks to leave on to a worker of each node, who tells the others; the second ends all.

    Yields:
        the signals that have come.
    """
    asked: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        if asked:
            raise SystemExit(128 + number)
        asked.append(number)
        with suppress(OSError):
            os.write(lifeline.fileno(), bytes([number]))

    before = {number: signal.signal(number, pass_on) for number in ASKING}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pass_on(printed: IO[bytes]) -> None:
    """Print what the processes print, progress bars included."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while some := os.read(printed.fileno(), 2**16):
        sys.stdout.write(decode(some))
        sys.stdout.flush()


def _end_as(endings: Sequence[Mapping[str, Any]], code: int) -> None:
    """End as the training has: with the first of what its processes say went wrong, if anything did."""
    for kind in ("interrupted", "user", "unexpected", "died"):
        if ending := next((each for each in endings if each["kind"] == kind), None):
            _raise(ending)
    if code:
        raise UserError(f"the processes of the training ended with code {code}", cure="see above what they say")


def _raise(ending: Mapping[str, Any]) -> NoReturn:
    if ending["kind"] == "interrupted":
        raise Interrupted(ending["step"], ending["steps"], ending["why"])
    if ending["kind"] == "user":
        raise UserError(ending["reason"], file=ending["file"], record=ending["record"], cure=ending["cure"])
    if ending["kind"] == "unexpected":
        print(ending["traceback"], file=sys.stderr)
        raise UserError(f"the process of rank {ending['rank']} ended with an error, which is above")
    raise UserError(
        f"the process of rank {ending['rank']} {ending['how']}, and the others with it",
        cure="if it was killed for its memory: more mem_mb for the rule. Run again to go on from the last saved state",
    )
