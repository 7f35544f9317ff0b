"""Questions shared out among processes, each with a model of its own and, where there are GPUs, with one of them.

Whoever is free takes the next chunk. What is put together does not depend on the number of processes, so that the answers do
not either. One process, which has no model, collects them all.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, cast

import torch

from video_r2.errors import UserError
from video_r2.evaluation.answering import Chunk, Open, Put, Responses, put_here

PATIENCE = 30.0  # seconds that a process has to end by itself


@dataclass(frozen=True)
class Places:
    """Where answers are made.

    Attributes:
        processes: how many.
        gpus: names of the GPUs, which the processes take in turn; none to compute on CPUs.
        threads: of each process.
    """

    processes: int = 1
    gpus: tuple[str, ...] = ()
    threads: int = 1


def places_of(processes: int | None, resources: Any, threads: int) -> Places:
    """The places that a rule's resources and the configuration ask for.

    Args:
        processes: as configured; None for one on each GPU that the rule asks for, or one where there is none.
        resources: the job's, as Snakemake gives them.
        threads: of the job.

    Raises:
        UserError: if the rule asks for several GPUs, and there are fewer.
    """
    visible = _visible_gpus()
    asked = int(getattr(resources, "gpu", 0) or 0)
    if visible and asked > len(visible):
        raise UserError(
            f"the rule asks for {asked} GPUs, of which PyTorch sees {len(visible)}",
            cure="give it as many as there are (resources: gpu; prediction_gpus in site.yaml), or see that the GPUs' driver "
            "works (nvidia-smi)",
        )
    if asked and not visible:
        print("warning: the rule asks for a GPU, and PyTorch sees none: computing on CPUs", file=sys.stderr)
    gpus = visible[: max(asked, 1)]
    number = processes or max(len(gpus), 1)
    return Places(number, gpus, max(1, threads // number))


def _visible_gpus() -> tuple[str, ...]:
    number = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(named.split(",")[:number]) if named else tuple(map(str, range(number)))


def put_in(places: Places, open_answerer: Open) -> Put:
    """Answer in these places: in this process if it is one, and else in processes of their own."""
    if places.processes == 1:
        return put_here(open_answerer)

    def put(chunks: Sequence[Chunk]) -> Iterator[Responses]:
        needed = replace(places, processes=min(places.processes, len(chunks)))
        with _started(needed, open_answerer) as started:
            left = iter(chunks)
            busy = {own: process for own, process in started.items() if _give(own, next(left, None))}
            while busy:
                for own in cast(list[Connection], wait([*busy])):
                    said = _said(own, busy[own])
                    if said is not None:
                        yield said
                    elif not _give(own, next(left, None)):
                        del busy[own]

    return put


def _give(own: Connection, chunk: Chunk | None) -> bool:
    """Give a process its next chunk, or tell it that there is none."""
    with suppress(BrokenPipeError):  # what it has said before it ended is read next
        own.send(chunk)
    return chunk is not None


def _said(own: Connection, process: SpawnProcess) -> Responses | None:
    """What a process says: some responses, or that it is done with its chunk.

    Raises:
        UserError: if something is wrong, or it has died.
    """
    try:
        said = own.recv()
    except (EOFError, ConnectionError):
        process.join(PATIENCE)
        code = process.exitcode or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        raise UserError(
            f"one of the processes that answer {how}",
            cure="if it was killed for its memory: more mem_mb for the rule. Run again to go on with what is missing",
        ) from None
    if isinstance(said, UserError):
        raise said
    if isinstance(said, str):
        print(said, file=sys.stderr)
        raise UserError("one of the processes that answer ended with an error, which is above")
    responses: Responses | None = said
    return responses


@contextmanager
def _started(places: Places, open_answerer: Open) -> Iterator[dict[Connection, SpawnProcess]]:
    """Processes, by the connection to each; none of them is left at the end, whatever it is."""
    context = get_context("spawn")  # a forked one could not use a GPU
    started: dict[Connection, SpawnProcess] = {}
    where = f"GPUs {', '.join(places.gpus)}" if places.gpus else "CPUs"
    print(f"answering in {places.processes} processes on {where}")
    with tempfile.TemporaryDirectory(prefix="video-r2-answers-") as folder, ExitStack() as ending:
        logs = [Path(folder, f"{at}.log") for at in range(places.processes)]
        ending.callback(_tell, logs)
        ending.callback(_end, started)
        for at, log in enumerate(logs):
            own, others = context.Pipe()
            gpu = places.gpus[at % len(places.gpus)] if places.gpus else None
            process = context.Process(target=_serve, args=(open_answerer, gpu, places.threads, log, others))
            process.start()
            others.close()
            started[own] = process
        yield started


def _tell(logs: Sequence[Path]) -> None:
    """Print what the processes have printed, once where several have printed the same."""
    for text in dict.fromkeys(log.read_text(encoding="utf-8", errors="replace") for log in logs if log.exists()):
        sys.stderr.write(text)


def _end(started: dict[Connection, SpawnProcess]) -> None:
    """End processes: one that has been told that there is nothing left ends by itself, others when they hear nothing more."""
    for own in started:
        own.close()
    for process in started.values():
        process.join(PATIENCE)
        if process.is_alive():
            with suppress(ProcessLookupError):
                os.killpg(process.pid or 0, signal.SIGKILL)


# --- in a process of its own ------------------------------------------------------------------------------------------


def _serve(open_answerer: Open, gpu: str | None, threads: int, log: Path, parent: Connection) -> None:
    """Load the model, and answer what comes until there is nothing left."""
    os.setsid()  # a terminal's signals are for the parent; and whatever a model starts is of this group
    with log.open("wb") as file:
        for printed in (1, 2):
            os.dup2(file.fileno(), printed)
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu or ""
    torch.set_num_threads(threads)
    warnings.filterwarnings("default", category=UserWarning)  # lmms-eval silences them where it is imported
    chunks: SimpleQueue[Chunk | None] = SimpleQueue()
    Thread(target=_listen, args=(parent, chunks), daemon=True).start()
    try:
        answerer = open_answerer()
        while (chunk := chunks.get()) is not None:
            for responses in answerer.answer(*chunk):
                parent.send(responses)
            parent.send(None)
    except UserError as error:
        parent.send(error)
    except Exception:  # noqa: BLE001 -- whatever it is, the parent is to say so
        parent.send(traceback.format_exc())


def _listen(parent: Connection, chunks: SimpleQueue[Chunk | None]) -> None:
    """Take what the parent gives. Where it gives nothing more without having said so it is gone: end at once."""
    chunk: Chunk | None
    try:
        while (chunk := parent.recv()) is not None:
            chunks.put(chunk)
        chunks.put(None)
    except (EOFError, ConnectionError):
        os.killpg(os.getpgrp(), signal.SIGKILL)
