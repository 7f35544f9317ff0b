"""How the time that something takes grows with the length of a text."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMES = 8
QUADRATIC = float(TIMES)
"""What `growth` gives where time grows with the square of the length; where it grows with the length, 1 or less."""


def growth(do: Callable[[str], object], unit: str, length: int = 2_000) -> float:
    """Time per character of a text of `TIMES` x `length` characters, as a multiple of that of one of `length`.

    The least of three, in turn: whatever else the machine does makes some of them longer.
    """

    def seconds(length: int, turn: int) -> float:
        text = (unit * length)[:length] + " " * turn  # no text twice: what was read may be remembered
        begun = time.process_time()
        do(text)
        return time.process_time() - begun

    turns = [(seconds(length, turn), seconds(TIMES * length, turn)) for turn in range(3)]
    short, long = (min(times) for times in zip(*turns, strict=True))
    return long / short / TIMES
