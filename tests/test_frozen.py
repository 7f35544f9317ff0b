"""Archives of finished runs that are damaged, of another layout, or out for harm: refused, and nothing is written."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from video_r2 import code_digest, config
from video_r2.errors import UserError
from video_r2.frozen import not_as_it_was, read_contents, snakemake_arguments, unpack
from video_r2.workflow import read_config

SCORES = "results/e/scores/accuracy/sft/seed-0/b.parquet"
TABLE = "results/e/tables/main.csv"
RECORD = "results/e/provenance/tables/main.csv.json"
SETTINGS = {
    "experiment": "e",
    "models": {"z": {"stage": "base"}, "a": {"stage": "sft", "start": "z"}},
    "evaluations": {"later": {"model": "a", "label": "A"}, "first": {"model": "z", "label": "Z"}},
}


def contents(files: dict[str, bytes], **changes: Any) -> dict[str, Any]:
    members = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    return {
        "layout": 1,
        "experiment": "e",
        "commit": "0" * 40,
        "configuration": config.validate(SETTINGS).model_dump(mode="json"),
        "needed": {name: member for name, member in members.items() if "tables" not in name},
        "exhibits": {name: member for name, member in members.items() if "tables" in name},
        "provenance": {},
        **changes,
    }


def write(path: Path, listed: object, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in {"frozen.json": json.dumps(listed).encode(), **files}.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return path


FILES = {SCORES: b"scores" * 1000, TABLE: b"table"}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write(tmp_path / "a.tar.gz", contents(FILES), FILES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    return path


def test_what_exhibits_are_made_of_is_unpacked_and_the_exhibits_are_not(archive: Path, folder: Path) -> None:
    unpack(archive, folder)
    assert (folder / SCORES).read_bytes() == FILES[SCORES]
    assert not (folder / TABLE).exists()


def test_to_unpack_again_mends_what_is_broken_and_leaves_the_rest_alone(archive: Path, folder: Path) -> None:
    unpack(archive, folder)
    before = (folder / SCORES).stat().st_mtime_ns
    unpack(archive, folder)
    assert (folder / SCORES).stat().st_mtime_ns == before
    (folder / SCORES).write_bytes(b"other")
    unpack(archive, folder)
    assert (folder / SCORES).read_bytes() == FILES[SCORES]


def test_other_results_are_not_touched(archive: Path, folder: Path) -> None:
    (folder / SCORES).parent.mkdir(parents=True)
    (folder / SCORES).write_bytes(b"mine")
    with pytest.raises(UserError, match="there are other results of this experiment"):
        unpack(archive, folder)
    assert (folder / SCORES).read_bytes() == b"mine"


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])


def flip(path: Path) -> None:
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[data.rindex(b"scores")] ^= 1
    path.write_bytes(gzip.compress(bytes(data)))


def flip_packed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(bytes(data))


def no_archive(path: Path) -> None:
    path.write_bytes(b"not an archive" * 100)


@pytest.mark.parametrize("harm", [cut, flip, flip_packed, no_archive])
def test_a_damaged_archive_is_refused_before_anything_is_written(
    archive: Path, folder: Path, harm: Callable[[Path], None]
) -> None:
    harm(archive)
    with pytest.raises(UserError, match=r"is damaged|cannot be read as an archive") as refused:
        unpack(archive, folder)
    assert refused.value.file == str(archive)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("listed", "files", "complaint"),
    [
        ({"some": "file"}, FILES, "is no frozen experiment"),
        ([], FILES, "is no frozen experiment"),
        (contents(FILES, layout=2), FILES, "has layout 2, and this version of the project reads layout 1"),
        (contents(FILES, more=1), FILES, "is damaged"),
        (contents(FILES, experiment=".."), FILES, "has an experiment of the name"),
        (contents(FILES, configuration={"sedes": [0]}), FILES, "sedes: there is no such key"),
        (
            contents(FILES, configuration={**SETTINGS, "experiment": "f"}),
            FILES,
            "has results of 'e' with the configuration of 'f'",
        ),
        (contents(FILES), {SCORES: FILES[SCORES]}, f"is damaged: {TABLE} is missing"),
        (contents(FILES), FILES | {"results/e/more": b""}, "holds 'results/e/more', which it does not list"),
        (contents(FILES), FILES | {SCORES: b"others" * 1000}, f"is damaged: {SCORES} is not what it was"),
        (contents(FILES), FILES | {SCORES: b"scores" * 1001}, "is damaged"),
        *(
            (contents({name: b"x"}), {name: b"x"}, "has a file outside of results/e")
            for name in ["../out", "results/e/../../out", "/out", "results/other/out", "results/e", "scripts/run.py"]
        ),
    ],
)
def test_an_archive_that_is_not_what_it_should_be_is_refused(
    listed: object, files: dict[str, bytes], complaint: str, tmp_path: Path, folder: Path
) -> None:
    archive = write(tmp_path / "a.tar.gz", listed, files)
    with pytest.raises(UserError) as refused:
        unpack(archive, folder)
    assert complaint in str(refused.value)
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_a_link_in_an_archive_is_refused(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        text = json.dumps(contents({SCORES: b""})).encode()
        header = tarfile.TarInfo("frozen.json")
        header.size = len(text)
        tar.addfile(header, io.BytesIO(text))
        link = tarfile.TarInfo(SCORES)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(UserError, match="is no file of 0 bytes"):
        unpack(path, folder)
    assert list(folder.iterdir()) == []


def test_an_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.tar\.gz: there is no such archive"):
        unpack(tmp_path / "none.tar.gz", tmp_path)


def test_what_is_not_here_as_it_was_is_told(tmp_path: Path, root: Path) -> None:
    script, reported = "scripts/main_accuracy.py", "scripts/video_r2/paper/reported.yaml"
    digest, packages = code_digest.digest(root / script, root / "scripts"), {"numpy": version("numpy")}

    def told(
        code: str = digest, versions: dict[str, str] = packages, read: bytes | None = None, drop: str = ""
    ) -> list[str]:
        published = (root / reported).read_bytes() if read is None else read
        record = {
            "rule": "main_accuracy",
            "script": script,
            "code": code,
            "settings": {"environment": versions},
            "inputs": [
                {"path": SCORES, "sha256": "0"},
                {"path": reported, "sha256": hashlib.sha256(published).hexdigest()},
            ],
        }
        files = FILES | {RECORD: json.dumps(record).encode()}
        listed = contents(FILES, provenance={RECORD: contents(files)["exhibits"][RECORD]})
        listed["configuration"].pop(drop, None)
        archive = write(tmp_path / "a.tar.gz", listed, files)
        return not_as_it_was(archive, read_contents(archive), root)

    assert told() == []
    assert told(code="0" * 16) == ["other code makes main_accuracy"]
    assert told(versions={"numpy": "1.0"}) == [f"numpy: 1.0 -> 1.0 ({version('numpy')} is installed)"]
    assert told(read=b"") == [f"other contents of {reported}"]
    assert told(drop="seeds") == ["keys of the configuration that it does not have, here as by default: seeds"]


def test_the_configuration_is_the_archives_in_its_order_and_nothing_of_the_papers(
    archive: Path, folder: Path, root: Path
) -> None:
    (folder / "rules").mkdir()
    (folder / "rules/paper.smk").write_text("rule main_accuracy:\n\n\nrule all:\n")
    arguments = snakemake_arguments(unpack(archive, folder), folder)
    assert arguments[arguments.index("--allowed-rules") + 1 :] == ["main_accuracy", "all"]
    layers = arguments[arguments.index("--configfile") + 1 : arguments.index("--allowed-rules")]
    read = read_config([root / "config.yaml", *(folder / layer for layer in layers)], {})
    assert read == config.validate(SETTINGS)
    assert (list(read.models), list(read.evaluations)) == (["z", "a"], ["later", "first"])
