"""What a job keeps outside of its declared outputs, so that it can go on after it was broken off: where, and who is at it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from video_r2.checksums import SUMS, checksums_in, defect, sha256_of
from video_r2.errors import UserError

if TYPE_CHECKING:
    from video_r2.run import Job

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "numpy")  # whose versions decide about bits
RECORDS = frozenset({"log.jsonl", "manifest.json"})  # of a checkpoint: no result depends on them
# Parameters and inputs that no result depends on.
NO_EFFECT = frozenset(
    {"upkeep", "state", "judge_service", "judge_weights", "cache", "keep", "processes", "max_rejected", "published"}
)


def state_folder(folder: str | Path, job: Job, output: str | Path) -> Path:
    """Folder of a job's state, below `folder`: another one for all that would give another result.

    Args:
        output: what tells the job from others of its rule.

    Raises:
        UserError: if an input is missing or damaged (`state_name`).
    """
    params = {name: value for name, value in job.params.items() if name not in NO_EFFECT}
    left_out = without_effect(job.input)
    inputs = [path for path in job.input if str(path) not in left_out]
    return Path(folder, job.rule, state_name({**params, "output": str(output)}, inputs))


def without_effect(inputs: Any) -> set[str]:
    """Those of a job's inputs that no result depends on."""
    named = (getattr(inputs, name, []) for name in NO_EFFECT)
    return {str(path) for entry in named for path in ([entry] if isinstance(entry, str | Path) else entry)}


def state_name(params: Mapping[str, Any], inputs: Sequence[str | Path]) -> str:
    """Name that a state goes by: 16 hexadecimal digits, others for all that would give another result.

    Args:
        params: settings, seed, digest of the code and the like.
        inputs: files, taken by what they hold, and checkpoints, taken by their weights, tokenizer and settings.

    Raises:
        UserError: if an input is missing, or a checkpoint is not as it was written. To be asked before it is loaded: its
            checksums are computed here anyway.
    """
    parts = {
        "params": dict(sorted(params.items())),
        "inputs": [_contents(Path(path)) for path in inputs],
        "libraries": {name: _version(name) for name in LIBRARIES},
    }
    return digest_of(parts)


def digest_of(value: Any) -> str:
    """16 hexadecimal digits, others for another value; the order of keys counts, because it may count for a result."""
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:16]


def _version(name: str) -> str | None:
    """The version of a package; None where it is not installed, because the stage does without it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _contents(path: Path) -> dict[str, str]:
    try:
        if path.is_file():
            return {"": sha256_of(path)}
        path.stat()
        found = checksums_in(path)
        wrong = defect(path, found) if (path / SUMS).exists() else None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", file=path) from error
    if wrong is not None:
        raise UserError(
            f"this checkpoint is damaged: {wrong}",
            file=path,
            cure=f"put a copy back, or delete the folder; it will be made again. If it was changed on purpose: delete {SUMS}",
        )
    return {name: digest for name, digest in found.items() if name not in RECORDS}


class Lock:
    """A file that one process at a time can hold, and that says who does. The system frees it when the process dies.

    Forked processes do not hold it: what is left of a killed training does not keep its successor out. A process that holds
    it must not ask about it: to the system, whoever closes the file lets go of it.

    Args:
        path: the file.
        place: what is locked, to be named to who is kept out; the file's folder by default.
    """

    def __init__(self, path: Path, place: Path | None = None) -> None:
        self._path = path
        self._place = place or path.parent
        self._handle: int | None = None

    def take(self) -> None:
        """Hold the lock.

        Raises:
            UserError: if another process holds it.
        """
        while True:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            except FileNotFoundError:  # whoever held it has just ended and removed the folder
                continue
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                holder = os.read(handle, 1000).decode("utf-8", "replace").strip()
                os.close(handle)
                raise UserError(
                    f"another process is at this: {holder or 'it does not say which'}",
                    file=self._place,
                    cure="wait until it has ended, or end it",
                ) from error
            if self._path.exists() and os.path.samestat(os.fstat(handle), self._path.stat()):
                break
            os.close(handle)  # of a file that has been removed meanwhile
        holder = f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"
        os.ftruncate(handle, 0)
        os.write(handle, f"{holder}\n".encode())
        self._handle = handle

    def free(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def last_holder(self) -> str | None:
        """Who holds the lock, or held it last; None if nobody ever did."""
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").strip() or None
        except FileNotFoundError:
            return None

    def is_held(self) -> bool:
        """Whether another process holds the lock."""
        try:
            handle = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return True
        finally:
            os.close(handle)
        return False


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of this file, after whoever else does has let go of it."""
    lock, told = Lock(path), False
    while True:
        try:
            lock.take()
            break
        except UserError as error:
            if not told:
                print(f"waiting: {error.reason}")
            told = True
            time.sleep(0.1)
    try:
        yield
    finally:
        lock.free()
