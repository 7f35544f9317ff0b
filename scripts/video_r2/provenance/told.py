"""A chain told on the terminal: stage by stage, jobs of one rule together, what made them, and the raw files at the end."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from video_r2.paper.summary import clock
from video_r2.provenance.cell import Cell
from video_r2.provenance.chain import Chain, inside, job_name
from video_r2.provenance.raw import RawFiles
from video_r2.provenance.record import Record
from video_r2.state import LIBRARIES

# The folders below results/<experiment>, each with the stage that fills it, from the end of the way to its beginning.
STAGES = {"scores": "score", "predictions": "predict", "models": "train", "data": "data", "raw": "raw data"}
EXHIBITS = "paper"
# Settings that list what other lines tell, or that are too long for any line: --json has them.
NOT_TOLD = frozenset({"environment", "benchmarks", "evaluations", "prompts", "captions", "configuration", "labels"})
_JOBS = 12  # lines of single jobs
_LINES = 6  # of settings


def told(chain: Chain, raw: Sequence[RawFiles], cell: Cell | None = None, files: bool = False, width: int = 100) -> str:
    """The chain as text.

    Args:
        files: name every raw file.
        width: signs of a line.
    """
    target = chain.records[chain.target]
    lines = [chain.target]
    if cell is not None:
        lines += [f"  {line}" for line in _cut([*_value(cell)])]
    lines += [f"  SHA-256 {target.sha256}", ""]
    for stage, rules in _stages(chain).items():
        lines.append(stage)
        for at, (rule, records) in enumerate(rules.items()):
            last = at == len(rules) - 1
            head, *more = _rule(rule, records, chain, width - 5)
            lines.append(f"{'└─' if last else '├─'} {head}")
            lines += [f"{' ' if last else '│'}    {line}" for line in more]
        lines.append("")
    lines.append("raw files (SHA-256 of the list that sha256sum prints of them)")
    lines += _raw(raw, files)
    lines += ["", *_findings(chain)]
    return "\n".join(lines)


def _raw(groups: Sequence[RawFiles], files: bool) -> Iterator[str]:
    folder = ""
    for group in sorted(groups, key=lambda group: group.folder):
        if group.folder != folder:
            folder = group.folder
            yield f"  {folder}"
        yield f"    {_count(group.files, group.kind):<18} {group.digest}"
        if files:
            yield from (f"      {sha256}  {path}" for path, sha256 in sorted(group.files.items()))


def as_json(chain: Chain, raw: Sequence[RawFiles], cell: Cell | None = None) -> str:
    """The chain with everything that the records hold."""
    told_cell = cell and {
        "row": cell.row,
        "column": cell.column,
        "evaluations": sorted(cell.evaluations),
        "models": sorted(cell.models),
        "benchmarks": cell.benchmarks,
        "values": [dict(line) for line in cell.values],
    }
    found = {
        "target": chain.target,
        "cell": told_cell,
        "records": [record.model_dump(mode="json") for record in chain.records.values()],
        "raw": [{"folder": of.folder, "kind": of.kind, "sha256": of.digest, "files": of.files} for of in raw],
        "sources": chain.sources,
        "changed": chain.changed,
        "missing": chain.missing,
        "absent": chain.absent,
    }
    return json.dumps(found, indent=1)


def _value(cell: Cell) -> Iterator[str]:
    names = ", ".join(sorted(cell.evaluations | cell.models))
    benchmarks = f", made of {_count(cell.benchmarks, 'benchmark')}" if cell.benchmarks else ""
    yield f"{cell.row}{f' ({names})' if names else ''} on {cell.column}{benchmarks}"
    for line in cell.values:
        if cell.column in line:
            where = [line[name] for name in ("decoding", "metric", "column") if line.get(name)]
            yield " ".join([*where, f"{cell.column} {_number(line[cell.column])}"])
        elif "quantity" in line:
            yield f"seed {line['seed']}, step {line['step']}: {_number(line['value'])}"
        elif "value" in line:
            between = f" ({_number(line['low'])} to {_number(line['high'])})" if line.get("low") else ""
            where = [line[name] for name in ("decoding", "metric") if line.get(name)]
            yield " ".join([*where, f"{_number(line['value'])}{between}"])
        else:
            yield ", ".join(f"{name} {_number(value)}" for name, value in line.items() if value)


def _number(text: str) -> str:
    """A number as tables show it; other texts as they are."""
    try:
        return f"{float(text):.1f}" if abs(float(text)) >= 1 else f"{float(text):.3g}"
    except ValueError:
        return text


def _stages(chain: Chain) -> dict[str, dict[str, list[list[Record]]]]:
    """The jobs by stage and rule, each job as the records of its outputs; the target's first."""
    stages: dict[str, dict[str, dict[str, list[Record]]]] = {}
    order = [EXHIBITS, *STAGES.values()]
    for record in sorted(chain.records.values(), key=lambda record: order.index(_stage(record))):
        jobs = stages.setdefault(_stage(record), {}).setdefault(record.rule, {})
        jobs.setdefault(str(record.wildcards), []).append(record)
    return {stage: {rule: list(jobs.values()) for rule, jobs in rules.items()} for stage, rules in stages.items()}


def _stage(record: Record) -> str:
    return STAGES.get(inside(record.output)[0], EXHIBITS)


def _rule(rule: str, jobs: list[list[Record]], chain: Chain, width: int) -> Iterator[str]:
    firsts = [records[0] for records in jobs]
    ran = [record.circumstances for record in firsts]
    took = [_time(sum(of.seconds for of in ran)), f"at most {max(of.peak_memory_mb for of in ran):,} MB"]
    if any(of.gpus for of in ran):
        took.append(f"{sum(of.gpu_hours for of in ran):.2f} GPU-hours")
    yield f"{f'{rule} x {len(jobs)}' if jobs[1:] else job_name(firsts[0])}  {', '.join(took)}"
    made = sorted({_origin(chain, path) for records in jobs for path in _followed(records[0], chain)} - {""})
    if made:
        yield from _wrapped(f"from {', '.join(made)}", width)
    codes = _each(firsts, lambda record: record.code)
    commits = _each(firsts, _commit)
    devices = _each(firsts, _device)
    libraries = _each(firsts, _libraries)
    yield from _wrapped(f"code {codes}; {commits}; {devices}; {libraries}", width)
    leaves = [dict(_leaves(record)) for record in firsts]
    shared = {name: value for name, value in leaves[0].items() if all(of.get(name, ...) == value for of in leaves)}
    yield from _cut(_wrapped(_settings(shared), width))
    if jobs[1:]:
        for at, record in enumerate(firsts[:_JOBS]):
            own = _settings({name: value for name, value in leaves[at].items() if name not in shared})
            name = ", ".join(record.wildcards.values())
            yield textwrap.shorten(f"- {name}{f': {own}' if own else ''}", width, placeholder=" …")
        if firsts[_JOBS:]:
            yield f"… and {len(firsts) - _JOBS} more"


def _followed(record: Record, chain: Chain) -> Iterator[str]:
    return (given.path for given in record.inputs if given.path in chain.records)


def _origin(chain: Chain, path: str) -> str:
    return chain.records[path].rule if path in chain.records else ""


def _each(records: Iterable[Record], say: Callable[[Record], str]) -> str:
    return ", ".join(dict.fromkeys(map(say, records)))


def _commit(record: Record) -> str:
    at = record.circumstances.commit
    if at is None:
        return "no git checkout"
    return f"commit {at.id[:12]}{f' with changes {at.difference[:12]}' if at.difference else ''}"


def _device(record: Record) -> str:
    ran = record.circumstances
    return f"{f'{ran.gpus} x ' if ran.gpus else ''}{ran.device}, {_count(range(ran.threads), 'thread')}"


def _libraries(record: Record) -> str:
    packages = record.circumstances.packages
    used = [f"{name} {packages[name]}" for name in LIBRARIES if name in packages]
    return ", ".join([f"Python {record.circumstances.python}", *used])


def _leaves(record: Record) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The settings of a job by their paths, without those that are not set, and those that repeat its wildcards."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), {k: v for k, v in record.settings.items() if k not in NOT_TOLD})]
    known = {None, "", *record.wildcards.values()}
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [((*path, name), below) for name, below in reversed([*value.items()])]
        elif isinstance(value, list) or value not in known:
            yield path, value


def _settings(leaves: Mapping[tuple[str, ...], Any]) -> str:
    """Settings in one line, as "batch 8; frames: fps 1.0, max_frames 24"."""
    sections: dict[str, list[str]] = {}
    for path, value in leaves.items():
        section, name = ("", path[0]) if len(path) == 1 else (path[0], ".".join(path[1:]))
        sections.setdefault(section, []).append(f"{name} {_short(value)}")
    return "; ".join(f"{f'{section}: ' if section else ''}{', '.join(parts)}" for section, parts in sections.items())


def _time(seconds: float) -> str:
    return clock(seconds) if seconds >= 60 else f"{seconds:.1f} s"


def _short(value: Any) -> str:
    return textwrap.shorten(value if isinstance(value, str) else json.dumps(value), 40, placeholder=" …")


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _cut(lines: Sequence[str]) -> Sequence[str]:
    return lines if len(lines) <= _LINES else [*lines[: _LINES - 1], "… (--json tells the rest)"]


def _findings(chain: Chain) -> Iterator[str]:
    yield f"{_count(range(chain.checked), 'output')} of {len(chain.records)} as recorded."
    if chain.absent:
        yield f"Not here, so that only the recorded checksums are told: {_first(chain.absent)}."
    if chain.missing:
        yield f"Without a record, so that the chain ends there: {_first(chain.missing)}."
    yield from (f"CHANGED: {change}." for change in chain.changed)


def _first(names: Sequence[str]) -> str:
    return f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}"


def _count(things: Collection[Any], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
