"""Checksums of files and folders, and when they are taken again."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from job_files import leave_record

from video_r2.checksums import NotedChecksums
from video_r2.errors import UserError
from video_r2.provenance.circumstances import commit, imported_packages
from video_r2.provenance.record import (
    Contents,
    Record,
    contents_of,
    exchanged,
    inputs_of,
    is_part,
    place,
    read,
    shown_path,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "folder"
    (path / "below").mkdir(parents=True)
    (path / "a b.txt").write_text("one")
    (path / "below" / "c.txt").write_text("two")
    (path / ".snakemake_timestamp").touch()
    return path


def record_of(contents: Contents) -> Record:
    return Record.model_construct(**contents._asdict())


def test_a_folders_checksum_is_that_of_what_sha256sum_prints(folder: Path) -> None:
    contents = contents_of(folder)
    printed = subprocess.run(
        ["sha256sum", "a b.txt", "below/c.txt"], cwd=folder, capture_output=True, check=True
    ).stdout
    (folder.parent / "list").write_bytes(printed)
    assert contents.sha256 == contents_of(folder.parent / "list").sha256
    summed = subprocess.run(["sha256sum"], input=printed, capture_output=True, check=True).stdout.decode()
    assert summed.split()[0] == contents.sha256
    assert contents.size == 6


def test_a_file_that_kept_size_and_time_is_not_read_again(folder: Path) -> None:
    known = record_of(contents_of(folder))
    file = folder / "below" / "c.txt"
    changed = file.stat().st_mtime_ns
    file.write_text("six")
    os.utime(file, ns=(changed, changed))
    assert contents_of(folder, known).sha256 == known.sha256
    assert contents_of(folder).sha256 != known.sha256
    os.utime(file, ns=(changed, changed + 1))
    assert contents_of(folder, known).sha256 != known.sha256


def test_a_folder_that_lacks_files_is_part_of_what_it_was_and_one_with_others_is_not(folder: Path) -> None:
    known = record_of(contents_of(folder))
    assert not is_part(contents_of(folder), known)
    (folder / "a b.txt").unlink()
    assert is_part(contents_of(folder), known)
    (folder / "below" / "c.txt").write_text("six")
    assert not is_part(contents_of(folder), known)


def test_records_lie_beside_the_results_and_nothing_else_has_any() -> None:
    assert place("results/e/tables/main.csv") == Path("results/e/provenance/tables/main.csv.json")
    assert place("results/e/report.html") == Path("results/e/provenance/report.html.json")
    others = ("/results/e/a", "results/a", "results/e/../a", "a.csv", "scripts/video_r2/paper/reported.yaml")
    assert [place(path) for path in others] == [None] * 5


@pytest.mark.parametrize("text", ["", "{", "[]", '{"output": "a"}', "\udcff"])
def test_a_damaged_record_is_none(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("results/e/provenance/a.csv.json")
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert read("results/e/a.csv") is None


def made(output: str, content: bytes) -> Path:
    """An output of a job, and its record."""
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    leave_record(path)
    return path


def test_every_flipped_bit_of_a_record_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made("results/e/a.csv", b"a,b")
    record = Path("results/e/provenance/a.csv.json")
    whole = record.read_bytes()
    rng = random.Random(0)
    before = read("results/e/a.csv")
    assert before is not None
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        record.write_bytes(flipped)
        assert read("results/e/a.csv") in (None, before)  # a blank may be another blank
    record.write_bytes(whole.replace(b'"rule": "make"', b'"rule": "fake"'))
    assert read("results/e/a.csv") is None


def test_a_job_does_not_read_what_was_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = made("results/e/predictions/a.parquet", b"answers")
    raw = made("results/e/raw/training/a.json", b"rows")
    job = SimpleNamespace(input=[str(table), str(raw)])
    found = {given.path: given.sha256 for given in inputs_of(job)}
    # printf answers | sha256sum
    assert found[str(table)].startswith("677fe21b65f4a6cf")
    raw.write_bytes(b"rows of mine")
    assert inputs_of(job)[1].sha256 != found[str(raw)]

    table.write_bytes(b"answerz")
    with pytest.raises(UserError, match=r"is not what make made: .*; set aside as a\.parquet\.damaged") as told:
        inputs_of(job)
    assert "run again with this file as the target" in str(told.value)
    assert not table.exists()
    assert Path(f"{table}.damaged").read_bytes() == b"answerz"


def test_a_changed_checkpoint_is_left_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = Path("results/e/models/a/seed-0")
    model.mkdir(parents=True)
    (model / "weights").write_bytes(b"one")
    leave_record(model)
    (model / "weights").write_bytes(b"three")
    with pytest.raises(UserError, match="seed-0: is not what make made") as told:
        inputs_of(SimpleNamespace(input=[str(model)]))
    assert "aside" not in str(told.value)
    assert model.exists()


def test_files_of_a_folder_that_is_a_link_are_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Videos may have been moved to a larger disk, and linked back."""
    monkeypatch.chdir(tmp_path)
    output, elsewhere = Path("results/one/raw/videos"), tmp_path / "elsewhere"
    (output / "clips").mkdir(parents=True)
    (output / "clips/a.mp4").write_text("one")
    leave_record(output)
    before = contents_of(output)
    (output / "clips").rename(elsewhere)
    (output / "clips").symlink_to(elsewhere)
    (elsewhere / "around").symlink_to(elsewhere)
    checksums = NotedChecksums(tmp_path / "digests")
    assert contents_of(output) == before
    assert exchanged(str(output), checksums) == {}
    (elsewhere / "a.mp4").write_text("another")
    assert list(exchanged(str(output), checksums)) == ["clips/a.mp4"]


def test_a_path_says_nothing_about_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_path(tmp_path / "mine" / "data.json") == "mine/data.json"
    assert shown_path(root / "rules" / ".." / "scripts" / "a.yaml") == "scripts/a.yaml"
    assert shown_path("/somewhere/else/data.json") == "data.json"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, text=True, capture_output=True, check=True).stdout


def test_the_commit_is_that_of_this_checkout_and_changes_have_a_digest(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git(tmp_path, "init")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.txt").write_text("one\n")
    assert commit(tmp_path) is None  # there is no commit yet
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message", "first")
    found = commit(tmp_path)
    assert found is not None
    assert (found.id, found.difference) == (git(tmp_path, "rev-parse", "HEAD").strip(), None)
    assert commit(tmp_path / "below") is None  # a folder of another checkout is none of its own

    seen = []
    for text in ("two\n", "three\n", "one\n"):
        (tmp_path / "below" / "a.txt").write_text(text)
        found = commit(tmp_path)
        assert found is not None
        seen.append(found.difference)
    assert seen[2] is None
    assert len({*seen}) == 3


def test_packages_are_those_that_were_imported_by_whatever_name() -> None:
    import PIL
    import yaml

    found = imported_packages()
    assert (found["pillow"], found["PyYAML"]) == (PIL.__version__, yaml.__version__)
    assert "pytest" in found
    assert "snakefmt" not in found
