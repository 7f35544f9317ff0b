"""What a run needs besides this repository: whether it is there, and what to do where it is not."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from video_r2.errors import UserError
from video_r2.space import size
from video_r2.workflow import Plan

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


def examine(plan: Plan, network: bool) -> Iterator[tuple[str, list[Finding]]]:
    """Look at everything, section by section.

    Args:
        network: ask the hub and the judge's server, too.
    """
    yield "Environment", list(environment(plan.scripts.parent / "requirements.lock"))
    yield "Disk", list(disk(plan))
    yield "Cluster", list(cluster())
    yield "GPUs", list(gpus())
    yield "Token", list(token(network))
    yield "Judge", list(judge(plan, network))
    yield "Sources", list(sources(plan, network))


def environment(lock: Path) -> Iterator[Finding]:
    """Python, and the packages of the lock file that this Python has in another version or not at all."""
    yield Finding("ok", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    locked = dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)(?: \\)?$", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))
    installed = {name.lower(): version for name in locked if (version := _version(name)) is not None}
    others = [f"{name} {installed[name]}" for name in installed if installed[name].split("+")[0] != locked[name]]
    if others:
        yield Finding("wrong", f"not as in {lock.name}: {', '.join(others[:5])}", "make env")
    else:
        yield Finding("ok", f"{len(installed)} packages as in {lock.name}")
    if shutil.which("conda"):
        yield Finding("ok", f"conda: {shutil.which('conda')}")
        if shutil.which("nvcc") is None:
            what = "no nvcc: environments are made without flash-attn, and jobs use torch's own attention"
            yield Finding("note", what, "load CUDA before they are made (docs/cluster.md)")
    else:
        yield Finding("note", "no conda: all jobs run in the environment that Snakemake runs in")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def disk(plan: Plan) -> Iterator[Finding]:
    """Whether what is still to be downloaded, as far as the table knows it, fits; archives are unpacked beside themselves."""
    there = Path(plan.results).absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    needed, unknown = 0.0, 0
    for source in plan.all_sources():
        known = plan.sources.table.get(source.hub)
        if plan.sources.record_file(source).exists():
            continue
        if known is None or known.gigabytes is None:
            unknown += 1
        else:
            needed += known.gigabytes * (2e9 if source.kind == "dataset" else 1e9)
    what = f"{size(free)} free for {plan.results}, at least {size(needed)} needed for downloads"
    what += f" and {unknown} sources of unknown size" if unknown else ""
    fits = free >= needed
    yield Finding("ok" if fits else "wrong", what, "" if fits else "put results/ on a larger disk (a link will do)")


def cluster() -> Iterator[Finding]:
    """SLURM, its partitions and their GPUs."""
    if shutil.which("sbatch") is None:
        yield Finding("note", "no sbatch: --profile slurm can be planned here (-n), and not run")
        return
    said = _output(["sinfo", "--noheader", "--format=%P|%a|%D|%G"])
    if said is None:
        yield Finding("wrong", "sinfo does not answer", "run it by hand; ask those who run the cluster")
        return
    partitions = [line.split("|") for line in said.splitlines() if line.count("|") == 3]
    for name, state, nodes, resources in partitions:
        shown = resources if "gpu" in resources else "no GPU"
        yield Finding("ok" if state == "up" else "note", f"partition {name}: {state}, {nodes} nodes, {shown}")
    if not any("gpu" in resources for *_, resources in partitions):
        yield Finding("wrong", "no partition has GPUs", "training and prediction ask for them; ask for access to one")


def gpus() -> Iterator[Finding]:
    """GPUs of this machine; on a cluster it need not have any."""
    said = _output(["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
    for line in (said or "").splitlines():
        yield Finding("ok", line.strip())
    if not said:
        yield Finding("note", "none on this machine; a cluster's jobs have those that they ask for")


def token(network: bool) -> Iterator[Finding]:
    """Whether a token for the hub is there, and accepted; it is never shown."""
    # Half a second, which other commands need not wait for.
    import httpx2
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    cure = "hf auth login, or set HF_TOKEN; sources with terms need it"
    if get_token() is None:
        yield Finding("note", "no token for the Hugging Face hub", cure)
        return
    if not network:
        yield Finding("ok", "there is a token for the Hugging Face hub")
        return
    try:
        yield Finding("ok", f"the hub knows this token as {HfApi().whoami()['name']}")
    except (HfHubHTTPError, OfflineModeIsEnabled, httpx2.TransportError) as error:
        if isinstance(error, HfHubHTTPError) and error.response.status_code == 401:
            yield Finding("wrong", "the hub does not accept this token", cure)
        else:
            yield Finding("note", f"the hub was not asked about this token: {type(error).__name__}")


def judge(plan: Plan, network: bool) -> Iterator[Finding]:
    """Whether the judge's server answers, or what starts one is there, where one is configured."""
    settings = plan.config.judge
    if settings.kind != "rules" and settings.serve is not None:
        program = settings.serve.command[0]
        if shutil.which(program):
            yield Finding("ok", f"{program} is there; jobs start it for {settings.model} on {settings.serve.gpus} GPUs")
        else:
            yield Finding(
                "wrong", f"no program {program}, which jobs would start", "make judge, or judge.serve.command"
            )
        return
    if settings.kind == "rules" or settings.url is None:
        yield Finding("ok", "rules judge; no server is needed")
        return
    if not network:
        yield Finding("note", f"{settings.model} at {settings.url} is not asked")
        return
    try:
        # The configuration takes addresses of http and https alone.
        with urllib.request.urlopen(f"{settings.url.rstrip('/')}/models", timeout=TIMEOUT) as answer:  # noqa: S310
            answer.read()
        yield Finding("ok", f"{settings.url} answers")
    except urllib.error.HTTPError as error:
        yield Finding("note", f"{settings.url} answers {error.code}")
    except (OSError, ValueError) as error:
        yield Finding(
            "note", f"no server at {settings.url} ({error})", "start one before what it judges runs: docs/metrics.md"
        )


def sources(plan: Plan, network: bool) -> Iterator[Finding]:
    """Every source: what it is for, which commit, its licence, and whether it can be had."""
    wanted = plan.all_sources()
    if not wanted:
        yield Finding("ok", "nothing is downloaded")
        return
    refused: dict[str, UserError] = {}
    states = {source.key: "" for source in wanted}
    if network:
        from video_r2.data.access import check

        for found in check(wanted, plan.sources.lock, Path(plan.hub_cache)):
            states[found.source.key] = found.state
            if found.problem is not None:
                refused[found.source.key] = found.problem
    for source in wanted:
        known, locked = plan.sources.table.get(source.hub), plan.sources.lock.get(source.key)
        about = [
            known.purpose if known else "not in sources.yaml",
            f"commit {locked.commit[:12]}" if locked else f"revision {source.revision}, not locked yet",
            f"licence {known.license}" if known and known.license else "licence: see its page",
            f"{known.gigabytes:g} GB" if known and known.gigabytes else "size unknown",
            *(["terms to accept"] if known and known.access == "terms" else []),
            *([states[source.key]] if states[source.key] else []),
        ]
        problem = refused.get(source.key)
        level: Level = "ok" if problem is None else "wrong" if states[source.key] == "refused" else "note"
        cure = f"{problem.reason}: {problem.cure}" if problem else ""
        yield Finding(level, f"{source.kind} {source.hub}: {'; '.join(about)}", cure)


def _output(command: Sequence[str]) -> str | None:
    """What a program says; None if there is no such program, or it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
