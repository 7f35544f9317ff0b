"""Under what circumstances a job ran: commit, packages, device, time, memory. Nothing that names the machine."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import resource
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from video_r2.gpus import gpus_of, gpus_there
from video_r2.provenance.attempts import Attempts

ROOT = Path(__file__).parents[3]  # of the repository
GIT_PATIENCE = 60  # seconds


class Commit(BaseModel):
    """The state of the repository.

    Attributes:
        id: of the commit that is checked out.
        difference: SHA-256 of what `git diff HEAD` says; None where tracked files are as the commit has them.
    """

    id: str
    difference: str | None


class Circumstances(BaseModel):
    """What a job ran in and what it took.

    Attributes:
        commit: None outside of a git checkout.
        packages: versions of the distributions that were imported, by name.
        device: model of the processor, or of the GPUs where some were used.
        gpus: number of GPUs that the job had, on all its nodes.
        seconds: from the beginning of the script's `main` to its end, in all attempts of a job that goes on from where it was
            broken off.
        processor_seconds: of all threads and processes of the last attempt, imports included.
        peak_memory_mb: of the largest process of the last attempt, in MiB.
        gpu_hours: number of GPUs times hours.
    """

    commit: Commit | None
    python: str
    packages: dict[str, str]
    device: str
    gpus: int
    threads: int
    seconds: float
    processor_seconds: float
    peak_memory_mb: int
    gpu_hours: float


class Beginning:
    """What is noted when a job begins: the commit, which may be another one when it ends; and its time."""

    def __init__(self, attempts: Attempts) -> None:
        self._commit = commit(ROOT)
        self._attempts = attempts

    def end(self, job: Any) -> Circumstances:
        """The circumstances of a job that ends now."""
        seconds = self._attempts.seconds
        device, gpus = _device(job.resources)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return Circumstances(
            commit=self._commit,
            python=platform.python_version(),
            packages=imported_packages(),
            device=device,
            gpus=gpus,
            threads=job.threads,
            seconds=round(seconds, 2),
            processor_seconds=round(sum(of.ru_utime + of.ru_stime for of in used), 2),
            peak_memory_mb=round(max(_own_peak(used[0]), _kibibytes(used[1])) / 1024),
            gpu_hours=round(gpus * seconds / 3600, 5),
        )


def commit(root: Path) -> Commit | None:
    """The commit of the checkout at `root`; None where `root` is not the top of one, or there is no git."""
    try:
        top, head = _git(root, "rev-parse", "--show-toplevel", "HEAD").decode().splitlines()
        if Path(top).resolve() != root.resolve():
            return None
        changes = _git(root, "diff", "HEAD", "--binary", "--no-color", "--no-ext-diff", "--no-textconv")
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Commit(id=head, difference=hashlib.sha256(changes).hexdigest() if changes else None)


def _git(root: Path, *arguments: str) -> bytes:
    environment = {
        **os.environ,
        "GIT_OPTIONAL_LOCKS": "0",
    }  # jobs that run at once, and a user at work, stay out of each other's way
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607 - whichever git the user has
        cwd=root,
        env=environment,
        capture_output=True,
        timeout=GIT_PATIENCE,
        check=True,
    )
    return done.stdout


def imported_packages() -> dict[str, str]:
    """Versions of the distributions of which something is imported, by name."""
    imported = {name.partition(".")[0] for name in sys.modules}
    found: dict[str, str] = {}
    for distribution in distributions():
        name = distribution.name
        if re.sub(r"[-_.]+", "_", name).lower() in imported or _modules(distribution) & imported:
            found.setdefault(name, distribution.version)
    return dict(sorted(found.items()))


def _modules(distribution: Any) -> set[str]:
    """The modules and packages at the top of a distribution whose name is not theirs (Pillow brings PIL)."""
    named = distribution.read_text("top_level.txt")
    if named is not None:
        return set(named.split())
    installed = distribution.read_text("RECORD") or ""
    return set(re.findall(r"^(\w+)(?:/|\.py|\.[\w-]+\.so)", installed, flags=re.MULTILINE))


def _device(resources: Any) -> tuple[str, int]:
    """Model of what did the work, and the number of GPUs: those that the job was given, whichever process used them."""
    nodes, asked = gpus_of(resources)
    torch = sys.modules.get("torch")
    is_used = torch is not None and torch.cuda.is_initialized()
    there = gpus_there() if asked or is_used else []
    if not there:
        return _processor(), 0
    return there[0], nodes * min(asked or 1, len(there))


def _processor() -> str:
    try:
        models = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), flags=re.MULTILINE)
    except OSError:
        models = []
    return models[0] if models else platform.processor() or platform.machine()


def _own_peak(used: resource.struct_rusage) -> float:
    """Peak memory of this process in KiB; what getrusage says counts that of the process it was started from as well."""
    try:
        peak = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), flags=re.MULTILINE)
    except OSError:
        peak = None
    return float(peak[1]) if peak else _kibibytes(used)


def _kibibytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024 if sys.platform == "darwin" else used.ru_maxrss
