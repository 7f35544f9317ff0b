"""Whether a disk has the space that a stage is going to need."""

from __future__ import annotations

import shutil
from pathlib import Path

from video_r2.errors import UserError


def require_space(folder: str | Path, needed: float, what: str, cure: str = "free some space and run again") -> None:
    """Stop before the work rather than within it.

    Args:
        folder: where the files will lie; it need not be there yet.
        needed: bytes, as far as can be told.
        what: what needs them, to be followed by "needs ... on this disk".

    Raises:
        UserError: if there is less.
    """
    there = Path(folder).absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < needed:
        raise UserError(f"{what} needs {size(needed)} on this disk, and {size(free)} are free", file=folder, cure=cure)


def size(number: float) -> str:
    """Bytes in words: "1.50 GB"."""
    return f"{number / 1e9:,.2f} GB" if number >= 1e8 else f"{number / 1e6:,.2f} MB"
