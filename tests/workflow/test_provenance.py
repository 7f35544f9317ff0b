"""What real jobs leave of their outputs, and the chain that scripts/provenance.py tells from it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from repository_copy import copy_repository, restore, snakemake, state

from video_r2 import code_digest
from video_r2.provenance.record import Record

pytestmark = pytest.mark.long

SMOKE = ["--profile", "local", "--configfile", "profiles/local/smoke.yaml"]
RAW = "results/smoke/raw/benchmarks/tempcompass"
QUESTIONS = "results/smoke/data/questions/tempcompass.parquet"
RECORDS = "results/smoke/provenance"


def git(folder: Path, *arguments: str) -> bytes:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def made(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the repository, with an uncommitted change, in which one benchmark's questions are made."""
    folder = copy_repository(root, tmp_path_factory.mktemp("provenance"))
    (folder / ".gitignore").write_text("results\n.snakemake\n__pycache__\n")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "all")
    with (folder / "README.md").open("a") as readme:
        readme.write("More.\n")
    snakemake(folder, QUESTIONS, *SMOKE)
    return folder


def record(made: Path, output: str) -> dict[str, Any]:
    path = made / RECORDS / f"{Path(output).relative_to('results/smoke')}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def provenance(made: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "scripts/provenance.py", *arguments]
    done = subprocess.run(command, cwd=made, text=True, capture_output=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_record_says_what_an_output_is_and_what_made_it(made: Path) -> None:
    of = record(made, QUESTIONS)
    file = made / QUESTIONS
    assert (of["output"], of["size"], of["sha256"]) == (QUESTIONS, file.stat().st_size, sha256(file))
    assert (of["rule"], of["script"]) == ("prepare_benchmark", "scripts/prepare_benchmark.py")
    assert (of["wildcards"], of["seed"]) == ({"benchmark": "tempcompass"}, None)
    assert of["code"] == code_digest.digest(made / "scripts/prepare_benchmark.py", made / "scripts")
    assert of["settings"]["benchmark"]["adapter"] == "tempcompass"
    assert "max_rejected" not in of["settings"]  # another limit gives the same questions
    assert of["settings"]["environment"]["numpy"] == "2.4.6"
    assert of["inputs"] == [{"path": RAW, "sha256": record(made, RAW)["sha256"], "part_of": None}]


def test_a_folders_record_has_every_file_of_it(made: Path) -> None:
    files = [path for path in (made / RAW).rglob("*") if path.is_file() and path.name != ".snakemake_timestamp"]
    assert len([path for path in files if path.suffix == ".mp4"]) == 6
    listed = record(made, RAW)["files"]
    assert {name: entry["sha256"] for name, entry in listed.items()} == {
        str(path.relative_to(made / RAW)): sha256(path) for path in files
    }


def test_a_record_says_under_what_circumstances(made: Path) -> None:
    of = record(made, QUESTIONS)["circumstances"]
    assert of["commit"]["id"] == git(made, "rev-parse", "HEAD").decode().strip()
    assert of["commit"]["difference"] == hashlib.sha256(git(made, "diff", "HEAD")).hexdigest()
    assert of["packages"]["pandas"] == pd.__version__
    assert (of["gpus"], of["gpu_hours"], of["threads"]) == (0, 0.0, 1)
    benchmark = json.loads((made / "results/smoke/benchmarks/prepare_benchmark/tempcompass.jsonl").read_text())
    assert 0 < of["seconds"] <= benchmark["s"]
    assert 0.1 < of["processor_seconds"] <= benchmark["s"] * 4
    assert 30 < of["peak_memory_mb"] < 4000


def test_a_record_says_nothing_about_the_machine(made: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (made / RECORDS).rglob("*.json")]
    # Each output of two jobs: the raw folder; questions, rejected records, subtitles.
    assert len(texts) == 4
    for text in texts:
        assert str(made) not in text
        assert socket.gethostname() not in text


def test_records_make_nothing_run_again(made: Path) -> None:
    assert "Nothing to be done" in snakemake(made, QUESTIONS, *SMOKE)


def test_the_chain_ends_at_the_raw_files(made: Path) -> None:
    code, said = provenance(made, QUESTIONS, "--json")
    assert code == 0
    chain = json.loads(said)
    assert [of["rule"] for of in chain["records"]] == ["prepare_benchmark", "generate_benchmark"]
    videos = next(of for of in chain["raw"] if of["kind"] == "video")
    assert videos["files"] == {str(path.relative_to(made)): sha256(path) for path in (made / RAW).rglob("*.mp4")}
    assert chain["changed"] == chain["missing"] == chain["absent"] == []


def test_it_is_told_by_stages_from_wherever_it_is_asked(made: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(made / "scripts/provenance.py"), str(made / QUESTIONS), "--files"]
    said = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=True).stdout
    assert said.index("data\n└─ prepare_benchmark (tempcompass)") < said.index(
        "raw data\n└─ generate_benchmark (tempcompass)"
    )
    assert f"commit {git(made, 'rev-parse', 'HEAD').decode()[:12]} with changes" in said
    film = next((made / RAW).rglob("*.mp4"))
    assert f"{sha256(film)}  {film.relative_to(made)}" in said
    assert "2 outputs of 2 as recorded." in said


def test_a_file_of_a_folder_is_told_by_the_folders_record(made: Path) -> None:
    film = next((made / RAW).rglob("*.mp4")).relative_to(made)
    code, said = provenance(made, str(film), "--files")
    assert code == 0
    assert f"{film} is part of {RAW}" in said
    assert f"{sha256(made / film)}  {film}" in said
    assert "generate_benchmark (tempcompass)" in said
    # --json prints nothing else.
    command = [sys.executable, "scripts/provenance.py", str(film), "--json"]
    asked = subprocess.run(command, cwd=made, text=True, capture_output=True, check=True)
    assert [of["output"] for of in json.loads(asked.stdout)["records"]] == [RAW]


def test_a_raw_file_that_was_touched_is_none_that_has_changed(made: Path) -> None:
    film = next((made / RAW).rglob("*.mp4"))
    before = state([film])
    os.utime(film)
    assert provenance(made, QUESTIONS)[0] == 0
    film.write_bytes(film.read_bytes()[:-1] + b"x")
    code, said = provenance(made, QUESTIONS)
    restore(before)
    name = film.relative_to(made / RAW)
    assert f"CHANGED: {RAW} ({name}) has changed since generate_benchmark (tempcompass) made it." in said
    assert code == 1
    assert provenance(made, QUESTIONS)[0] == 0


def test_what_was_made_again_since_is_told(made: Path) -> None:
    path = made / RECORDS / "raw/benchmarks/tempcompass.json"
    before = state([path])
    of = json.loads(path.read_text(encoding="utf-8"))
    film = next((made / RAW).rglob("*.mp4"))
    files = state([film])
    film.write_bytes(film.read_bytes() + b"x")
    of["files"][str(film.relative_to(made / RAW))] |= {"sha256": sha256(film), "size": film.stat().st_size}
    lines = [f"{entry['sha256']}  {name}\n" for name, entry in sorted(of["files"].items())]
    again = Record.model_validate(of | {"sha256": hashlib.sha256("".join(lines).encode()).hexdigest()})
    path.write_text(again.sealed().model_dump_json(), encoding="utf-8")
    code, said = provenance(made, QUESTIONS)
    restore(before | files)
    assert f"CHANGED: {RAW} was made again since prepare_benchmark (tempcompass) read it." in said
    assert code == 1


def test_a_missing_record_and_a_missing_file_are_told(made: Path) -> None:
    path = made / RECORDS / "raw/benchmarks/tempcompass.json"
    moved = path.rename(made / "moved.json")
    code, said = provenance(made, QUESTIONS)
    moved.rename(path)
    assert (code, f"Without a record, so that the chain ends there: {RAW}." in said) == (0, True)

    raw = (made / RAW).rename(made / "moved")
    code, said = provenance(made, QUESTIONS)
    raw.rename(made / RAW)
    assert (code, f"only the recorded checksums are told: {RAW}." in said) == (0, True)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("README.md", "is not below results/<experiment>"),
        ("results/smoke/tables/none.csv", "is not there"),
        ("results/smoke/own.csv", "has no record of how it came about"),
    ],
)
def test_a_file_without_a_chain_is_an_error_of_the_users(made: Path, path: str, complaint: str) -> None:
    (made / "results/smoke/own.csv").touch()
    code, said = provenance(made, path)
    assert code == 1
    assert said.startswith(f"error: {path}: {complaint}") or complaint in said


def test_a_job_whose_record_cannot_be_written_ends_well_all_the_same(made: Path) -> None:
    moved = (made / RECORDS).rename(made / "records")
    (made / RECORDS).write_text("a file where the folder should be")
    said = snakemake(made, QUESTIONS, *SMOKE, "--forcerun", "prepare_benchmark")
    (made / RECORDS).unlink()
    moved.rename(made / RECORDS)
    assert "warning: how the outputs came about is not recorded" in said
    assert (made / QUESTIONS).is_file()
