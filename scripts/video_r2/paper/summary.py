"""What a finished run says on the terminal: the main table, the time each stage took, and where everything lies."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from video_r2.errors import UserError
from video_r2.paper.tables import to_text


@dataclass(frozen=True)
class StageTime:
    """What the jobs of one rule took: number, seconds in all, and the largest memory of one in MB (None: unknown)."""

    rule: str
    jobs: int
    seconds: float
    memory: float | None


def summarise(results: str | Path, width: int | None = None) -> str:
    """The closing words on a results folder.

    Args:
        width: characters of a line; see `tables.to_text`.

    Raises:
        UserError: if the main table is not there.
    """
    results = Path(results)
    table = results / "tables" / "main_accuracy.md"
    try:
        parts = [to_text(table.read_text(encoding="utf-8"), width)]
    except FileNotFoundError as error:
        raise UserError("there is no such file", file=table, cure="run the target main_accuracy first") from error
    times = read_times(results / "benchmarks")
    if times:
        parts.append(_times_text(times))
    rejected = results / "tables" / "rejected.csv"
    if rejected.exists():
        with rejected.open(encoding="utf-8", newline="") as file:
            count = sum(1 for _ in csv.DictReader(file))
        parts.append(f"records set aside, or damaged in part: {count}{f' ({rejected})' if count else ''}\n")
    places = [("tables", results / "tables"), ("figures", results / "figures"), ("report", results / "report.html")]
    parts.append("".join(f"{name.ljust(8)} {path}\n" for name, path in places if path.exists()))
    return "\n".join(parts)


def read_times(folder: str | Path) -> list[StageTime]:
    """Sum Snakemake's benchmark files (.tsv and .jsonl below `folder`) by rule, the longest first.

    The rule is the folder that a file lies in, or its name where it lies in none; files that a killed job left half
    written are passed over.
    """
    folder = Path(folder)
    found: dict[str, list[tuple[float, float | None]]] = {}
    for path in sorted([*folder.rglob("*.tsv"), *folder.rglob("*.jsonl")]):
        inside = path.relative_to(folder)
        rule = inside.parts[0] if len(inside.parts) > 1 else path.name.partition(".")[0]
        for record in _benchmark_records(path):
            seconds = _number(record.get("s"))
            if seconds is not None:
                # What a rule's processes share is counted once in the proportional set size, which not every system tells.
                memory = _number(record.get("max_pss"))
                found.setdefault(rule, []).append((seconds, memory or _number(record.get("max_rss"))))
    times = []
    for rule, jobs in found.items():
        known = [memory for _, memory in jobs if memory is not None]
        times.append(StageTime(rule, len(jobs), sum(seconds for seconds, _ in jobs), max(known, default=None)))
    return sorted(times, key=lambda time: (-time.seconds, time.rule))


def _benchmark_records(path: Path) -> Iterable[dict[str, object]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".tsv":
        yield from csv.DictReader(text.splitlines(), delimiter="\t")
        return
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict):
            yield record


def _times_text(times: list[StageTime]) -> str:
    width = max(len("in all"), *(len(time.rule) for time in times))
    lines = [f"{'stage'.ljust(width)}  {'jobs':>5}  {'time':>8}  {'memory':>9}"]
    for time in times:
        memory = "–" if time.memory is None else f"{time.memory:,.0f} MB"
        lines.append(f"{time.rule.ljust(width)}  {time.jobs:>5}  {clock(time.seconds):>8}  {memory:>9}")
    jobs, seconds = sum(time.jobs for time in times), sum(time.seconds for time in times)
    lines.append(f"{'in all'.ljust(width)}  {jobs:>5}  {clock(seconds):>8}")
    return "\n".join(lines) + "\n(the time of jobs that ran side by side is added up)\n"


def clock(seconds: float) -> str:
    """Seconds as `H:MM:SS`."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
