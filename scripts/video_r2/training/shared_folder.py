"""What the processes of a training share in a folder: the job, for those that have no Snakemake, and how each ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from video_r2.run import Job

JOB, LAUNCH = "job.json", "launch.json"  # its files
NAMED = ("input", "output", "params", "wildcards")


class Entries(SimpleNamespace):
    """Named entries as Snakemake gives them: attributes, and a sequence of the values."""

    def items(self) -> Any:
        return vars(self).items()

    def __iter__(self) -> Iterator[Any]:
        return iter(vars(self).values())

    def __getitem__(self, place: int) -> Any:
        return list(self)[place]


def write_job(job: Job, threads: int, file: Path) -> None:
    """Write what a process needs of its job, which has so many `threads` for it."""
    told: dict[str, Any] = {name: dict(getattr(job, name, {}).items()) for name in NAMED}
    told |= {"rule": job.rule, "threads": threads, "runtime": getattr(job.resources, "runtime", None)}
    file.write_text(json.dumps(told, default=str), encoding="utf-8")


def read_job(file: Path) -> Job:
    """Read what `write_job` has written. Its log is its first process's."""
    told = json.loads(file.read_text(encoding="utf-8"))
    entries = {name: Entries(**told[name]) for name in NAMED}
    resources = SimpleNamespace(runtime=told["runtime"])
    return cast(
        Job, SimpleNamespace(**entries, rule=told["rule"], threads=told["threads"], resources=resources, log=[])
    )


def write_ending(folder: Path, name: str, **told: Any) -> None:
    """Leave word of how a process has ended."""
    partial = folder / f".{name}"
    partial.write_text(json.dumps({"at": time.time(), **told}), encoding="utf-8")
    partial.rename(folder / f"{name}.ending")


def read_endings(folder: Path) -> list[dict[str, Any]]:
    """How processes have ended, the first one first."""
    endings = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.ending")]
    return sorted(endings, key=lambda ending: ending["at"])
