"""SubRip subtitles (`.srt`), read and written."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from video_r2.errors import RejectedRecord
from video_r2.files import unreadable

# Hours may be left out, as in WebVTT; anything may follow the times (SubRip allows coordinates).
_TIME = r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
_TIMES = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$", re.ASCII)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|\{\\[^{}]*\}")


@dataclass(frozen=True)
class Cue:
    """A subtitle: its text, shown from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


def defects_of(path: str | Path) -> list[RejectedRecord]:
    """What cannot be read of a subtitle file: cues, or all of it."""
    rejected: list[RejectedRecord] = []
    try:
        read_srt(path, rejected)
    except RejectedRecord as error:
        rejected.append(error)
    return rejected


def read_srt(path: str | Path, rejected: list[RejectedRecord] | None = None) -> list[Cue]:
    """Read the cues of a subtitle file, in the order of their start.

    Formatting tags are left out. A cue that is malformed is set aside and the others are read.

    Args:
        path: the `.srt` file; UTF-8, with or without a byte order mark.
        rejected: takes what is set aside, by line number; without it, a warning is given for each.

    Raises:
        RejectedRecord: if the file is missing, is not UTF-8, or has no usable cue.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RejectedRecord(
            f"is not UTF-8 text (byte {error.start} is 0x{error.object[error.start]:02x})",
            file=path,
            cure="convert it, for example with iconv -f WINDOWS-1252 -t UTF-8",
        ) from error
    except OSError as error:
        raise unreadable(error, path, "fetch the subtitles again") from error
    cues: list[Cue] = []
    for number, block in _blocks(text):
        try:
            cues.append(_read_cue(block))
        except ValueError as error:
            cue = RejectedRecord(str(error), file=path, record=f"line {number}", cure="correct the cue, or remove it")
            if rejected is None:
                warnings.warn(str(cue), stacklevel=2)
            else:
                rejected.append(cue)
    if not cues:
        raise RejectedRecord("has no usable cue", file=path, cure="fetch the subtitles again, or remove the file")
    return sorted(cues, key=lambda cue: (cue.start, cue.end))


def active_text(cues: Sequence[Cue], time: float, tolerance: float) -> str:
    """Text on screen at `time`; the lines of overlapping cues are joined in the order of their start.

    A cue also counts up to `tolerance` seconds before and after it, unless another is on screen then: at the boundary
    of two cues only one is shown.
    """
    for slack in (0.0, tolerance):
        active = [cue.text for cue in cues if cue.start - slack <= time < cue.end + slack]
        if active:
            return "\n".join(active)
    return ""


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that stand together, with the number of the first; files without blank lines are split at their times."""
    lines = [line.strip() for line in text.splitlines()]
    block: list[str] = []
    begin = 0
    for number, line in enumerate([*lines, ""], start=1):
        if not line:
            if block:
                yield begin, block
            block = []
            continue
        if "-->" in line and any("-->" in earlier for earlier in block):
            # The cue's own number, where it has one, is the last line before its times.
            own = [block.pop()] if block[-1].isdigit() else []
            yield begin, block
            block, begin = own, number - len(own)
        if not block:
            begin = number
        block.append(line)


def _read_cue(block: Sequence[str]) -> Cue:
    at = next((number for number, line in enumerate(block[:2]) if "-->" in line), None)
    if at is None:
        raise ValueError(f"has no line of times, START --> END: {block[0][:60]!r}")
    match = _TIMES.match(block[at])
    if match is None:
        raise ValueError(f"times cannot be read: {block[at][:60]!r}; they look like 00:00:01,000 --> 00:00:02,500")
    start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
    if end <= start:
        raise ValueError(f"ends before it starts: {block[at][:60]!r}")
    lines = [stripped for line in block[at + 1 :] if (stripped := _TAG.sub("", line).strip())]
    if not lines:
        raise ValueError("has no text")
    return Cue(start, end, "\n".join(lines))


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    # "5" after the comma is 5 tenths: the fraction is read as written.
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{fraction}")


def format_srt(cues: Iterable[tuple[float, float, str]]) -> str:
    """Subtitles (start and end in seconds, text) as the text of an `.srt` file."""
    blocks = [
        f"{number}\n{_srt_time(start)} --> {_srt_time(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(cues, start=1)
    ]
    return "\n".join(blocks)


def _srt_time(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{milliseconds:03d}"
