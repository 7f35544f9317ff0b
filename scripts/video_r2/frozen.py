"""A finished experiment in one archive, without data and models: the exhibits, what they are made of, and how it came about.

What an exhibit is made of is known from its record. An archive begins with `frozen.json`, which lists every other member with
its checksum; the others have the paths that they had, results/<experiment>/... The same files give the same archive.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from video_r2 import code_digest, config
from video_r2.checksums import sha256_of
from video_r2.errors import UserError
from video_r2.files import is_file, replacing
from video_r2.packages import ABSENT, used_version
from video_r2.provenance.chain import inside, trace
from video_r2.provenance.record import place
from video_r2.workflow import UNRECORDED

LAYOUT = 1  # to be raised when older archives can no longer be read
CONTENTS = "frozen.json"
OF_FOLDERS = ("log.jsonl", "manifest.json")  # what exhibits read of a checkpoint; the rest of a folder stays out
SHOWN = 6  # keys in a sentence
CONTENTS_LIMIT = 1 << 26  # bytes
FETCH_AGAIN = "fetch it again"
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


class Member(BaseModel):
    """A file of an archive: bytes and SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    size: int
    sha256: str


class Contents(BaseModel):
    """What an archive holds.

    Attributes:
        experiment: its name.
        commit: that the report was made at; None outside of a git checkout.
        configuration: of the experiment, whole.
        needed: what exhibits are made of.
        exhibits: tables, figures, the report.
        provenance: records.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    layout: int
    experiment: str
    commit: str | None
    configuration: dict[str, Any]
    needed: dict[str, Member]
    exhibits: dict[str, Member]
    provenance: dict[str, Member]

    @property
    def members(self) -> dict[str, Member]:
        """All of them, by path."""
        return {**self.needed, **self.exhibits, **self.provenance}


@dataclass(frozen=True)
class Comparison:
    """Exhibits made from an archive, beside those that were frozen: paths of those with the same bytes, and the others."""

    same: list[str]
    others: list[str]


# --- freezing ---------------------------------------------------------------------------------------------------------


def freeze(results: Path, archive: Path) -> Contents:
    """Pack a finished experiment.

    Args:
        results: its folder, results/<experiment>, seen from the folder that Snakemake ran in.
        archive: to be written.

    Raises:
        UserError: if the report is not there, or something is no longer what the exhibits were made from.
    """
    report = str(results / "report.html")
    chain = trace(report)
    first = chain.records[report]
    exhibits = [report, *(given.path for given in first.inputs)]
    gone = [*chain.missing, *(path for path in exhibits if path in chain.absent)]
    if chain.changed or gone:
        raise UserError(
            chain.changed[0] if chain.changed else "is not there, or has no whole record of how it came about",
            file=report if chain.changed else gone[0],
            cure="run the workflow again; where it has nothing to do, delete this file and name it as the target. "
            "scripts/provenance.py tells all that has changed",
        )
    needed = sorted(
        {
            file
            for path in exhibits[1:]
            for given in chain.records[path].inputs
            if place(given.path) is not None and given.path not in exhibits
            for file in _files(given.path)
        }
    )
    commit = first.circumstances.commit
    contents = Contents(
        layout=LAYOUT,
        experiment=results.name,
        commit=commit.id if commit else None,
        configuration=first.settings["configuration"],
        needed=_members(needed),
        exhibits=_members(sorted(exhibits)),
        provenance=_members(sorted(str(place(path)) for path in chain.records)),
    )
    with replacing(archive) as temporary, temporary.open("wb") as file:
        _write(file, contents)
    return contents


def _files(path: str) -> Iterator[str]:
    """The file, or what exhibits read of a folder."""
    if not Path(path).is_dir():
        yield path
        return
    yield from (f"{path}/{name}" for name in OF_FOLDERS if Path(path, name).is_file())


def _members(paths: Iterable[str]) -> dict[str, Member]:
    try:
        return {path: Member(size=Path(path).stat().st_size, sha256=sha256_of(Path(path))) for path in paths}
    except OSError as error:
        raise UserError(
            f"cannot be read: {error.strerror}", file=error.filename, cure="run the workflow again"
        ) from error


def _write(file: Any, contents: Contents) -> None:
    # Neither the archive's name nor any time is part of it.
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        text = _as_text(contents).encode()
        tar.addfile(_header(CONTENTS, len(text)), io.BytesIO(text))
        for path, member in contents.members.items():
            with Path(path).open("rb") as source:
                tar.addfile(_header(path, member.size), source)


def _as_text(contents: Contents) -> str:
    return contents.model_dump_json(indent=1) + "\n"


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header


# --- unpacking --------------------------------------------------------------------------------------------------------


def unpack(archive: Path, folder: Path) -> Contents:
    """Check an archive, and put what exhibits are made of, and the records of that, below `folder`.

    Files that are there already stay as they are if they are the archive's; exhibits that are not are removed, to be made.

    Raises:
        UserError: if the archive is damaged or of another layout, or there are other results of its experiment.
    """
    contents = read_contents(archive)
    for _ in _members_of(archive, contents):  # all of it is sound before anything is written
        pass
    results = folder / "results" / contents.experiment
    mark, text = results / CONTENTS, _as_text(contents)
    if results.exists() and not (mark.exists() and mark.read_text(encoding="utf-8") == text):
        raise UserError(
            "there are other results of this experiment",
            file=results,
            cure="move them away, or use another copy of the repository",
        )
    with replacing(mark) as temporary:
        temporary.write_text(text, encoding="utf-8")
    made_anew = {*contents.exhibits, *(str(place(path)) for path in contents.exhibits)}
    for name, member in contents.exhibits.items():
        if is_compared(name) and is_file(folder / name) and sha256_of(folder / name) != member.sha256:
            (folder / name).unlink()
    for name, data in _members_of(archive, contents):
        path = folder / name
        if name not in made_anew and not (path.exists() and sha256_of(path) == contents.members[name].sha256):
            with replacing(path) as temporary:
                temporary.write_bytes(data)
    return contents


def read_contents(archive: Path) -> Contents:
    """What an archive says it holds.

    Raises:
        UserError: if it cannot be read, or is no archive of this layout.
    """
    with _opened(archive) as tar:
        first = tar.next()
        data = _data(archive, tar, first, CONTENTS_LIMIT) if first is not None and first.name == CONTENTS else b"{}"
    try:
        found = json.loads(data)
        layout = found["layout"]
    except (ValueError, LookupError, TypeError) as error:
        with _readable(archive), gzip.open(archive) as packed:  # to its end, where its own checksum is
            while packed.read(1 << 20):
                pass
        raise UserError("is no frozen experiment", file=archive, cure="give what `make freeze` made") from error
    if layout != LAYOUT:
        raise UserError(
            f"has layout {layout}, and this version of the project reads layout {LAYOUT}",
            file=archive,
            cure=f"check out commit {found.get('commit')}",
        )
    try:
        contents = Contents.model_validate(found)
    except ValidationError as error:
        raise UserError(f"is damaged: {error.errors()[0]['msg']}", file=archive, cure=FETCH_AGAIN) from error
    if not NAME.fullmatch(contents.experiment):
        raise UserError(f"has an experiment of the name {contents.experiment!r}", file=archive, cure=FETCH_AGAIN)
    top = ("results", contents.experiment)
    for name in contents.members:
        parts = PurePosixPath(name).parts
        if parts[:2] != top or len(parts) < 3 or ".." in parts or "\\" in name or "\0" in name:
            raise UserError(f"has a file outside of {'/'.join(top)}: {name!r}", file=archive, cure=FETCH_AGAIN)
    experiment = config.validate(contents.configuration, str(archive)).experiment
    if experiment != contents.experiment:
        raise UserError(
            f"has results of {contents.experiment!r} with the configuration of {experiment!r}",
            file=archive,
            cure=FETCH_AGAIN,
        )
    return contents


def _members_of(archive: Path, contents: Contents) -> Iterator[tuple[str, bytes]]:
    """Paths and bytes of an archive's members behind the first, each as listed."""
    listed = contents.members
    seen = set()
    with _opened(archive) as tar:
        tar.next()
        for header in iter(tar.next, None):
            member = listed.get(header.name)
            if member is None or header.name in seen:
                raise UserError(f"holds {header.name!r}, which it does not list", file=archive, cure=FETCH_AGAIN)
            data = _data(archive, tar, header, member.size)
            if hashlib.sha256(data).hexdigest() != member.sha256:
                raise UserError(f"is damaged: {header.name} is not what it was", file=archive, cure=FETCH_AGAIN)
            seen.add(header.name)
            yield header.name, data
    if len(seen) < len(listed):
        gone = next(name for name in listed if name not in seen)
        raise UserError(f"is damaged: {gone} is missing", file=archive, cure=FETCH_AGAIN)


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    """The archive, read from its beginning to its end; what is wrong with it is a UserError."""
    with _readable(archive), tarfile.open(archive, mode="r|gz") as tar:
        yield tar


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UserError("there is no such archive", file=archive) from error
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise UserError(f"cannot be read as an archive: {error}", file=archive, cure=FETCH_AGAIN) from error


def _data(archive: Path, tar: tarfile.TarFile, header: tarfile.TarInfo, limit: int) -> bytes:
    """Contents of a plain file of at most `limit` bytes."""
    file = tar.extractfile(header) if header.isreg() and header.size <= limit else None
    if file is None:
        raise UserError(f"is damaged: {header.name!r} is no file of {limit} bytes", file=archive, cure=FETCH_AGAIN)
    return file.read()


# --- what is not as it was --------------------------------------------------------------------------------------------


def not_as_it_was(archive: Path, contents: Contents, folder: Path) -> list[str]:
    """What of `folder`, the repository, is not as it was when exhibits were frozen, so that they may come out otherwise.

    Returns:
        Sentences: other code, versions of packages, contents of shipped files, and keys of the configuration that are new.
    """
    records = {str(place(name)) for name in contents.exhibits}
    code, others = set(), set()
    for name, data in _members_of(archive, contents):
        if name not in records:
            continue
        record = json.loads(data)
        script = folder / record["script"]
        if not script.is_file() or code_digest.digest(script, folder / "scripts") != record["code"]:
            code.add(record["rule"])
        for package, was in record["settings"].get("environment", {}).items():
            if (now := used_version(package, ABSENT if was == ABSENT else was.partition(" ")[0])) != was:
                others.add(f"{package}: {was} -> {now}")
        for given in record["inputs"]:
            path = folder / given["path"]
            if place(given["path"]) is None and not (path.is_file() and sha256_of(path) == given["sha256"]):
                others.add(f"other contents of {given['path']}")
    told = [f"other code makes {', '.join(sorted(code))}"] if code else []
    settings = config.validate(contents.configuration, str(archive)).model_dump(mode="json", exclude=UNRECORDED)
    if keys := [*_new_keys(contents.configuration, settings)]:
        more = f" and {len(keys) - SHOWN} more" if keys[SHOWN:] else ""
        told.append(
            f"keys of the configuration that it does not have, here as by default: {', '.join(keys[:SHOWN])}{more}"
        )
    return [*told, *sorted(others)]


def _new_keys(before: Mapping[str, Any], now: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in now.items():
        if key not in before:
            yield f"{above}{key}"
        elif isinstance(value, Mapping) and isinstance(before[key], Mapping):
            yield from _new_keys(before[key], value, f"{above}{key}.")


# --- making the exhibits anew -----------------------------------------------------------------------------------------


def snakemake_arguments(contents: Contents, folder: Path) -> list[str]:
    """Write the archive's configuration below `folder`, the repository, and give what makes Snakemake make its exhibits.

    The rules of rules/paper.smk alone are allowed to run; what other rules would make is there, or not needed.
    """
    # Two files, because one that is laid over the paper's configuration keeps the order of its entries: the first takes
    # all sections away, and the second gives the archive's.
    below = folder / "results" / contents.experiment / "configuration"
    layers = {"nothing.yaml": dict.fromkeys(config.Config.model_fields), "whole.yaml": contents.configuration}
    for name, layer in layers.items():
        with replacing(below / name) as temporary:
            temporary.write_text(yaml.safe_dump(layer, sort_keys=False, allow_unicode=True), encoding="utf-8")
    files = [str((below / name).relative_to(folder)) for name in layers]
    rules = re.findall(r"^rule (\w+):", (folder / "rules" / "paper.smk").read_text(encoding="utf-8"), re.MULTILINE)
    return ["all", "--snakefile", "workflow/Snakefile", "--configfile", *files, "--allowed-rules", *rules]


def is_compared(exhibit: str) -> bool:
    """Whether an exhibit comes out with the same bytes; the report tells its own time."""
    return inside(exhibit) != ("report.html",)


def compare(contents: Contents, folder: Path) -> Comparison:
    """The exhibits that were made anew, beside the frozen ones; the report, which tells its own time, is left out."""
    same: list[str] = []
    others: list[str] = []
    for name, member in contents.exhibits.items():
        if is_compared(name):
            path = folder / name
            (same if path.is_file() and sha256_of(path) == member.sha256 else others).append(name)
    return Comparison(same, others)
