"""Whether a SLURM cluster is what site.yaml says of it, for `make doctor`."""

from __future__ import annotations

import getpass
import math
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from video_r2.errors import UserError
from video_r2.files import read_yaml
from video_r2.findings import Finding, Level, output
from video_r2.site import FILE, Site, read_site

PROFILE = Path(__file__).parents[2] / "profiles" / "slurm" / "config.yaml"
SINFO = ["sinfo", "--noheader", "--exact", "--format=%P|%a|%D|%l|%G|%m|%c"]


@dataclass(frozen=True)
class Nodes:
    """Alike nodes of a partition, a line of sinfo.

    Attributes:
        limit: hours that a job may take there; None for no limit.
        gpus: on each node, by type; a type without a name is empty.
        memory: of each node, in MB.
        cores: of each node.
    """

    partition: str
    is_default: bool
    state: str
    number: str
    limit: float | None
    gpus: dict[str, int]
    memory: float
    cores: float

    @property
    def shown_gpus(self) -> str:
        """As sbatch is asked for them."""
        return ", ".join(f"{kind or 'gpu'}:{number}" for kind, number in self.gpus.items()) or "no GPU"


def cluster() -> Iterator[Finding]:
    """SLURM, its partitions and their GPUs, and what site.yaml says of them."""
    try:
        site = read_site()
    except UserError as error:
        yield Finding("wrong", error.reason, error.cure or "")
        return
    if shutil.which("sbatch") is None:
        yield Finding("note", "no sbatch: --profile slurm can be planned here (-n), and not run")
        return
    status = site.options.get("slurm-status-command", "sacct")
    if shutil.which(status) is None:
        yield Finding("wrong", f"no {status}, by which jobs are asked about", "run where SLURM's commands are")
    said = output(SINFO)
    if said is None:
        yield Finding("wrong", "sinfo does not answer", "run it by hand; ask those who run the cluster")
        return
    nodes = [_nodes(line) for line in said.splitlines() if line.count("|") == 6]
    for each in nodes:
        level: Level = "ok" if each.state == "up" else "note"
        limit = "no limit" if each.limit is None else f"{each.limit:g} h"
        shown = f"{each.state}, {each.number} nodes, {each.shown_gpus}, {limit}"
        yield Finding(level, f"partition {each.partition}{'*' * each.is_default}: {shown}")
    if not any(each.gpus for each in nodes):
        yield Finding("wrong", "no partition has GPUs", "training and prediction ask for them; ask for access to one")
        return
    yield from _account(site)
    yield from _partitions(site, nodes)


def _nodes(line: str) -> Nodes:
    name, state, number, limit, resources, memory, cores = line.split("|")
    gpus: dict[str, int] = {}
    # Such as gpu:a100:8(S:0-1),gpu:2; what is in brackets says which cores are near.
    for kind, count in re.findall(r"\bgpu(?::([A-Za-z0-9_.-]+))??:(\d+)(?![\w.-])", resources):
        gpus[kind] = gpus.get(kind, 0) + int(count)
    return Nodes(
        name.rstrip("*"), name.endswith("*"), state, number, _hours(limit), gpus, _count(memory), _count(cores)
    )


def _count(written: str) -> float:
    """A number; endless where nodes differ ("515000+"), of which the least is told alone."""
    return int(written) if written.strip().isdecimal() else math.inf


def _hours(limit: str) -> float | None:
    """Hours of a time limit as sinfo writes it: D-HH:MM:SS, HH:MM:SS, MM:SS, or "infinite"."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return 24 * days + hours + minutes / 60 + seconds / 3600


def _account(site: Site) -> Iterator[Finding]:
    """Whether this user may use the account; where sacctmgr does not tell, nothing is said."""
    ask = ["sacctmgr", "--noheader", "--parsable2", "show", "associations", f"user={getpass.getuser()}"]
    accounts = {line.strip() for line in (output([*ask, "format=account"]) or "").splitlines()} - {""}
    if site.account is None or not accounts:
        return
    if site.account.lower() in accounts:  # SLURM keeps them in small letters
        yield Finding("ok", f"account {site.account} is yours")
    else:
        yield Finding("wrong", f"account {site.account} is not yours", f"{FILE}: account; {_listed(accounts)} are")


def _partitions(site: Site, nodes: list[Nodes]) -> Iterator[Finding]:
    """Whether there are the partitions that jobs go to, and whether these take what jobs ask for."""
    names = {each.partition for each in nodes}
    for key, name in (("partition", site.partition), ("gpu_partition", site.gpu_partition)):
        for missing in sorted(_parts(name) - names):
            yield Finding("wrong", f"there is no partition {missing}", f"{FILE}: {key}; sinfo lists {_listed(names)}")
    with_gpus = _used(site.gpu_partition or site.partition, nodes)
    limits = {each.partition: each.limit for each in [*_used(site.partition, nodes), *with_gpus]}
    asked = {each.partition: _longest_job(with_gpus=False) for each in _used(site.partition, nodes)}
    asked |= {each.partition: _longest_job(with_gpus=True) for each in with_gpus}
    for name, limit in limits.items():
        what, cure = (
            f"partition {name} takes no job above {limit or 0:g} h",
            f"{FILE}: max_hours: {max(int(limit or 0), 1)}",
        )
        rule, hours = asked[name]
        if limit is not None and site.max_hours is None and hours > limit:
            yield Finding("wrong", f"{what}, and {rule} asks for {hours:g} h", cure)
        elif limit is not None and site.max_hours is not None and site.max_hours > limit:
            yield Finding("wrong", f"{what}, and max_hours is {site.max_hours}", cure)
    if with_gpus:
        yield from _gpus(site, with_gpus)


def _longest_job(with_gpus: bool) -> tuple[str, float]:
    """The rule that asks for the most hours, of those with GPUs or without, and how many."""
    asked = {}
    for rule, resources in read_yaml(PROFILE)["set-resources"].items():
        minutes = re.search(r"site\.minutes\((\d+)\)", str(resources.get("runtime")))
        if minutes and ("site.on_gpus" in str(resources.get("<"))) is with_gpus:
            asked[rule] = int(minutes[1]) / 60
    return max(asked.items(), key=lambda of: of[1])


def _gpus(site: Site, nodes: list[Nodes]) -> Iterator[Finding]:
    where = _listed({each.partition for each in nodes})
    kinds = {kind for each in nodes for kind in each.gpus}
    if not kinds:
        yield Finding("wrong", f"partition {where} has no GPUs", f"{FILE}: gpu_partition")
        return
    if site.gpu_type and site.gpu_type not in kinds:
        cure = f"sinfo lists {_listed(kinds - {''})}" if kinds - {""} else "sinfo lists no types: leave it out"
        if any("-" in kind for kind in kinds):
            cure += (
                "; one with a hyphen cannot be named: leave it out, and set gpu_constraint if there are several kinds"
            )
        yield Finding("wrong", f"no GPU of partition {where} is of type {site.gpu_type}", f"{FILE}: gpu_type; {cure}")
        return
    most = max(each.gpus.get(site.gpu_type, 0) if site.gpu_type else sum(each.gpus.values()) for each in nodes)
    for key, wanted in (("training_gpus", site.training_gpus), ("prediction_gpus", site.prediction_gpus)):
        if wanted > most:
            what = f"{key} is {wanted}, and no node of partition {where} has more than {most}"
            yield Finding("wrong", what, f"{FILE}: {key}: {most}")
            return
    able = [each for each in nodes if (each.gpus.get(site.gpu_type, 0) if site.gpu_type else sum(each.gpus.values()))]
    largest = _largest_training(site)
    if largest is None:
        return
    rule, memory, cores = largest
    most_memory, most_cores = max(each.memory for each in able), max(each.cores for each in able)
    if memory > most_memory:
        what = f"{rule} asks for up to {memory:,} MB, and no node of partition {where} has more than {most_memory:,.0f}"
        yield Finding("wrong", what, f"{FILE}: node_memory: {most_memory:.0f}")
    if cores > most_cores:
        what = f"{rule} asks for {cores} cores, and no node of partition {where} has more than {most_cores:.0f}"
        yield Finding("wrong", what, f"{FILE}: training_gpus, or set-threads in profiles/slurm/config.yaml")
    if (
        memory <= most_memory
        and cores <= most_cores
        and not any(memory <= each.memory and cores <= each.cores for each in able)
    ):
        what = f"{rule} asks for up to {memory:,} MB and {cores} cores, and no node of partition {where} has both"
        yield Finding("wrong", what, f"{FILE}: node_memory, training_gpus")


def _largest_training(site: Site) -> tuple[str, int, int] | None:
    """The training that asks for most memory: which, how many MB at the most, and how many cores.

    None where the profile was edited, and says it otherwise than by `training_gpus`.
    """
    profile = read_yaml(PROFILE)
    each = {
        rule: int(asked[1])
        for rule, resources in profile["set-resources"].items()
        if (asked := re.search(r"site\.memory\((\d+), site\.training_gpus\)", str(resources.get("mem_mb"))))
    }
    if not each:
        return None
    rule, megabytes = max(each.items(), key=lambda of: of[1])
    wanted = 2 * megabytes * site.training_gpus  # when it comes again
    cores = re.search(r"(\d+) \* site\.training_gpus", str(profile.get("set-threads", {}).get(rule)))
    return rule, min(wanted, site.node_memory or wanted), int(cores[1]) * site.training_gpus if cores else 0


def _used(partition: str | None, nodes: list[Nodes]) -> list[Nodes]:
    """Where a job goes: to the partitions that are named, or to the default."""
    return [each for each in nodes if (each.partition in _parts(partition) if partition else each.is_default)]


def _parts(partition: str | None) -> set[str]:
    """Of a list as sbatch takes it: the first that is free is used."""
    return set((partition or "").split(",")) - {""}


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
