"""Ways in which a file comes to harm."""

from __future__ import annotations

import random
from pathlib import Path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    bit = random.Random(path.name).randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def fold(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [truncate, empty, flip, fold, Path.unlink]
