"""The raw files that a chain ends at, with their checksums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from video_r2.data.videos import VIDEO_SUFFIXES
from video_r2.provenance.chain import Chain, inside
from video_r2.provenance.record import RAW, Record, digest_of
from video_r2.records import QUESTION, read_table


@dataclass(frozen=True)
class RawFiles:
    """Files of one kind from one place.

    Attributes:
        folder: where they lie.
        kind: "video", "subtitle", "weight file" or "other file" (questions, rows of training sets).
        files: SHA-256 by path.
    """

    folder: str
    kind: str
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Checksum of the list that `sha256sum` prints of them."""
        return digest_of(self.files)


def raw_files(chain: Chain, benchmarks: Iterable[str] | None = None) -> list[RawFiles]:
    """What the chain began with.

    Args:
        benchmarks: of these benchmarks' folders, only the videos and subtitles that their questions are about; None for
            all there are.
    """
    asked = _asked_about(chain, benchmarks) if benchmarks is not None else None
    found: dict[tuple[str, str], dict[str, str]] = {}
    for record in reversed(chain.raw):
        folder, files = _files(record)
        for path, sha256 in files.items():
            kind = _kind(path)
            of_a_benchmark = inside(record.output)[:2] == (RAW, "benchmarks")
            if asked is None or kind == "other file" or not of_a_benchmark or path in asked:
                found.setdefault((folder, kind), {})[path] = sha256
    for path, sha256 in chain.sources.items():
        found.setdefault((str(Path(path).parent), _kind(path)), {})[path] = sha256
    return [RawFiles(folder, kind, files) for (folder, kind), files in found.items()]


def _files(record: Record) -> tuple[str, dict[str, str]]:
    if record.files is None:
        return str(Path(record.output).parent), {record.output: record.sha256}
    return record.output, {f"{record.output}/{name}": file.sha256 for name, file in record.files.items()}


def _asked_about(chain: Chain, benchmarks: Iterable[str]) -> set[str] | None:
    """Paths of the videos and subtitles of the benchmarks' questions; None where the questions are not here."""
    paths: set[str] = set()
    for benchmark in benchmarks:
        tables = [output for output in chain.records if inside(output) == ("data", "questions", f"{benchmark}.parquet")]
        for table in tables:
            if not Path(table).exists():
                return None
            questions = read_table(table, QUESTION)
            paths.update(questions["video"])
            paths.update(questions["subtitle"])
    return paths


def _kind(path: str) -> str:
    suffix = Path(path).suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return {".srt": "subtitle", ".safetensors": "weight file"}.get(suffix, "other file")
