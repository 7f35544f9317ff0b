"""What a job that ends well leaves of each of its outputs: results/<experiment>/provenance/<path of the output>.json.

A file's checksum is taken whenever it is needed. A folder's (videos, a checkpoint) is taken once, by the job that made it:
each file's checksum stands in the folder's record and counts for as long as the file's size and time of change stay.
Snakemake changes the times of the files that it asked for once their job has ended, but not of those in a folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from video_r2.checksums import STAMP, sha256_of
from video_r2.files import replacing
from video_r2.provenance.circumstances import ROOT, Beginning, Circumstances
from video_r2.state import NO_EFFECT


class FileState(BaseModel):
    """A file of a folder: bytes, time of change in nanoseconds, SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    size: int
    modified: int
    sha256: str


class Input(BaseModel):
    """What a job read.

    Attributes:
        path: below the folder that Snakemake runs in, or below the repository.
        sha256: of a file's contents, or of a folder's `listing`.
        part_of: of a folder of which files were missing, while the others were as recorded: the recorded checksum.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    sha256: str
    part_of: str | None = None


class Record(BaseModel):
    """How an output came about.

    Attributes:
        output: its path below the folder that Snakemake runs in.
        size: bytes, of a folder those of all its files.
        sha256: of a file's contents, or of a folder's `listing`.
        files: of a folder, each file by its path in it.
        settings: the rule's parameters that a result depends on.
        code: digest of the meaning of the rule's code.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    output: str
    size: int
    sha256: str
    files: dict[str, FileState] | None
    rule: str
    script: str
    wildcards: dict[str, str]
    seed: int | None
    inputs: list[Input]
    settings: dict[str, Any]
    code: str
    circumstances: Circumstances


class Contents(NamedTuple):
    """What a file or a folder holds now; `files` as in `Record`."""

    size: int
    sha256: str
    files: dict[str, FileState] | None


def keep(job: Any, script: Path, beginning: Beginning) -> None:
    """Write a record of each of a job's outputs, beside those below results/<experiment>.

    Args:
        job: as Snakemake gives it.
        script: the rule's.
        beginning: noted when the job began.
    """
    places = {str(output): path for output in job.output if (path := place(output)) is not None}
    if not places:
        return
    circumstances = beginning.end(job)
    settings = {name: value for name, value in job.params.items() if name not in {*NO_EFFECT, "code"}}
    wildcards = {name: str(value) for name, value in job.wildcards.items()}
    seed = job.params.get("seed", wildcards.get("seed"))
    inputs = [_input(str(path)) for path in job.input]
    for output, path in places.items():
        size, sha256, files = contents_of(output)  # whatever an earlier job's record says
        record = Record(
            output=output,
            size=size,
            sha256=sha256,
            files=files,
            rule=job.rule,
            script=script.relative_to(ROOT).as_posix(),
            wildcards=wildcards,
            seed=None if seed is None else int(seed),
            inputs=inputs,
            settings=json.loads(json.dumps(settings, default=str)),
            code=job.params.code,
            circumstances=circumstances,
        )
        with replacing(path) as temporary:
            temporary.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def place(output: str | Path) -> Path | None:
    """Where the record of an output lies; None of what is not below results/<experiment>."""
    path = Path(output)
    if len(path.parts) < 3 or path.parts[0] != "results" or ".." in path.parts:
        return None
    inside = Path(*path.parts[2:])
    return Path(*path.parts[:2], "provenance", inside.with_name(f"{inside.name}.json"))


def read(output: str | Path) -> Record | None:
    """The record of an output, or None where there is none that can be read."""
    path = place(output)
    try:
        return None if path is None else Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def contents_of(path: str | Path, known: Record | None = None) -> Contents:
    """Size and checksum of a file or a folder.

    Args:
        known: a record; of its files, those that have kept size and time of change are not read again.

    Raises:
        OSError: if a file cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        return Contents(path.stat().st_size, sha256_of(path), None)
    before = (known.files if known else None) or {}
    files = {}
    for file in sorted(path.rglob("*")):
        if file.name != STAMP and file.is_file():
            name = file.relative_to(path).as_posix()
            files[name] = _state(file, before.get(name))
    return Contents(sum(file.size for file in files.values()), listing_digest(files), files)


def listing_digest(files: Mapping[str, FileState]) -> str:
    """Checksum of a folder: of the list that `sha256sum` prints of its files in the order of their names."""
    return digest_of({name: file.sha256 for name, file in files.items()})


def digest_of(checksums: Mapping[str, str]) -> str:
    """Checksum of the list that `sha256sum` prints of files, given by their names, in the order of these."""
    lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(checksums.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def shown_path(path: str | Path) -> str:
    """A path that says nothing about the machine: below the current folder, or below the repository, or its name.

    Snakemake gives jobs copies of the repository's files (`workflow.source_path`), below whose folder the whole path follows.
    """
    absolute = Path(path).resolve()
    for top in (Path.cwd().resolve(), ROOT.resolve()):
        if absolute.is_relative_to(top):
            return absolute.relative_to(top).as_posix()
    tails = (Path(*absolute.parts[at:]) for at in range(1, len(absolute.parts) - 1))
    return next((tail.as_posix() for tail in tails if (ROOT / tail).is_file()), absolute.name)


def _input(path: str) -> Input:
    known = read(path)
    now = contents_of(path, known)
    part = known is not None and is_part(now, known)
    shown = path if place(path) else shown_path(path)
    return Input(path=shown, sha256=now.sha256, part_of=known.sha256 if known and part else None)


def is_part(now: Contents, known: Record) -> bool:
    """Whether a folder lacks files of its record, and holds nothing that is not in it."""
    if now.files is None or known.files is None or len(now.files) >= len(known.files):
        return False
    return all(name in known.files and file.sha256 == known.files[name].sha256 for name, file in now.files.items())


def _state(file: Path, before: FileState | None) -> FileState:
    status = file.stat()
    if before is not None and (before.size, before.modified) == (status.st_size, status.st_mtime_ns):
        return before
    return FileState(size=status.st_size, modified=status.st_mtime_ns, sha256=sha256_of(file))
