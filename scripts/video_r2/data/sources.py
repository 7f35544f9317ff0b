"""What is downloaded: the table of sources, the lock that says which commit each one is, and what was fetched.

Three files know about a source. `sources.yaml` is written by hand: what it is for, its licence, which files. A fetch leaves a
record of its own below `results/<experiment>/sources/`: the commit, and the checksum of every file. `sources.lock.yaml`
collects those records, is committed, and is obeyed by every later fetch. Jobs only read the lock; the main process, of which
there is one, adds the records to it when a run ends, so that fetches on different machines cannot overwrite each other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from video_r2.errors import UserError
from video_r2.files import read_yaml, replacing
from video_r2.sections import Section, checked
from video_r2.state import held

Kind = Literal["model", "dataset"]
Checksum = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

# Weights as safetensors only, and no code of the repository's own; that only of a model that is trusted.
CODE_FILES = ["*.py"]
MODEL_FILES = ("*.safetensors", "*.json", "*.txt", "*.jinja", "*.model", "README.md", "LICENSE*")
FIRST = "first"  # the order of a fetch that no lock had an entry for
GUARD = Path(".snakemake", "sources.lock")  # held while the lock is written
LOCK_HEAD = """\
# Which commit every source is, and the checksums of its files: made by the first fetch, obeyed and checked by all later ones.
# To be committed. `make lock-sources` adds what was fetched since; `make lock-sources UPDATE=owner/name` moves a source to what
# its revision is now. A changed entry fetches its source again.
"""


class Known(Section):
    """An entry of sources.yaml."""

    kind: Kind
    purpose: str
    revision: str = "main"
    license: str | None = None
    access: Literal["open", "terms"] | None = None
    gigabytes: float | None = Field(None, gt=0)
    files: list[str] = Field([])
    sha256: dict[str, Checksum] = Field({})


class Source(Section):
    """What a fetch is asked for.

    Attributes:
        hub: its id.
        revision: commit, tag or branch.
        files: patterns of the files that are wanted; empty for all.
        sha256: checksums that are known beforehand, by path.
    """

    hub: str
    kind: Kind
    revision: str
    files: list[str] = Field([])
    sha256: dict[str, Checksum] = Field({})

    @property
    def key(self) -> str:
        """Its name in the lock."""
        return f"{self.hub}@{self.revision}"

    @property
    def page(self) -> str:
        """Where a person finds it."""
        return f"https://huggingface.co/{'datasets/' if self.kind == 'dataset' else ''}{self.hub}"

    @property
    def slug(self) -> str:
        """Its name as a file's name; other characters than these make way for a digest of the whole."""
        plain = re.sub(r"[^\w.@-]", "_", self.key.replace("/", "--"))
        is_plain = plain == self.key.replace("/", "--")
        return plain if is_plain else f"{plain}-{hashlib.sha256(self.key.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Pinned:
    """A source as of one commit: an entry of the lock.

    Attributes:
        files: checksums by path; empty for an entry whose files nobody has fetched yet.
    """

    kind: Kind
    commit: str
    files: Mapping[str, str]

    @property
    def order(self) -> str:
        """A name for exactly this entry."""
        listed = "".join(f"{self.files[name]}  {name}\n" for name in sorted(self.files))
        return f"{self.commit[:12]}-{hashlib.sha256(listed.encode()).hexdigest()[:8]}"

    def agrees(self, other: Pinned) -> bool:
        """Whether both are of one commit, and have the same checksum for every file that both have."""
        both = self.files.keys() & other.files.keys()
        return self.commit == other.commit and all(self.files[name] == other.files[name] for name in both)


@dataclass(frozen=True)
class Record:
    """What a fetch has fetched, and on which order; kept beside the results, where Snakemake does not clear it away."""

    source: str
    kind: Kind
    commit: str
    order: str
    files: dict[str, str]

    @property
    def pinned(self) -> Pinned:
        return Pinned(self.kind, self.commit, self.files)

    def write(self, path: str | Path) -> None:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


def read_record(path: str | Path) -> Record | None:
    """A fetch's record; none if there is none, or it is no record."""
    try:
        return Record(**json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class Sources:
    """The sources of a repository, and what an experiment has fetched of them.

    Args:
        root: the repository.
        results: the experiment's folder.
    """

    def __init__(self, root: Path, results: str | Path) -> None:
        self.lock_file = root / "sources.lock.yaml"
        self.records = Path(results, "sources")
        self._table_file = root / "sources.yaml"

    @cached_property
    def table(self) -> dict[str, Known]:
        """The entries of sources.yaml by hub id."""
        entries = read_yaml(self._table_file) if self._table_file.exists() else {}
        return {hub: checked(Known, entry, f"{self._table_file.name}: {hub}") for hub, entry in entries.items()}

    @cached_property
    def lock(self) -> dict[str, Pinned]:
        return read_lock(self.lock_file)

    def source(self, hub: str, kind: Kind, revision: str | None, code: bool = False) -> Source:
        """What is to be fetched under this id; `revision` goes before that of the table. With `code`, a model's code, too."""
        known = self.table.get(hub)
        if known is not None and known.kind != kind:
            raise UserError(f"{hub} is a {known.kind}, and not a {kind}", file=self._table_file.name)
        files = list(known.files) if known and known.files else list(MODEL_FILES) if kind == "model" else []
        files += CODE_FILES if code else []
        at = revision or (known.revision if known else "main")
        return Source(hub=hub, kind=kind, revision=at, files=files, sha256=known.sha256 if known else {})

    def record_file(self, source: Source) -> Path:
        return self.records / f"{source.slug}.json"

    def order(self, source: Source) -> str:
        """What a fetch is told beside its source, so that it runs again when the lock says something else, and only then.

        As long as what was fetched agrees with the lock this is the order that it was fetched on: the first entry of a
        source in the lock, which its own fetch has made, changes nothing.
        """
        locked, record = self.lock.get(source.key), read_record(self.record_file(source))
        if record is not None and (locked is None or record.pinned.agrees(locked)):
            return record.order
        return FIRST if locked is None else locked.order


# --- the lock ---------------------------------------------------------------------------------------------------------


def read_lock(path: str | Path) -> dict[str, Pinned]:
    """The lock's entries by `Source.key`; none where there is no lock yet.

    Raises:
        UserError: if it is not as it was written.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    cure = "take it from the repository again, or delete the entry: the next fetch writes it anew"
    try:
        # Thousands of lines, read at every start: the parser in C.
        entries = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}  # noqa: S506 - a safe loader
        return {str(key): _pinned(entry) for key, entry in entries.items()}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"is not a lock of sources: {error}", file=path, cure=cure) from error


def _pinned(entry: Mapping[str, Any]) -> Pinned:
    lines = (line.partition("  ") for line in str(entry["files"]).splitlines())
    files = {name: digest for digest, _, name in lines}
    if not re.fullmatch(r"[0-9a-f]{40}", entry["commit"]) or entry["kind"] not in ("model", "dataset"):
        raise ValueError(f"commit {entry['commit']!r} of a {entry['kind']}")
    if wrong := [name for name, digest in files.items() if not name or not re.fullmatch(r"[0-9a-f]{64}", digest)]:
        raise ValueError(f"the line of {wrong[0]!r}")
    return Pinned(entry["kind"], entry["commit"], files)


def write_lock(path: Path, entries: Mapping[str, Pinned]) -> None:
    """Write the lock: files as `sha256sum` prints them, so that it can check them."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(LOCK_HEAD)
        for key in sorted(entries):
            entry = entries[key]
            file.write(f"\n{json.dumps(key)}:\n  kind: {entry.kind}\n  commit: {json.dumps(entry.commit)}\n")
            lines = "".join(f"    {entry.files[name]}  {name}\n" for name in sorted(entry.files))
            file.write(f"  files: |\n{lines}" if lines else '  files: ""\n')


def merge_records(lock_file: Path, folders: Iterable[Path]) -> list[str]:
    """Add what was fetched to the lock: sources that it does not have yet, and files that an entry of the same commit lacks.

    What the lock says already is never changed. Others may write it at the same time: it is read and replaced under a guard.

    Args:
        folders: those with the records of experiments.

    Returns:
        The entries that are new or have new files.
    """
    records = [record for folder in folders for path in sorted(folder.glob("*.json")) if (record := read_record(path))]
    changed: list[str] = []
    with held(lock_file.parent / GUARD):
        entries = read_lock(lock_file)
        for record in records:
            there = entries.get(record.source)
            if there is None:
                entries[record.source] = record.pinned
            elif there.agrees(record.pinned) and not record.files.keys() <= there.files.keys():
                entries[record.source] = Pinned(there.kind, there.commit, {**record.files, **there.files})
            else:
                continue
            changed.append(record.source)
        if changed:
            write_lock(lock_file, entries)
    return changed


def repin(lock_file: Path, key: str, entry: Pinned) -> None:
    """Write one entry of the lock anew."""
    with held(lock_file.parent / GUARD):
        write_lock(lock_file, {**read_lock(lock_file), key: entry})
