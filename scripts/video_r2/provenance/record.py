"""What a job that ends well leaves of each of its outputs: results/<experiment>/provenance/<path of the output>.json.

A file's checksum is taken whenever it is needed. A folder's (videos, a checkpoint) is taken once, by the job that made it:
each file's checksum stands in the folder's record and counts for as long as the file's size and time of change stay.
Snakemake changes the times of the files that it asked for once their job has ended, but not of those in a folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from video_r2.checksums import STAMP, NotedChecksums, sha256_of
from video_r2.errors import UserError
from video_r2.files import files_below, is_of_the_system, replacing, set_aside, unreadable
from video_r2.provenance.circumstances import ROOT, Beginning, Circumstances
from video_r2.state import NO_EFFECT

RAW = "raw"  # folder below results/<experiment>


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
        checksum: SHA-256 of all the others.
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
    checksum: str = ""

    def sealed(self) -> Record:
        """The record with its checksum."""
        return self.model_copy(update={"checksum": self._checksum()})

    @property
    def is_whole(self) -> bool:
        """Whether it is as it was written."""
        return self.checksum == self._checksum()

    def _checksum(self) -> str:
        return hashlib.sha256(self.model_dump_json(exclude={"checksum"}).encode()).hexdigest()


class Contents(NamedTuple):
    """What a file or a folder holds now; `files` as in `Record`."""

    size: int
    sha256: str
    files: dict[str, FileState] | None


def inputs_of(job: Any) -> list[Input]:
    """What a job is about to read, with checksums.

    A file that is not what a job before it has made is set aside, so that it is made again. A folder (a checkpoint) stays
    where it is, because to make it again may take days. What is in results/<experiment>/raw may be exchanged by the user.

    Raises:
        UserError: if an input is not what was made, or cannot be read.
    """
    return [_checked(str(path)) for path in job.input]


def _checked(path: str) -> Input:
    known = read(path)
    try:
        now = contents_of(path, known)
    except OSError as error:
        if is_raw(path):
            raise unreadable(error, error.filename or path, "fetch the file again, or leave it out") from error
        raise UserError(f"cannot be read: {error.strerror}", file=path, cure="run again when it can") from error
    part = known is not None and is_part(now, known)
    if known is not None and not part and now.sha256 != known.sha256 and not is_raw(path):
        aside = path
        if not Path(path).is_dir():
            with suppress(FileNotFoundError):  # another job has set it aside
                aside = str(set_aside(Path(path)))
        raise UserError(
            f"is not what {known.rule} made: it has changed since, or is damaged"
            + ("" if aside == path else f"; set aside as {Path(aside).name}"),
            file=path,
            cure=(
                "put a copy back, or delete it; it is made again"
                if aside == path
                else "run again with this file as the target, and then as before: what was made from it runs again only if "
                "it comes out otherwise"
            )
            + f". If it was changed on purpose: put it back, and delete {place(path)}",
        )
    return Input(path=shown_input(path), sha256=now.sha256, part_of=known.sha256 if known and part else None)


def is_raw(path: str) -> bool:
    """Whether an output is of the data that an experiment begins with."""
    return Path(path).parts[2:3] == (RAW,)


def exchanged(output: str, checksums: NotedChecksums) -> dict[str, str]:
    """The files of an output that are no longer what the job made, with their checksums now, by name; whatever time they have.

    Files that are gone do not count: raw data may make way when it has been used. Nor do those that a system puts into any
    folder that is looked at or shared.

    Args:
        output: a file or a folder; where there is none, or no record of it, nothing is said.
    """
    known, path = read(output), Path(output)
    if known is None or not path.exists():
        return {}
    if known.files is None:
        now = _noted(path, checksums)
        return {} if now in (None, known.sha256) else {path.name: str(now)}
    found = {}
    for file in files_below(path):
        if file.name != STAMP:
            name, status = file.relative_to(path).as_posix(), file.stat()
            before = known.files.get(name)
            if before is None and is_of_the_system(file.relative_to(path)):
                continue
            if before is None or (before.size, before.modified) != (status.st_size, status.st_mtime_ns):
                now = _noted(file, checksums)
                if now is not None and (before is None or now != before.sha256):
                    found[name] = now
    return dict(sorted(found.items()))


def _noted(path: Path, checksums: NotedChecksums) -> str | None:
    """Checksum of a file; None where it cannot be read, which the job that reads it tells."""
    try:
        return checksums.of(path)
    except OSError:
        return None


def keep(job: Any, script: Path, beginning: Beginning, inputs: list[Input]) -> None:
    """Write a record of each of a job's outputs, beside those below results/<experiment>.

    Args:
        job: as Snakemake gives it.
        script: the rule's.
        beginning: noted when the job began.
        inputs: as they were then.
    """
    places = {str(output): path for output in job.output if (path := place(output)) is not None}
    if not places:
        return
    for path in places.values():
        path.unlink(missing_ok=True)  # of what was there before: none is better than that
    circumstances = beginning.end(job)
    settings = {name: value for name, value in job.params.items() if name not in {*NO_EFFECT, "code"}}
    wildcards = {name: str(value) for name, value in job.wildcards.items()}
    seed = job.params.get("seed", wildcards.get("seed"))
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
            temporary.write_text(record.sealed().model_dump_json(indent=1) + "\n", encoding="utf-8")


def place(output: str | Path) -> Path | None:
    """Where the record of an output lies; None of what is not below results/<experiment>."""
    path = Path(output)
    if len(path.parts) < 3 or path.parts[0] != "results" or ".." in path.parts:
        return None
    inside = Path(*path.parts[2:])
    return Path(*path.parts[:2], "provenance", inside.with_name(f"{inside.name}.json"))


def read(output: str | Path) -> Record | None:
    """The record of an output, or None where there is none that is whole."""
    path = place(output)
    try:
        record = None if path is None else Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None
    return record if record is not None and record.is_whole else None


def claims(output: str | Path) -> dict[str, Any] | None:
    """What the record of an output says it was made with: settings, "code", and the paths of "inputs"; None without a record.

    It is not checked whether the record is whole (`read`), which takes long where it lists many files.
    """
    path = place(output)
    try:
        record = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
        inputs = sorted({given["path"] for given in record["inputs"]})
        return {**record["settings"], "code": record["code"], "inputs": inputs}
    except (OSError, ValueError, LookupError, TypeError):
        return None


def output_of(path: str) -> str:
    """The output that has a record and is this path or a folder around it; the path itself where there is none."""
    around = (str(folder) for folder in (Path(path), *Path(path).parents))
    return next((output for output in around if read(output) is not None), path)


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
    for file in sorted(files_below(path)):
        if file.name != STAMP:
            name = file.relative_to(path).as_posix()
            try:
                files[name] = _state(file, before.get(name))
            except OSError as error:
                error.filename = error.filename or str(file)  # which a disk that does not read does not say
                raise
    return Contents(sum(file.size for file in files.values()), listing_digest(files), files)


def listing_digest(files: Mapping[str, FileState]) -> str:
    """Checksum of a folder: of the list that `sha256sum` prints of its files in the order of their names."""
    return digest_of({name: file.sha256 for name, file in files.items()})


def digest_of(checksums: Mapping[str, str]) -> str:
    """Checksum of the list that `sha256sum` prints of files, given by their names, in the order of these."""
    lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(checksums.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def shown_input(path: str) -> str:
    """How an input is named in a record."""
    return path if place(path) else shown_path(path)


def shown_path(path: str | Path) -> str:
    """A path that says nothing about the machine: below the current folder, or below the repository, or its name."""
    absolute = Path(path).resolve()
    for top in (Path.cwd().resolve(), ROOT.resolve()):
        if absolute.is_relative_to(top):
            return absolute.relative_to(top).as_posix()
    return absolute.name


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
