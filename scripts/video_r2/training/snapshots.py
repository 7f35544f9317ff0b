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

from video_r2.checksums import STAMP, checksums_in, defect, write_sums
from video_r2.files import link_or_copy, replacing_folder, set_aside, synchronise
from video_r2.space import require_space, size
from video_r2.state import Lock

WHOLE = "step-[0-9]*[0-9]"
MADE = "made"  # what a training has made, when it has ended
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
        for left in self.folder.glob(".*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
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
            write_sums(partial)
            _synchronise(partial)
            partial.rename(whole)
        except Exception as error:
            # Not every library that writes says why it could not.
            if shutil.disk_usage(self.folder).free < SCANT:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(whole)) from error
            raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        synchronise(self.folder)
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

    def restore(self, output: str | Path) -> bool:
        """Put what the training has made into place once more, if it had ended before; false if it had not.

        Snakemake deletes what a job has made, if it did not come to note that the job was done.
        """
        made = self.folder / MADE
        if not made.exists() or not self._is_whole(made):
            return False
        with replacing_folder(output) as temporary:
            _link(made, temporary)
        print("the training had ended; what it made is put back")
        return True

    def end(self, output: str | Path) -> None:
        """Keep what the training has made in place of its states: under a second name, which takes no space.

        Args:
            output: folder with the checksums of what is in it.
        """
        _synchronise(Path(output))
        partial = self.folder / f".{MADE}"
        _link(Path(output), partial)
        _synchronise(partial)
        shutil.rmtree(self.folder / MADE, ignore_errors=True)
        partial.rename(self.folder / MADE)
        synchronise(self.folder)
        self.last = None
        for state in self._states():
            shutil.rmtree(state)

    def _states(self) -> list[Path]:
        return sorted(state for state in self.folder.glob(WHOLE) if state.name[5:].isdecimal())

    def _is_whole(self, state: Path) -> bool:
        try:
            wrong = defect(state, checksums_in(state))
        except OSError as error:
            wrong = f"cannot be read ({error.strerror})"
        if wrong is None:
            return True
        aside = set_aside(state)
        warnings.warn(
            f"{state}: this state of the training is damaged: {wrong}; set aside as {aside.name}; an earlier one is used, "
            "if there is any",
            stacklevel=2,
        )
        return False


def _link(source: Path, target: Path) -> None:
    """Give all files of a folder a second name below another."""
    for file in source.rglob("*"):
        if file.is_file() and file.name != STAMP:
            link_or_copy(file, target / file.relative_to(source))


def _synchronise(folder: Path) -> None:
    """Wait until a folder and all that is in it is on the disk."""
    for path in [*folder.rglob("*"), folder]:
        synchronise(path)
