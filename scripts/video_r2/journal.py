"""A file of results that are appended one by one, and that is good after a crash at any byte.

Every line holds a checksum and a JSON object. A line that was cut off is forgotten; damaged ones are set aside with a
warning, and what they held is to be made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from video_r2.files import replacing
from video_r2.state import Lock

CHECKSUM = 16  # hexadecimal digits


class Journal:
    """Reads what a journal holds, then appends to it; one process at a time.

    Attributes:
        entries: what was there when it was opened, in order.

    Args:
        path: the file, which is made where it is missing, in a folder of its own.

    Raises:
        UserError: if another process has the journal open.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(self._path.with_name(f"{self._path.name}.lock"))
        self._lock.take()
        self.entries = self._recover()
        self._file = self._path.open("ab")

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Add entries; when this returns, they are on the disk."""
        self._file.write(b"".join(_line(entry) for entry in entries))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let other processes have the journal."""
        self._file.close()
        self._lock.free()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _recover(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        content = self._path.read_bytes()
        *lines, cut_off = content.split(b"\n")
        read = [_entry(line) for line in lines]
        damaged = sum(entry is None for entry in read)
        if damaged:
            aside = self._path.with_name(f"{self._path.name}.damaged")
            aside.write_bytes(content)
            warnings.warn(
                f"{self._path}: {damaged} of {len(lines)} lines are damaged and will be made again; the file is kept as "
                f"{aside.name}",
                stacklevel=3,
            )
        good = [entry for entry in read if entry is not None]
        if damaged or cut_off:
            with replacing(self._path) as temporary:
                temporary.write_bytes(b"".join(_line(entry) for entry in good))
        return good


def _line(entry: Mapping[str, Any]) -> bytes:
    content = json.dumps(entry, ensure_ascii=False).encode()
    return _checksum(content) + b" " + content + b"\n"


def _entry(line: bytes) -> dict[str, Any] | None:
    checksum, _, content = line.partition(b" ")
    if checksum != _checksum(content):
        return None
    entry: dict[str, Any] = json.loads(content)
    return entry


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest()[:CHECKSUM].encode()
