"""Inputs and outputs as Snakemake gives them to scripts, and the record that a job leaves of an output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

from snakemake.iocontainers import InputFiles, OutputFiles, Params

from video_r2.provenance.attempts import Attempts
from video_r2.provenance.circumstances import ROOT, Beginning
from video_r2.provenance.record import keep

Files = TypeVar("Files", InputFiles, OutputFiles)


def named_files(kind: type[Files], **groups: Path | Sequence[Path]) -> Files:
    """One list of files, parts of which have names."""
    files = kind()
    for name, group in groups.items():
        first = len(files)
        files.extend([str(group)] if isinstance(group, Path) else [str(path) for path in group])
        files._set_name(name, first, end=None if isinstance(group, Path) else len(files))
    return files


def leave_record(output: Path, before: float = 0.0) -> None:
    """Leave a record of an output, given by its path below the current folder, as of a job that made it as it is now.

    Args:
        before: seconds of attempts that had been broken off.
    """
    job = SimpleNamespace(
        output=[str(output)],
        params=Params(fromdict={"code": "0"}),
        wildcards={},
        rule="make",
        threads=1,
        resources={},
    )
    attempts = Attempts(job)
    attempts.before = before
    keep(job, ROOT / "scripts/report.py", Beginning(attempts), [])
