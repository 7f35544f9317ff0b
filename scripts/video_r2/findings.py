"""What was looked at, and how it is: what `make doctor` prints."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "wrong"]
SIGNS: dict[Level, str] = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}
TIMEOUT = 10  # seconds, for each question asked of others


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: as it should be, worth knowing, or something without which the run cannot end well.
        cure: what to do about it.
    """

    level: Level
    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{SIGNS[self.level]} {self.what}" + (f"\n      -> {self.cure}" if self.cure else "")


def output(command: Sequence[str], patience: float = TIMEOUT) -> str | None:
    """What a program says; None if there is no such program, it fails, or it takes longer than so many seconds."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=patience,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
