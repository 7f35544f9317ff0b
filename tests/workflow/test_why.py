"""`make why`: the jobs that would run and what of them is not as it was, after real jobs; and two runs in one folder."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from repository_copy import copy_repository, restore, snakemake, state, why

pytestmark = pytest.mark.long

SMOKE = ["--profile", "local", "--configfile", "profiles/local/smoke.yaml"]
RAW = "results/smoke/raw/benchmarks/tempcompass"
QUESTIONS = "results/smoke/data/questions/tempcompass.parquet"
ONE_QUESTION_MORE = [
    "data.world.benchmark_questions: 20 -> 21",
    f"  generate_benchmark: {RAW}",
    "  … and 1 job (1 prepare_benchmark) that follow",
    "",
    "In all 2 jobs would run.",
]
NOTHING = "Nothing to do: every result is as its data, settings and code would make it.\n"


@pytest.fixture(scope="module")
def made(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which one benchmark's questions are made."""
    folder = copy_repository(root, tmp_path_factory.mktemp("why"))
    snakemake(folder, QUESTIONS, *SMOKE)
    return folder


@contextlib.contextmanager
def edited(folder: Path, path: str, old: str, new: str) -> Iterator[None]:
    before = state([folder / path])
    text = (folder / path).read_text(encoding="utf-8")
    assert old in text
    (folder / path).write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        yield
    finally:
        restore(before)


def test_where_nothing_is_to_do_one_line_says_so(made: Path) -> None:
    assert why(made, QUESTIONS, *SMOKE) == NOTHING


def test_a_changed_setting_is_told_by_its_path_with_both_values(made: Path) -> None:
    with edited(made, "profiles/local/smoke.yaml", "benchmark_questions: 20", "benchmark_questions: 21"):
        assert why(made, QUESTIONS, *SMOKE).splitlines() == ONE_QUESTION_MORE


def test_changed_code_is_told_by_its_name(made: Path) -> None:
    new = """    return _joined(blocks)


GAP = ""


def _joined(blocks: list[str]) -> str:
    return GAP.join(blocks)
"""
    with edited(made, "scripts/video_r2/data/subtitles.py", '    return "\\n".join(blocks)\n', new):
        assert why(made, QUESTIONS, *SMOKE).splitlines() == [
            "constant video_r2.data.subtitles.GAP added",
            "function video_r2.data.subtitles._joined added",
            "function video_r2.data.subtitles.format_srt changed",
            f"  generate_benchmark: {RAW}",
            f"  prepare_benchmark: {QUESTIONS}",
            "",
            "In all 2 jobs would run.",
        ]


def test_code_of_which_no_parts_were_recorded_is_told_as_that(made: Path) -> None:
    recorded = made / "results/smoke/code"
    recorded.rename(made / "elsewhere")
    with edited(made, "scripts/prepare_benchmark.py", "    run(main,", "    print(1)\n    run(main,"):
        said = why(made, QUESTIONS, *SMOKE)
    (made / "elsewhere").rename(recorded)
    assert said.splitlines()[:2] == ["code changed (its parts were not recorded)", f"  prepare_benchmark: {QUESTIONS}"]


def test_what_snakemake_has_no_record_of_is_compared_with_its_own(made: Path) -> None:
    """As where results were copied to another clone: Snakemake would go by times alone."""
    (made / ".snakemake/metadata").rename(made / "metadata")
    try:
        assert why(made, QUESTIONS, *SMOKE) == NOTHING
        with edited(made, "profiles/local/smoke.yaml", "benchmark_questions: 20", "benchmark_questions: 21"):
            said = why(made, QUESTIONS, *SMOKE).splitlines()
            assert said[:2] == ["data.world.benchmark_questions: 20 -> 21", f"  generate_benchmark: {RAW}"]
            assert said[-1] == "In all 2 jobs would run."
        with edited(made, "scripts/prepare_benchmark.py", "    run(main,", "    print(1)\n    run(main,"):
            told = why(made, QUESTIONS, *SMOKE).splitlines()
            assert told[1] == f"  prepare_benchmark: {QUESTIONS}"
            assert "In all 1 job would run." in told
            done = snakemake(made, QUESTIONS, "-n", *SMOKE)
        assert (
            f"note: 1 results were made otherwise than Snakemake knows, by their own records, such as {QUESTIONS}"
            in done
        )
        (made / "results/smoke/provenance").rename(made / "provenance")
        with edited(made, "profiles/local/smoke.yaml", "benchmark_questions: 20", "benchmark_questions: 21"):
            assert "Of 2 results it is not recorded what made them" in why(made, QUESTIONS, *SMOKE)
        (made / "provenance").rename(made / "results/smoke/provenance")
    finally:
        shutil.rmtree(made / ".snakemake/metadata", ignore_errors=True)
        (made / "metadata").rename(made / ".snakemake/metadata")


def test_results_that_were_put_back_are_not_taken_for_those_that_were_made_since(made: Path, tmp_path: Path) -> None:
    """What Snakemake has noted is of others."""
    kept = tmp_path / "kept"
    shutil.copytree(made / "results", kept, symlinks=True)
    records = tmp_path / "records"
    shutil.copytree(made / ".snakemake/metadata", records)
    try:
        with edited(made, "profiles/local/smoke.yaml", "benchmark_questions: 20", "benchmark_questions: 21"):
            snakemake(made, QUESTIONS, *SMOKE)
            shutil.rmtree(made / "results")
            shutil.copytree(kept, made / "results", symlinks=True)
            assert why(made, QUESTIONS, *SMOKE).splitlines() == ONE_QUESTION_MORE
            snakemake(made, QUESTIONS, *SMOKE, "--touch")  # somebody wants them all the same
            assert why(made, QUESTIONS, *SMOKE) == NOTHING
        # It is other settings that they were accepted with.
        assert why(made, QUESTIONS, *SMOKE).splitlines()[0] == "data.world.benchmark_questions: 21 -> 20"
    finally:
        for path, copy in ((made / "results", kept), (made / ".snakemake/metadata", records)):
            shutil.rmtree(path)
            shutil.copytree(copy, path, symlinks=True)
    assert why(made, QUESTIONS, *SMOKE) == NOTHING


def test_a_changed_package_is_told_with_both_versions(made: Path) -> None:
    with edited(made, "envs/data.post-deploy.sh", "numpy==2.4.6", "numpy==2.4.7"):
        said = why(made, QUESTIONS, *SMOKE).splitlines()
    assert said[0] == "environment.numpy: '2.4.6' -> '2.4.7 (2.4.6 is installed)'"
    assert said[-1] == "In all 2 jobs would run."


def test_missing_incomplete_and_changed_files_are_told(made: Path) -> None:
    rejected = made / "results/smoke/data/rejected/tempcompass.jsonl"
    moved = rejected.rename(made / "rejected.jsonl")
    assert why(made, str(rejected.relative_to(made)), *SMOKE).splitlines()[:2] == [
        "output missing",
        f"  prepare_benchmark: {QUESTIONS}",
    ]
    moved.rename(rejected)

    stamp = made / RAW / ".snakemake_timestamp"
    assert stamp.is_file()
    os.utime(stamp, (time.time() + 5, time.time() + 5))
    said = why(made, QUESTIONS, *SMOKE)
    assert said.splitlines()[0] == "input changed: results/smoke/raw/benchmarks/{benchmark}"
    snakemake(made, QUESTIONS, *SMOKE, "--touch", "--forceall")
    assert why(made, QUESTIONS, *SMOKE) == NOTHING


def test_as_json_every_job_has_its_causes_and_what_it_follows_from(made: Path) -> None:
    with edited(made, "profiles/local/smoke.yaml", "benchmark_questions: 20", "benchmark_questions: 21"):
        plan = json.loads(why(made, QUESTIONS, *SMOKE, "--json"))
    first, second = plan["jobs"]
    assert (first["rule"], first["outputs"], first["follows"]) == ("generate_benchmark", [RAW], [])
    setting = {"kind": "setting", "what": "data.world.benchmark_questions", "change": "", "old": "20", "new": "21"}
    assert first["causes"] == [setting]
    assert (second["rule"], second["causes"], second["follows"]) == ("prepare_benchmark", [], [0])
    assert plan["unrecorded"] == []


def test_nothing_is_written(made: Path) -> None:
    def times() -> dict[str, int]:
        kept = [made / "results", made / ".snakemake/metadata", made / ".snakemake/incomplete", made / ".snakemake/log"]
        return {str(path): path.stat().st_mtime_ns for folder in kept for path in folder.rglob("*")}

    before = times()
    why(made, "all", *SMOKE)
    assert times() == before


def test_a_wrong_configuration_is_refused(made: Path) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/why.py", "--config", "sedes=[0]"],
        cwd=made,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "sedes: there is no such key" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_second_of_two_runs_in_a_folder_says_so_and_leaves(made: Path) -> None:
    target = "results/smoke/raw/benchmarks/mvbench"
    command = [sys.executable, "-m", "snakemake", target, *SMOKE]
    first = subprocess.Popen(command, cwd=made, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(lambda: any((made / ".snakemake/locks").glob("*")))
        first.send_signal(signal.SIGSTOP)  # its job goes on, and it is not done before the second has looked
        second = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert "Directory cannot be locked" in second.stderr
        assert "no other Snakemake process" in second.stderr
        assert "Traceback" not in second.stderr
        assert why(made, QUESTIONS, *SMOKE) == NOTHING  # to ask is allowed
        first.send_signal(signal.SIGCONT)
        said, _ = first.communicate(timeout=300)
    finally:
        first.kill()
    assert first.returncode == 0, said
    assert any((made / target).iterdir())
    assert not any((made / ".snakemake/locks").glob("*"))


def test_what_a_killed_run_left_is_told_as_incomplete(made: Path) -> None:
    target = "results/smoke/raw/benchmarks/mmvu"
    command = [sys.executable, "-m", "snakemake", target, *SMOKE]
    killed = subprocess.Popen(
        command, cwd=made, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_until(lambda: any((made / ".snakemake/incomplete").glob("*")))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    (made / target).mkdir(parents=True, exist_ok=True)
    assert why(made, target, *SMOKE).splitlines()[:2] == ["output incomplete", f"  generate_benchmark: {target}"]


DIES = """
    from pathlib import Path
    import os, time
    if Path("dies").exists():
        if job.wildcards.benchmark == "tempcompass":
            os.kill(os.getpid(), 9)
        time.sleep(600)
"""


def test_what_a_job_lost_before_its_run_was_killed_is_made_again(root: Path, tmp_path: Path) -> None:
    """Snakemake deletes what a failed job has made before, and finds no change where files made of that are there."""
    folder = copy_repository(root, tmp_path)
    targets = [QUESTIONS, QUESTIONS.replace("tempcompass", "mvbench")]
    other = RAW.replace("tempcompass", "mvbench")
    snakemake(folder, *targets, *SMOKE)
    script = folder / "scripts/generate_benchmark.py"
    text = script.read_text(encoding="utf-8")
    head, main, rest = text.partition("def main(job: Job) -> None:\n")
    docstring, end, body = rest.partition('"""\n')
    script.write_text(head + main + docstring + end + DIES + body, encoding="utf-8")
    (folder / "dies").touch()
    with (folder / "said").open("w") as said:
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *targets,
            *SMOKE,
            "--keep-going",
            "--cores",
            "1",
            "--prioritize",
            RAW,
        ]
        killed = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, start_new_session=True)
        wait_until(lambda: not any((folder / raw).exists() for raw in (RAW, other)))
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    (folder / "dies").unlink()
    told = f"not finished: a run that was to make it has ended before\n  generate_benchmark: {other} and 1 more\n"
    assert told in why(folder, *targets, *SMOKE)
    # Also where the note of it is damaged, as by a power failure.
    note = folder / "results/smoke/state/unfinished.json"
    whole = note.read_bytes()
    for damaged in (b"", whole[:100], whole.replace(b"tempcompass", b"tempcompasz")):
        note.write_bytes(damaged)
        assert told in why(folder, *targets, *SMOKE)
    before = (folder / QUESTIONS).stat().st_mtime_ns
    snakemake(folder, *targets, *SMOKE)
    assert (folder / RAW).exists()
    assert (folder / QUESTIONS).stat().st_mtime_ns > before
    assert why(folder, *targets, *SMOKE) == NOTHING
    assert not (folder / "results/smoke/state/unfinished.json").exists()


def test_a_record_that_was_not_written_to_its_end_is_no_record(made: Path) -> None:
    name = base64.urlsafe_b64encode(QUESTIONS.encode()).decode()
    record = made / ".snakemake/metadata" / name
    whole = record.read_bytes()
    for damaged in (whole[:100], whole[:100] + bytes(50) + whole[150:]):
        record.write_bytes(damaged)
        assert why(made, QUESTIONS, *SMOKE).splitlines()[0].startswith("not finished")
    snakemake(made, QUESTIONS, *SMOKE)
    assert why(made, QUESTIONS, *SMOKE) == NOTHING


@pytest.mark.parametrize(
    ("file", "old", "new", "is_refused"),
    [
        ("profiles/local/smoke.yaml", "benchmark_questions: 20", "benchmark_questions: 9", False),
        ("scripts/video_r2/data/miniature_benchmarks.py", "\ndef ", "\nEDITED = 1\n\n\ndef ", False),
        ("scripts/generate_benchmark.py", "Path(job.output.raw)", "Path(str(job.output.raw))", True),
    ],
)
def test_what_is_edited_while_a_run_goes_on_makes_no_result_that_is_taken_for_another(
    root: Path, tmp_path: Path, file: str, old: str, new: str, is_refused: bool
) -> None:
    """Settings are those that the run began with; on a cluster a job is refused others (tests/slurm/test_cluster.py)."""
    folder = copy_repository(root, tmp_path)
    targets = [RAW, RAW.replace("tempcompass", "mvbench")]
    before = (folder / file).read_text(encoding="utf-8")
    assert old in before
    with (folder / "said").open("w") as said:
        command = [sys.executable, "-m", "snakemake", *targets, *SMOKE, "--cores", "1"]
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)
        wait_until(lambda: "encoding videos" in (folder / "said").read_text(encoding="utf-8"))
        (folder / file).write_text(before.replace(old, new, 1), encoding="utf-8")
        code = process.wait(timeout=300)
    (folder / file).write_text(before, encoding="utf-8")
    refused = "error: the code of generate_benchmark has been edited since this run began"
    assert (code, refused in (folder / "said").read_text(encoding="utf-8")) == (is_refused, is_refused)
    assert sum((folder / target).exists() for target in targets) == (1 if is_refused else 2)
    snakemake(folder, *targets, *SMOKE)
    assert why(folder, *targets, *SMOKE) == NOTHING


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
