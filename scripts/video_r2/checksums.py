"""Checksums of what a folder holds: whether its files are still those that were written."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from video_r2.errors import UserError
from video_r2.files import files_below, replacing

SUMS = "SHA256SUMS"  # as `sha256sum -c` reads it
STAMP = ".snakemake_timestamp"  # by which Snakemake notes the time of a folder
SETTLED = 2.0  # seconds after which a file's time of change tells it from a later version


def sha256_of(path: str | Path) -> str:
    """Checksum of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums_in(folder: Path) -> dict[str, str]:
    """Checksums of a folder's files, by their paths below it; of all but `SUMS` and what Snakemake adds."""
    files = (file for file in sorted(files_below(folder)) if file.name not in (SUMS, STAMP))
    return {file.relative_to(folder).as_posix(): sha256_of(file) for file in files}


def write_sums(folder: Path, found: Mapping[str, str] | None = None) -> None:
    """Write the checksums of a folder's files into the folder.

    Args:
        found: the checksums (`checksums_in`), where they are known.
    """
    (folder / SUMS).write_text(_sums(checksums_in(folder) if found is None else found), encoding="utf-8")


def defect(folder: Path, found: Mapping[str, str]) -> str | None:
    """What is wrong with a folder; None if it holds what was written, and nothing else.

    Args:
        found: checksums of its files as they are now (`checksums_in`).

    Raises:
        OSError: if the checksums that were written cannot be read.
    """
    try:
        written = (folder / SUMS).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return f"{SUMS} is missing"
    if not found:
        return "it is empty"
    if written == _sums(found):
        return None
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in written.splitlines())}
    for name in sorted({*expected, *found}):
        if name not in found:
            return f"{name}, which {SUMS} lists, is missing"
        if found[name] != expected.get(name):
            return f"{name} ({(folder / name).stat().st_size:,} bytes) does not agree with {SUMS}"
    return f"{SUMS} is not what was written"


def _sums(found: Mapping[str, str]) -> str:
    return "".join(f"{found[name]}  {name}\n" for name in sorted(found))


def require_whole(path: Path) -> None:
    """Compare a file with the checksums in its folder, where there are any.

    Raises:
        UserError: if it is not as it was written.
    """
    sums = path.with_name(SUMS)
    if sums.is_file() and f"{sha256_of(path)}  {path.name}" not in sums.read_text("utf-8", "replace").splitlines():
        raise UserError(f"does not agree with {SUMS}: it is damaged, or was changed", file=path, cure="put a copy back")


class NotedChecksums:
    """Checksums of files, noted for later processes for as long as a file's size and time of change stay.

    Args:
        folder: of the notes; may be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[str, int, int], str] = {}

    def of(self, path: str | Path) -> str:
        """SHA-256 of a file, in hexadecimal digits.

        Raises:
            OSError: if it cannot be read.
        """
        status = os.stat(path)
        identity = (os.path.abspath(path), status.st_size, status.st_mtime_ns)
        if identity in self._known:
            return self._known[identity]
        name = hashlib.sha256("\0".join(map(str, identity)).encode()).hexdigest()
        note = self._folder / name[:2] / name
        settled = time.time() - status.st_mtime > SETTLED
        if settled and note.exists() and (noted := _read_note(note)) is not None:
            self._known[identity] = noted
            return noted
        digest = sha256_of(path)
        if settled:
            self._known[identity] = digest
            with replacing(note) as temporary:
                temporary.write_text(_note(digest), encoding="ascii")
        return digest


def _note(digest: str) -> str:
    return f"{digest} {hashlib.sha256(digest.encode()).hexdigest()}"


def _read_note(path: Path) -> str | None:
    """The checksum that was noted; None if the note is damaged."""
    note = path.read_text("ascii", "replace")
    digest = note.partition(" ")[0]
    return digest if note == _note(digest) else None
