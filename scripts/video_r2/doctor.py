"""What a run needs besides this repository: whether it is there, and what to do where it is not."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from video_r2 import config
from video_r2.before_run import is_loopback
from video_r2.cluster import cluster
from video_r2.errors import UserError
from video_r2.findings import TIMEOUT, Finding, Level, output
from video_r2.space import size
from video_r2.workflow import Plan


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
    locked = locked_versions(lock)
    found = {name: _version(name) for name in locked}
    absent = [name for name, version in found.items() if version is None]
    others = [
        f"{name} {version}" for name, version in found.items() if version and version.split("+")[0] != locked[name]
    ]
    if absent:
        # With conda, a rule's packages are those of its own environment.
        level: Level = "note" if shutil.which("conda") else "wrong"
        yield Finding(level, f"not installed, of {lock.name}: {_some(absent)}", "make env")
    if others:
        yield Finding("wrong", f"not as in {lock.name}: {_some(others)}", "make env")
    elif len(absent) < len(locked):
        yield Finding("ok", f"{len(locked) - len(absent)} packages as in {lock.name}")
    if shutil.which("conda"):
        yield Finding("ok", f"conda: {shutil.which('conda')}")
        if shutil.which("nvcc") is None:
            what = "no nvcc: environments are made without flash-attn, and jobs use torch's own attention"
            yield Finding("note", what, "load CUDA before they are made (docs/cluster.md)")
    else:
        yield Finding("note", "no conda: all jobs run in the environment that Snakemake runs in")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def locked_versions(lock: Path) -> dict[str, str]:
    """Versions of the packages that a lock file names for this Python and system."""
    lines = re.findall(r"^[\w.-]+==[^\\\n]+", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        entry.name: str(entry.specifier).removeprefix("==")
        for entry in map(Requirement, lines)
        if entry.marker is None or entry.marker.evaluate()
    }


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
    what = (
        f"{size(free)} free for {plan.results}, at least {size(needed)} needed for downloads alone (make plan: for all)"
    )
    what += f" and {unknown} sources of unknown size" if unknown else ""
    fits = free >= needed
    yield Finding("ok" if fits else "wrong", what, "" if fits else "put results/ on a larger disk (a link will do)")


def gpus() -> Iterator[Finding]:
    """GPUs of this machine; on a cluster it need not have any."""
    said = output(["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
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
    """Whether the judge's server answers and serves its model, or what starts one is there, where one is configured."""
    settings = plan.config.judge
    if settings.kind == "rules":
        yield Finding("ok", "rules judge; no server is needed")
    elif settings.serve is not None:
        yield from _served(settings, settings.serve)
    elif settings.url is not None:
        yield from _at_address(settings, settings.url, network)


def _served(settings: config.Judge, serve: config.JudgeServer) -> Iterator[Finding]:
    program = serve.command[0]
    if shutil.which(program):
        yield Finding("ok", f"{program} is there; jobs start it for {settings.model} on {serve.gpus} GPUs")
    else:
        yield Finding("wrong", f"no program {program}, which jobs would start", "make judge, or judge.serve.command")
    if settings.model.startswith(("/", ".")) and not Path(settings.model).is_dir():
        yield Finding("wrong", f"there is no folder {settings.model}", "judge.model: a folder, or an id of the hub")


def _at_address(settings: config.Judge, url: str, network: bool) -> Iterator[Finding]:
    if is_loopback(url) and shutil.which("sbatch"):
        cure = "judge: {url: null, serve: {gpus: 4}}, or the address of a server that they reach (docs/metrics.md)"
        yield Finding("wrong", f"{url} is another machine on every node: jobs of the cluster find no judge there", cure)
    if not network:
        yield Finding("note", f"{settings.model} at {url} is not asked")
        return
    key = os.environ.get("OPENAI_API_KEY")
    # The configuration takes addresses of http and https alone.
    request = urllib.request.Request(f"{url.rstrip('/')}/models")  # noqa: S310
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            served = _names(answer.read())
    except urllib.error.HTTPError as error:
        refused = error.code in (401, 403)
        cure = "export OPENAI_API_KEY, the key that it asks for" if refused else ""
        yield Finding("wrong" if refused else "note", f"{url} answers {error.code}", cure)
        return
    except (OSError, ValueError) as error:
        yield Finding("note", f"no server at {url} ({error})", "start one before what it judges runs: docs/metrics.md")
        return
    if served and settings.model not in served:
        cure = f"judge.model, or a server of it (--served-model-name {settings.model})"
        yield Finding("wrong", f"{url} serves {', '.join(served)}, and not {settings.model}", cure)
    else:
        yield Finding("ok", f"{url} answers" + (f", and serves {settings.model}" if served else ""))


def _names(listed: bytes) -> list[str]:
    """The models of a server's list; none where it is no such list, which some servers do not have."""
    try:
        return [str(model["id"]) for model in json.loads(listed)["data"]]
    except (ValueError, LookupError, TypeError):
        return []


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
