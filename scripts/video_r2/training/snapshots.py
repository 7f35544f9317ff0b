"""States of a training, kept on disk until it has ended, so that whatever ends it before costs no more than minutes.

A state lies outside of the declared outputs, which Snakemake deletes before a job begins and after it has failed.
"""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from video_r2.checksums import SUMS, defect, sha256_of, write_sums
from video_r2.files import set_aside
from video_r2.space import require_space, size
from video_r2.state import Lock

WHOLE = "step-[0-9]*[0-9]"
DIGITS = 9  # of a step in a folder's name, so that names sort as steps do
SCANT = 2**20  # bytes; with less than this left, a file that could not be written was too large for the disk


class Snapshots:
    """The last states of one training, in a folder that one process at a time works in.

    Used as a context manager: it takes the lock and finds the newest whole state. A damaged one is set aside with a warning,
    and the one before it is used.

    Args:
        folder: the training's own (`video_r2.state`).
        keep: how many states are kept.

    Attributes:
        last: folder of the newest whole state; None if there is none.
    """

    def __init__(self, folder: str | Path, keep: int) -> None:
        self.folder = Path(folder)
        self.last: Path | None = None
        self._keep = keep
        self._lock = Lock(self.folder / "lock")

    def __enter__(self) -> Snapshots:
        self._lock.take()
        for left in self.folder.glob(".step-*"):
            shutil.rmtree(left)
        self.last = next(filter(self._is_whole, reversed(self._states())), None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lock.free()

    @property
    def step(self) -> int:
        """Optimizer steps that were done at the newest state; 0 if there is none."""
        return 0 if self.last is None else int(self.last.name.removeprefix("step-"))

    @contextmanager
    def writing(self, step: int) -> Iterator[Path]:
        """Give a folder to write a state into, which is the newest one when the block ends well, and none when it does not.

        Raises:
            OSError: ENOSPC if the disk is full.
        """
        whole = self.folder / f"step-{step:0{DIGITS}d}"
        partial = self.folder / f".{whole.name}"
        partial.mkdir()
        try:
            yield partial
            _seal(partial)
            partial.rename(whole)
        except Exception as error:
            # Not every library that writes says why it could not.
            if shutil.disk_usage(self.folder).free < SCANT:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(whole)) from error
            raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        _synchronise(self.folder)
        self.last = whole
        for old in self._states()[: -self._keep]:
            shutil.rmtree(old)

    def make_room(self, snapshot: int, output: int) -> None:
        """See that there is space for the states that are kept, one that is being written, and the output.

        Args:
            snapshot, output: bytes of a state, and of what the training will leave.

        Raises:
            UserError: if there is not.
        """
        there = sum(file.stat().st_size for state in self._states() for file in state.rglob("*"))
        require_space(
            self.folder,
            snapshot * (self._keep + 1) + output - there,
            f"training, for {self._keep + 1} states of {size(snapshot)} and {size(output)} of weights,",
            "free some space, or keep fewer states (training.resumption.keep)",
        )

    def remove(self) -> None:
        """Remove all states: the training has ended, and what it was for is in place."""
        shutil.rmtree(self.folder)
        self.last = None

    def _states(self) -> list[Path]:
        return sorted(state for state in self.folder.glob(WHOLE) if state.name[5:].isdecimal())

    def _is_whole(self, state: Path) -> bool:
        try:
            wrong = defect(state, _found(state))
        except OSError as error:
            wrong = f"cannot be read ({error.strerror})"
        if wrong is None:
            return True
        aside = set_aside(state)
        warnings.warn(
            f"{state}: this state of the training is damaged: {wrong}; set aside as {aside.name}, the one before it is used",
            stacklevel=2,
        )
        return False


def _seal(state: Path) -> None:
    """Write the checksums of a state, and see that all of it is on the disk."""
    write_sums(state, _found(state))
    for path in state.rglob("*"):
        _synchronise(path)
    _synchronise(state)


def _found(state: Path) -> dict[str, str]:
    files = (file for file in state.rglob("*") if file.is_file() and file.name != SUMS)
    return {str(file.relative_to(state)): sha256_of(file) for file in files}


def _synchronise(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
