"""Checksums of what a folder holds: whether its files are still those that were written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

SUMS = "SHA256SUMS"  # as `sha256sum -c` reads it
STAMP = ".snakemake_timestamp"  # by which Snakemake notes the time of a folder


def sha256_of(path: str | Path) -> str:
    """Checksum of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums_in(folder: Path) -> dict[str, str]:
    """Checksums of a folder's files, by their paths below it; of all but `SUMS` and what Snakemake adds."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.name not in (SUMS, STAMP))
    return {file.relative_to(folder).as_posix(): sha256_of(file) for file in files}


def write_sums(folder: Path) -> None:
    """Write the checksums of a folder's files into the folder."""
    (folder / SUMS).write_text(_sums(checksums_in(folder)), encoding="utf-8")


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
