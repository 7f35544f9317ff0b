"""The chain of a result: every job behind it, back to raw files, by the records that jobs leave; checked against the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from video_r2.errors import UserError
from video_r2.provenance.circumstances import ROOT
from video_r2.provenance.record import RAW, FileState, Input, Record, contents_of, is_part, place, read

Follow = Callable[[Record, str], bool]


@dataclass
class Chain:
    """Every job behind a result.

    Attributes:
        records: of the result and of what it was made from, directly or not, by output; each before its inputs'.
        sources: checksums of inputs that no job makes (files of the repository, or beside the results), by path.
        missing: inputs below results/<experiment> that have no record that can be read.
        changed: what is not as it was recorded, in sentences.
        absent: outputs that are not here, or not all of them: they cannot be checked.
        checked: number of files and folders that are as recorded.
    """

    target: str
    records: dict[str, Record] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    checked: int = 0

    @property
    def raw(self) -> list[Record]:
        """Records of what the experiment begins with: raw data, and weights that were downloaded."""
        return [
            record
            for record in self.records.values()
            if not record.inputs and (inside(record.output)[0] == RAW or record.rule.startswith("fetch_"))
        ]


def trace(target: str, follow: Follow = lambda record, path: True) -> Chain:
    """Follow the records of `target` back to where they begin, and compare them with the files.

    Args:
        target: an output, below results/<experiment>.
        follow: whether to go on from a record to one of its inputs, by its path.

    Raises:
        UserError: if the target is not there, or has no record.
    """
    first = read(target)
    if first is None and not Path(target).exists():
        raise UserError(
            "is not there", file=target, cure="make it first: snakemake --profile PROFILE all, or the file alone"
        )
    if first is None:
        raise UserError(
            "has no record of how it came about",
            file=target,
            cure="give a file that the workflow made, and make it again if that was before there were records",
        )
    found: dict[str, Record | None] = {target: first}
    links: list[tuple[Record, Input]] = []
    order: list[str] = []
    _visit(first, follow, found, links, order)
    chain = Chain(target, {path: record for path in reversed(order) if (record := found[path]) is not None})
    chain.missing = sorted(path for path, record in found.items() if record is None and place(path) is not None)
    for record in chain.records.values():
        _check_output(record, chain)
    for record, given in links:
        _check_input(record, given, found[given.path], chain)
    return chain


def inside(output: str) -> tuple[str, ...]:
    """Parts of a path below results/<experiment>."""
    return Path(output).parts[2:]


def job_name(record: Record) -> str:
    """The rule of a job and the values of its wildcards, as in "predict (sft, 0)"."""
    values = ", ".join(record.wildcards.values())
    return f"{record.rule} ({values})" if values else record.rule


def _visit(
    record: Record,
    follow: Follow,
    found: dict[str, Record | None],
    links: list[tuple[Record, Input]],
    order: list[str],
) -> None:
    """Depth first: in `order` stand inputs before what was made from them."""
    for given in record.inputs:
        if not follow(record, given.path):
            continue
        links.append((record, given))
        if given.path not in found:
            found[given.path] = other = read(given.path)
            if other is not None:
                _visit(other, follow, found, links, order)
    order.append(record.output)


def _check_output(record: Record, chain: Chain) -> None:
    try:
        now = contents_of(record.output, record)
    except FileNotFoundError:
        chain.absent.append(record.output)
        return
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", file=record.output) from error
    if now.sha256 == record.sha256:
        chain.checked += 1
    elif is_part(now, record):
        chain.absent.append(record.output)
    else:
        names = _differing(now.files or {}, record.files or {})
        which = f" ({names[0]}{f' and {len(names) - 1} more' if names[1:] else ''})" if names else ""
        _note(chain, f"{record.output}{which} has changed since {job_name(record)} made it")


def _check_input(record: Record, given: Input, source: Record | None, chain: Chain) -> None:
    """Whether what a job read is what the other one made; of what no job makes, whether it is as it was read."""
    if source is not None:
        if source.sha256 not in (given.sha256, given.part_of):
            _note(chain, f"{given.path} was made again since {job_name(record)} read it")
    elif place(given.path) is None and chain.sources.get(given.path) != given.sha256:
        chain.sources[given.path] = given.sha256
        here = [path for path in (Path(given.path), ROOT / given.path) if path.exists()]
        if not here:
            chain.absent.append(given.path)
        elif contents_of(here[0]).sha256 != given.sha256:
            _note(chain, f"{given.path} has changed since {job_name(record)} read it")


def _differing(now: Mapping[str, FileState], before: Mapping[str, FileState]) -> list[str]:
    """Files of a folder that are new, gone or other than before."""
    return sorted(
        name
        for name in now.keys() | before.keys()
        if name not in now or name not in before or now[name].sha256 != before[name].sha256
    )


def _note(chain: Chain, change: str) -> None:
    if change not in chain.changed:  # the outputs of a job have their inputs in common
        chain.changed.append(change)
