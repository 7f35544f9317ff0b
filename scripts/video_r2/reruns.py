"""Why jobs would run: of each, which input, which setting or which piece of code is not what it was.

The reasons are Snakemake's, asked through its API by a dry run; the old values are those that it recorded when a job last
ran, and the old parts of the code those that `video_r2.run` recorded beside the results.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from video_r2 import code_digest, code_record, sections, unrecorded
from video_r2.dry_run import dry_run
from video_r2.provenance.record import claims

_DIGEST = re.compile(r"[0-9a-f]{16}")
_SHOWN = 6  # causes in a group
_WIDTH = 80  # signs of a value


@dataclass(frozen=True)
class Cause:
    """One reason of a job's own.

    Args:
        kind: "output missing", "output incomplete", "input changed", "input added", "input gone", "raw file exchanged",
            "setting", "code", "environment" or "not finished".
        what: the file, with wildcards in place of what differs between the jobs of a rule; the setting's dotted path in the
            configuration, or in the rule's params where it stands in none; the piece of code.
        change: for code, "changed", "added" or "gone".
        old: the setting's recorded value, as Python writes it; "" where it was not there.
        new: the setting's value now.
    """

    kind: str
    what: str = ""
    change: str = ""
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        if self.kind == "setting":
            return f"{self.what or 'another setting'}: {self.old or 'not set'} -> {self.new or 'not set'}"
        if self.kind == "code":
            return f"{self.what} {self.change}".strip()
        return f"{self.kind}: {self.what}" if self.what else self.kind


@dataclass
class Rerun:
    """A job that would run.

    Args:
        rule: name of its rule.
        outputs: the files that it makes.
        causes: reasons of its own; none where it only follows from others.
        follows: the jobs that it waits for, by their number in the list of all.
    """

    rule: str
    outputs: list[str]
    causes: list[Cause] = field(default_factory=list)
    follows: list[int] = field(default_factory=list)


@dataclass
class Plan:
    """What would run.

    Args:
        jobs: each behind those that it waits for.
        unrecorded: results that are there, and of which Snakemake does not know what they were made with.
    """

    jobs: list[Rerun]
    unrecorded: list[str]


def planned(arguments: Sequence[str], scripts: Path) -> Plan | None:
    """What `snakemake` would run with these arguments.

    Args:
        arguments: of Snakemake's command line: targets, --profile, --configfile, --config.
        scripts: folder of the rules' scripts and of the library.

    Returns:
        None where Snakemake cannot plan; it has said why.
    """
    return dry_run(arguments, lambda workflow: _plan(workflow, scripts))


def _plan(workflow: Any, scripts: Path) -> Plan:
    dag = workflow.dag
    jobs = [
        job
        for level in dag.toposorted()
        for job in sorted(level, key=lambda job: (job.rule.lineno, *map(str, job.output)))
        if dag.needrun(job) and not job.rule.norun
    ]
    numbers = {job: number for number, job in enumerate(jobs)}
    unknown = sorted(
        str(job.output[0])
        for job in dag.jobs
        if not dag.needrun(job) and dag.reason(job).no_metadata and job.output and claims(job.output[0]) is None
    )
    reruns = [
        Rerun(
            job.rule.name,
            [str(path) for path in job.output],
            list(dict.fromkeys(_causes(workflow, job, scripts))),
            sorted(numbers[other] for other in dag.dependencies[job] if other in numbers),
        )
        for job in jobs
    ]
    return Plan(reruns, unknown)


def _causes(workflow: Any, job: Any, scripts: Path) -> Iterator[Cause]:
    records = workflow.persistence
    reason = workflow.dag.reason(job)
    if any(workflow.async_run(records.incomplete(job))):
        yield Cause("output incomplete")
    elif reason.forced:
        # Nobody forces anything here but `video_r2.unrecorded` and `video_r2.unfinished`.
        recorded = unrecorded.differences(job)
        settings = workflow.globals["PLAN"].config.model_dump(mode="json")
        for name, (old, new) in recorded.items():
            yield from _change(job, name, old, new, settings, scripts)
        if not recorded:
            yield Cause("not finished", "a run that was to make it has ended before")
        return
    if any(not Path(path).exists() for path in job.output):
        yield Cause("output missing")
        return
    for path in sorted(reason.updated_input):
        yield Cause("input changed", _pattern(path, job))
    if any(records.input_changed(job)):
        old, new = set(records.input(job.output[0]) or ()), set(map(str, records._input(job)))
        yield from (Cause("input gone", _pattern(path, job)) for path in sorted(old - new))
        yield from (Cause("input added", _pattern(path, job)) for path in sorted(new - old))
    if any(records.software_stack_changed(job)):
        yield Cause("environment", str(job.rule.conda_env))
    change = records.params_changed(job)
    if change:
        settings = workflow.globals["PLAN"].config.model_dump(mode="json")
        yield from _changed_params(job, change.only_old, change.only_new, settings, scripts)


def _pattern(path: str, job: Any) -> str:
    """A path with the names of the job's wildcards in place of their values, so that jobs of a rule say the same."""
    parts = str(path).split("/")
    for name, value in job.wildcards.items():
        parts = [re.sub(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", f"{{{name}}}", part) for part in parts]
    return "/".join(parts)


# --- settings ---------------------------------------------------------------------------------------------------------


def _changed_params(
    job: Any, old: set[str], new: set[str], settings: Mapping[str, Any], scripts: Path
) -> Iterator[Cause]:
    """What differs between recorded params and those of now; Snakemake records their values without their names."""
    before = [_value(text) for text in sorted(old)]
    now = {name: value for name, value in job.params.items() if repr(value) in new}
    for name, value in now.items():
        match = _most_like(value, before)
        if match is None:
            yield Cause("setting", _place(name, settings), new=_short(value))
            continue
        before.remove(match)
        yield from _change(job, name, match, value, settings, scripts)
    yield from (Cause("setting", old=_short(value)) for value in before)


def _change(job: Any, name: str, old: Any, new: Any, settings: Mapping[str, Any], scripts: Path) -> Iterator[Cause]:
    """What differs between a parameter's value of before and of now."""
    if name == unrecorded.INPUTS:
        before, now = set(old or ()), set(new)
        yield from (Cause("input gone", _pattern(path, job)) for path in sorted(before - now))
        yield from (Cause("input added", _pattern(path, job)) for path in sorted(now - before))
    elif name == "code":
        yield from _changed_code(job, str(old), str(new), scripts)
    elif name == "raw":
        yield from _exchanges(old or {}, new)
    else:
        yield from _differences(sections.Part({}, _place(name, settings)), (), old, new)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _place(name: str, settings: Mapping[str, Any]) -> str:
    """Where the value of a parameter stands in the configuration: at the one key of its name, if there is one."""
    places = sections.places_of(name, settings)
    return places[0] if len(places) == 1 else name


def _most_like(value: Any, among: Sequence[Any]) -> Any:
    """Of recorded values the one that was most likely the same setting's; None where none can have been."""
    match = max(among, key=lambda candidate: _likeness(candidate, value), default=None)
    return None if match is None or _likeness(match, value) == 0 else match


def _exchanges(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> Iterator[Cause]:
    """The raw files that are others than when a job ran, of what a run's raw data were exchanged by then and are now."""
    for output in sorted(old.keys() | new.keys()):
        before, now = old.get(output, {}), new.get(output, {})
        differ = sorted(file for file in before.keys() | now.keys() if before.get(file) != now.get(file))
        yield from (Cause("raw file exchanged", "/".join(filter(None, [output, file]))) for file in differ)


def _likeness(old: Any, new: Any) -> float:
    """How well an old value could be that of the same setting: 0 (not at all) to 2."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        shared = old.keys() & new.keys()
        return 2 * len(shared) / (len(old.keys() | new.keys()) or 1) + 0.1
    if type(old) is not type(new):
        return 0.1 if {type(old), type(new)} <= {int, float, type(None)} else 0.0
    if isinstance(old, str):
        return 1.0 if bool(_DIGEST.fullmatch(old)) == bool(_DIGEST.fullmatch(new)) else 0.0
    return 1.0


def _differences(part: sections.Part, keys: tuple[str, ...], old: Any, new: Any) -> Iterator[Cause]:
    """The leaves that differ between two nested values, `keys` below a part of the configuration, by their dotted paths."""
    if isinstance(new, sections.Part):
        part, keys = new, ()
    path = part.path_to(*keys)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            below = (*keys, str(key))
            if key not in new:
                yield Cause("setting", part.path_to(*below), old=_short(old[key]))
            elif key not in old:
                yield Cause("setting", part.path_to(*below), new=_short(new[key]))
            else:
                yield from _differences(part, below, old[key], new[key])
        if old == new and list(old) != list(new):
            yield Cause("setting", f"order of {path}", old=", ".join(map(str, old)), new=", ".join(map(str, new)))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(sections.Part({}, f"{path}[{at}]"), (), one, other)
    elif _are_sections(old) and _are_sections(new):
        gone = [entry for entry in old if entry not in new]
        for at, entry in enumerate(new):
            if entry in old:
                continue
            match = _most_like(entry, gone) or _most_like(entry, old)
            gone = [other for other in gone if other != match]
            yield from _differences(sections.Part({}, f"{path}[{at}]"), (), match, entry)
        yield from (Cause("setting", path, old=_short(entry)) for entry in gone)
    elif old != new or type(old) is not type(new):
        one, other = repr(old), repr(new)
        same = next((at for at, signs in enumerate(zip(one, other, strict=False)) if signs[0] != signs[1]), 0)
        yield Cause("setting", path, old=_cut(one, same), new=_cut(other, same))


def _are_sections(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _short(value: Any) -> str:
    return _cut(repr(value), 0)


def _cut(text: str, at: int) -> str:
    """A long text, from a little before the place that matters on."""
    if len(text) <= _WIDTH:
        return text
    begin = max(at - 20, 0)
    return f"{'…' if begin else ''}{text[begin : begin + _WIDTH]}{'…' if begin + _WIDTH < len(text) else ''}"


def _changed_code(job: Any, old: str, new: str, scripts: Path) -> Iterator[Cause]:
    before = code_record.read(job.output[0], old)
    if before is None:
        yield Cause("code", "code", "changed (its parts were not recorded)")
        return
    now = code_digest.parts(scripts / Path(job.rule.script).name, scripts)
    for part in sorted(before.keys() | now.keys()):
        if part not in now:
            yield Cause("code", part, "gone")
        elif part not in before:
            yield Cause("code", part, "added")
        elif before[part] != now[part]:
            yield Cause("code", part, "changed")


# --- how it is told ---------------------------------------------------------------------------------------------------


def told(plan: Plan) -> str:
    """The jobs that would run as a few lines: what is not as it was, the jobs that it concerns, and how many follow."""
    jobs = plan.jobs
    some = f"Of {len(plan.unrecorded)} results it is not recorded what made them, such as "
    unknown = [f"{some}{path}." for path in plan.unrecorded[:1]]
    if not jobs:
        known = "Nothing to do: every result is as its data, settings and code would make it."
        return "\n".join(["Nothing to do.", *unknown]) if unknown else known
    groups: dict[tuple[Cause, ...], list[int]] = {}
    for number, job in enumerate(jobs):
        if job.causes:
            groups.setdefault(tuple(job.causes), []).append(number)
    followers: list[list[int]] = [[] for _ in jobs]
    for number, job in enumerate(jobs):
        for other in job.follows:
            followers[other].append(number)
    lines = []
    for causes, numbers in groups.items():
        lines += [str(cause) for cause in causes[:_SHOWN]]
        if len(causes) > _SHOWN:
            lines.append(f"… and {len(causes) - _SHOWN} more")
        by_rule: dict[str, list[int]] = {}
        for number in numbers:
            by_rule.setdefault(jobs[number].rule, []).append(number)
        for rule, own in by_rule.items():
            more = f" and {len(own) - 1} more" if len(own) > 1 else ""
            lines.append(f"  {rule}: {jobs[own[0]].outputs[0]}{more}")
        after = [number for number in _behind(numbers, followers) if not jobs[number].causes]
        if after:
            lines.append(f"  … and {_counted(jobs[number].rule for number in after)} that follow")
        lines.append("")
    lines.append(f"In all {_jobs_in_words(len(jobs))} would run.")
    lines += unknown
    return "\n".join(lines)


def _behind(numbers: Iterable[int], followers: Sequence[Sequence[int]]) -> list[int]:
    """Numbers of all jobs that follow from these, directly or through others."""
    seen: set[int] = set()
    waiting = list(numbers)
    while waiting:
        new = [number for number in followers[waiting.pop()] if number not in seen]
        seen.update(new)
        waiting += new
    return sorted(seen)


def _counted(rules: Iterable[str]) -> str:
    counts = Counter(rules)
    return f"{_jobs_in_words(counts.total())} ({', '.join(f'{count} {rule}' for rule, count in counts.items())})"


def _jobs_in_words(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"
