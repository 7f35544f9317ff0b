"""The jobs that would run and what they are going to take, by rule: the model's figures, corrected by the run's own times."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from video_r2.before_run import require_layouts
from video_r2.dry_run import dry_run
from video_r2.errors import UserError
from video_r2.gpus import gpus_of
from video_r2.planning.assumptions import Assumptions, read_assumptions
from video_r2.planning.costs import Cost, Costs, Job
from video_r2.provenance import record
from video_r2.site import Site

STAGES = ("data", "train", "predict", "score", "paper")


@dataclass(frozen=True)
class Planned:
    """A job of the plan.

    Args:
        stage: one of `STAGES`.
        rule: name of its rule.
        gpus: how many it asks for.
        limit: hours that it may take; None: no limit.
        cost: what the model says; None: nothing, because it is about the paper and this run is not.
        is_done: whether it has run, and is not going to run again.
        measured: seconds that it took, where it is done and they are known.
        after: the jobs that it waits for, by their number in the list of all.
    """

    stage: str
    rule: str
    gpus: int
    limit: float | None
    cost: Cost | None
    is_done: bool
    measured: float | None
    after: Sequence[int] = ()


@dataclass(frozen=True)
class Line:
    """The jobs of one rule.

    Args:
        jobs: how many would run.
        done: how many are done.
        gpus: how many each of them asks for, at most.
        hours: what each takes, from the shortest to the longest; none where nothing is known.
        gpu_hours: of all of them.
        kept: bytes that all of them leave.
        passing: bytes that they need besides while they run, all at once.
        factor: what the model's seconds are multiplied with on the whole, as the `measured` jobs tell.
        over: how many may take longer than their limit, which is `limit` hours.
        times: how often one of them comes, at most, until it is done.
    """

    stage: str
    rule: str
    jobs: int
    done: int
    gpus: int
    hours: tuple[float, ...]
    gpu_hours: float
    kept: float
    passing: float
    factor: float
    measured: int
    over: int
    limit: float | None
    times: int


@dataclass(frozen=True)
class Plan:
    """All of it.

    Args:
        gpu: the kind of GPU that the model is about.
        lines: in the order of the stages.
        least_hours: from the first job's begin to the last one's end, however many GPUs there are.
        free: bytes that the disk of the results has.
        memory: by rule, the bytes that its trainings need of each GPU.
        retries: how often a job comes again in one run.
        unknown: the site's kind of GPU, if nothing is known of it.
    """

    gpu: str
    lines: list[Line]
    least_hours: float
    free: float
    memory: Mapping[str, float]
    retries: int
    unknown: str | None = None

    @property
    def gpu_hours(self) -> float:
        """Of all jobs."""
        return sum(line.gpu_hours for line in self.lines)

    @property
    def kept(self) -> float:
        """Bytes that all jobs leave."""
        return sum(line.kept for line in self.lines)

    @property
    def peak(self) -> float:
        """Bytes that are there at most: what is left, and what is there while jobs run, should all of them at once."""
        return self.kept + sum(line.passing for line in self.lines)


# --- from the workflow ------------------------------------------------------------------------------------------------


def planned(arguments: Sequence[str], site: Site) -> Plan | None:
    """The plan of what `snakemake` would run with these arguments; None where it cannot plan, and has said why.

    Raises:
        UserError: if a training cannot be laid out as it is to be.
    """
    refused: list[UserError] = []

    def plan(workflow: Any) -> Plan | None:
        try:
            return _plan(workflow, site)
        except UserError as error:  # Snakemake would show its traceback
            refused.append(error)
            return None

    found = dry_run(arguments, plan)
    if refused:
        raise refused[0]
    return found


def _plan(workflow: Any, site: Site) -> Plan:
    plan = workflow.globals["PLAN"]
    assumed = read_assumptions()
    gpu = assumed.gpu(site.gpu_type)
    sizes = {hub: known.gigabytes * 1e9 for hub, known in plan.sources.table.items() if known.gigabytes}
    is_paper = plan.config.data.source == "hub"  # which the model is about

    @cache
    def costs_on(kind: str) -> Costs:
        return Costs(assumed, kind, Path(plan.results), plan.adapters(), sizes)

    dag = workflow.dag
    ordered = [job for level in dag.toposorted() for job in level if not job.rule.norun and job.output]
    memory = require_layouts(plan, (job for job in ordered if dag.needrun(job)))
    numbers = {job: number for number, job in enumerate(ordered)}
    jobs = []
    for job in ordered:
        gpus, runtime = math.prod(gpus_of(job.resources)), job.resources.get("runtime")
        is_done = not dag.needrun(job)
        ran = record.read(str(job.output[0])) if is_done else None
        on, kind = gpus_had(ran, assumed) or (gpus, gpu)
        seen = Job(job.rule.name, job.params, [*map(str, job.input)], dict(job.wildcards.items()), on, job.threads)
        jobs.append(
            Planned(
                stage=Path(str(job.rule.snakefile)).stem.partition("_")[0],
                rule=job.rule.name,
                gpus=gpus,
                limit=runtime / 60 if isinstance(runtime, int) else None,
                cost=costs_on(kind).of(seen) if is_paper else None,
                is_done=is_done,
                measured=_measured(job.benchmark, ran) if is_done else None,
                after=[numbers[other] for other in dag.dependencies[job] if other in numbers],
            )
        )
    there = next(path for path in Path(plan.results).absolute().parents if path.exists())
    retries = workflow.execution_settings.retries
    unknown = site.gpu_type if site.gpu_type and not assumed.known_gpu(site.gpu_type) else None
    return summed(jobs, gpu, shutil.disk_usage(there).free, memory, retries, unknown)


def gpus_had(ran: record.Record | None, assumed: Assumptions) -> tuple[int, str] | None:
    """Number and kind of the GPUs that a done job had, against which its time is to be held; None if it is not known."""
    if ran is None or not ran.circumstances.gpus:
        return None
    return ran.circumstances.gpus, assumed.gpu(ran.circumstances.device)


def _measured(benchmark: str | None, ran: record.Record | None) -> float | None:
    """Seconds that Snakemake has measured of a job; of one that went on after it was broken off, those of all its attempts."""
    try:
        last = float(json.loads(Path(benchmark or "").read_text(encoding="utf-8").splitlines()[-1])["s"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return last if ran is None else max(last, ran.circumstances.seconds)


# --- corrected and summed ---------------------------------------------------------------------------------------------


def summed(
    jobs: Sequence[Planned],
    gpu: str,
    free: float,
    memory: Mapping[str, float] | None = None,
    retries: int = 0,
    unknown: str | None = None,
) -> Plan:
    """The jobs by rule; the seconds of those that are to run are the model's, times what done jobs like them have shown.

    Args:
        jobs: each behind those that it waits for.
        gpu: the kind of GPU that the model is about.
        free: bytes that the disk has.
        memory: by rule, the bytes that its trainings need of each GPU.
        retries: how often a job comes again in one run.
        unknown: the site's kind of GPU, if nothing is known of it.
    """
    by_rule: dict[tuple[str, str], list[int]] = {}
    for number, job in enumerate(jobs):
        by_rule.setdefault((job.stage, job.rule), []).append(number)
    hours: dict[int, float] = {}
    lines = []
    for (stage, rule), numbers in sorted(by_rule.items(), key=lambda of: STAGES.index(of[0][0])):
        own = [jobs[number] for number in numbers]
        factor, mean, measured = _shown(own)
        waiting = [number for number in numbers if not jobs[number].is_done]
        for number in waiting:
            cost = jobs[number].cost
            seconds = mean if cost is None else cost.seconds * _factor(own, cost.alike)
            if seconds is not None:
                hours[number] = seconds / 3600
        known = sorted((number for number in waiting if number in hours), key=hours.__getitem__)
        costs = [cost for number in waiting if (cost := jobs[number].cost)]
        limit = min((job.limit for job in own if job.limit is not None), default=None)
        lines.append(
            Line(
                stage,
                rule,
                jobs=len(waiting),
                done=len(own) - len(waiting),
                gpus=max(job.gpus for job in own),
                hours=tuple(hours[number] for number in known),
                gpu_hours=sum(hours[number] * jobs[number].gpus for number in known),
                kept=sum(cost.kept for cost in costs),
                passing=sum(cost.passing for cost in costs),
                factor=factor,
                measured=measured,
                over=sum(limit is not None and hours[number] > limit for number in known),
                limit=limit,
                times=math.ceil(hours[known[-1]] / limit) if known and limit else 1,
            )
        )
    return Plan(gpu, lines, _longest_way(jobs, hours), free, memory or {}, retries, unknown)


def _factor(jobs: Sequence[Planned], alike: str) -> float:
    """What the model's seconds of a job are multiplied with: as done jobs like it tell, or else all of its rule."""
    of_its_like = [job for job in jobs if job.cost and job.cost.alike == alike]
    found = next((each for each in (_shown(of_its_like), _shown(jobs)) if each[2]), (1.0, None, 0))
    return found[0]


def _shown(jobs: Iterable[Planned]) -> tuple[float, float | None, int]:
    """Of a rule's done jobs: how the measured seconds stand to the model's, their mean, and how many they are."""
    timed = [job for job in jobs if job.measured is not None]
    if not timed:
        return 1.0, None, 0
    took = sum(job.measured or 0.0 for job in timed)
    told = sum(job.cost.seconds for job in timed if job.cost)
    return (took / told if told else 1.0), took / len(timed), len(timed)


def _longest_way(jobs: Sequence[Planned], hours: Mapping[int, float]) -> float:
    ends: list[float] = []
    for number, job in enumerate(jobs):
        ends.append(hours.get(number, 0.0) + max((ends[other] for other in job.after), default=0.0))
    return max(ends, default=0.0)


# --- how it is told ---------------------------------------------------------------------------------------------------

_COLUMNS = "{:<8} {:<24} {:>5} {:>5} {:>5} {:>17} {:>9} {:>9}  {}"


def told(plan: Plan) -> str:
    """The plan as a table, with what is to be known of it below."""
    lines = [
        _COLUMNS.format("stage", "rule", "jobs", "done", "GPUs", "each takes", "GPU-hours", "disk", "from").rstrip()
    ]
    stage = ""
    for line in plan.lines:
        shown = line.stage if line.stage != stage else ""
        stage = line.stage
        gpus = str(line.gpus) if line.gpus else ""
        gpu_hours = f"{line.gpu_hours:,.0f}" if line.gpus and line.hours else ""
        row = (line.rule, line.jobs, line.done, gpus, _range(line.hours), gpu_hours, _size(line.kept), _source(line))
        lines.append(_COLUMNS.format(shown, *row).rstrip())
    jobs, done = sum(line.jobs for line in plan.lines), sum(line.done for line in plan.lines)
    lines += [
        _COLUMNS.format("in all", "", jobs, done, "", "", f"{plan.gpu_hours:,.0f}", _size(plan.kept), "").rstrip(),
        "",
    ]
    if plan.gpu_hours:
        lines.append(f"GPU-hours are those of {plan.gpu.upper()}s.")
        if plan.unknown:
            lines.append(
                f"Nothing is known of {plan.unknown} (video_r2/planning/assumptions.yaml): it takes other hours, and memory is "
                "not checked."
            )
    if plan.memory:
        each = ", ".join(f"{needed / 2**30:.0f} GiB for {rule}" for rule, needed in plan.memory.items())
        lines.append(f"Of each GPU's memory a training needs about {each}.")
    if plan.least_hours:
        lines.append(f"With as many GPUs at once as it can use, it takes {_time(plan.least_hours)}.")
    passing = [line for line in plan.lines if line.passing]
    if passing:
        each = ", ".join(f"{_size(line.passing)} of {line.rule}" for line in passing)
        lines.append(
            f"While they run, jobs need besides, should all run at once: {each}; so {_size(plan.peak)} at the most."
        )
    if plan.peak > plan.free:
        lines.append(f"The disk has {_size(plan.free)} free, which may not be enough.")
    for line in plan.lines:
        if line.over:
            commands = math.ceil(line.times / (plan.retries + 1))
            again = f"; the command is to be given {commands} times" if commands > 1 else ""
            lines.append(
                f"{line.over} of {line.rule} may take longer than the {line.limit:g} hours that they are given; what they "
                f"have done is kept, and they come again, {line.times} times in all{again}."
            )
    if any(line.jobs and not line.hours for line in plan.lines):
        lines.append("What has no hours is not known: the model is about the paper, and no such job has run here yet.")
    return "\n".join(lines)


def _range(hours: Sequence[float]) -> str:
    if not hours:
        return ""
    least, most = _time(hours[0]), _time(hours[-1])
    return least if least == most else f"{least} to {most}"


def _time(hours: float) -> str:
    return (
        f"{hours:,.1f} h" if hours >= 1 else f"{60 * hours:,.0f} min" if hours >= 1 / 60 else f"{3600 * hours:,.0f} s"
    )


def _source(line: Line) -> str:
    if not line.hours:
        return ""
    return f"{line.measured} measured, model x {line.factor:.2f}" if line.measured else "model"


def _size(number: float) -> str:
    if number < 5e7:
        return ""
    return f"{number / 1e12:,.1f} TB" if number >= 1e12 else f"{number / 1e9:,.1f} GB"
