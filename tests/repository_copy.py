"""Copies of the repository with results of their own, and Snakemake in them."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

COPIED = [
    *["Makefile", "README.md", "config.yaml", "sources.yaml", "envs", "local", "profiles", "rules", "scripts", "slurm"],
    "workflow",
]


def copy_repository(root: Path, folder: Path) -> Path:
    """Copy what the workflow runs with into `folder`."""
    for name in COPIED:
        source = root / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name, follow_symlinks=False)
    return folder


def snakemake(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run Snakemake to a good end, with these variables of the environment besides; what it said."""
    return _said([sys.executable, "-m", "snakemake", *arguments], folder, environment, is_good=True)


def snakemake_fails(folder: Path, *arguments: str) -> str:
    """Run Snakemake, which has to fail; what it said."""
    return _said([sys.executable, "-m", "snakemake", *arguments], folder, None, is_good=False)


def _said(command: list[str], folder: Path, environment: Mapping[str, str] | None, is_good: bool) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert (done.returncode == 0) == is_good, done.stdout[-6000:]
    return done.stdout


def why(folder: Path, *arguments: str) -> str:
    """What scripts/why.py says."""
    done = subprocess.run(
        [sys.executable, "scripts/why.py", *arguments], cwd=folder, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout


def rules_in(said: str) -> set[str]:
    """The rules that would run, from the table of a dry run."""
    return {rule for rule, _ in re.findall(r"^(\w+) +(\d+)$", said, flags=re.MULTILINE)} - {"total"}


def finish(folder: Path, *arguments: str) -> None:
    """Make empty files of all results, and have Snakemake record that its jobs made them as they are now."""
    for job in json.loads(why(folder, *arguments, "--json"))["jobs"]:
        for output in map(folder.joinpath, job["outputs"]):
            if output.suffix:
                output.parent.mkdir(parents=True, exist_ok=True)
                output.touch()
            else:
                output.mkdir(parents=True, exist_ok=True)
    snakemake(folder, "all", *arguments, "--touch", "--forceall", "--quiet", "all")


class DryRuns:
    """Dry runs in one folder, each in a process that begins with all that Snakemake imports: a second instead of four.

    Args:
        folder: where Snakemake runs.
        warm: arguments of dry runs to begin with.
    """

    def __init__(self, folder: Path, warm: Iterable[Sequence[str]]) -> None:
        context = multiprocessing.get_context("fork")
        self._requests, theirs = context.Pipe()
        self._server = context.Process(target=_serve, args=(folder, [*warm], theirs))
        self._server.start()
        theirs.close()
        self._requests.recv()  # from here on the folder may be edited

    def would_run(self, runs: Sequence[Sequence[str]], forget: Sequence[str] = ()) -> list[set[str]]:
        """The rules that would run with each of these arguments; `forget` are modules that have changed since the beginning."""
        self._requests.send((runs, forget))
        said = self._requests.recv()
        for of_one in said:
            assert "Error" not in of_one, of_one
            assert "Job stats" in of_one or "Nothing to be done" in of_one, of_one
        return [rules_in(of_one) for of_one in said]

    def close(self) -> None:
        self._requests.send(None)
        self._server.join()


def _serve(folder: Path, warm: Sequence[Sequence[str]], requests: Connection) -> None:
    os.chdir(folder)
    for arguments in warm:
        _dry_run(arguments)
    requests.send("warm")
    while (request := requests.recv()) is not None:
        context = multiprocessing.get_context("fork")
        job = context.Process(target=_answer, args=(*request, requests))
        job.start()
        job.join()


def _answer(runs: Sequence[Sequence[str]], forget: Sequence[str], requests: Connection) -> None:
    from video_r2 import code_digest, packages

    for cached in (code_digest.project, packages.named_versions):
        cached.cache_clear()
    for name in forget:
        del sys.modules[name]
    requests.send([_dry_run(arguments) for arguments in runs])


def _dry_run(arguments: Sequence[str]) -> str:
    from snakemake.cli import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        main([*arguments, "--dry-run", "--nolock", "--quiet", "host", "rules"])
    return said.getvalue()


def state(paths: Iterable[Path]) -> dict[Path, Any]:
    """Contents and times of files, for `restore`."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def restore(files: dict[Path, Any]) -> None:
    """Bring files back to what they were."""
    for path, (content, changed) in files.items():
        path.write_bytes(content)
        os.utime(path, ns=(changed, changed))
