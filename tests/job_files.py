"""Inputs and outputs as Snakemake gives them to scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from snakemake.iocontainers import InputFiles, OutputFiles

Files = TypeVar("Files", InputFiles, OutputFiles)


def named_files(kind: type[Files], **groups: Path | Sequence[Path]) -> Files:
    """One list of files, parts of which have names."""
    files = kind()
    for name, group in groups.items():
        first = len(files)
        files.extend([str(group)] if isinstance(group, Path) else [str(path) for path in group])
        files._set_name(name, first, end=None if isinstance(group, Path) else len(files))
    return files
