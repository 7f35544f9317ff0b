"""What every script has in common: its log, and how it ends when something is wrong."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from video_r2.errors import Interrupted, UserError
from video_r2.run import Job, Tee, run
from video_r2.training.watch import ASKING

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def job(tmp_path: Path) -> Any:
    return SimpleNamespace(
        input=[], output=[], params={}, wildcards={}, log=[str(tmp_path / "logs" / "a.log")], threads=1, rule="a"
    )


def log(job: Any) -> str:
    return Path(job.log[0]).read_text(encoding="utf-8")


def raising(error: BaseException) -> Callable[[Job], None]:
    def main(job: Job) -> None:
        raise error

    return main


def test_what_a_script_says_is_on_the_terminal_and_in_its_log(job: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def main(job: Job) -> None:
        print("said")
        print("warned", file=sys.stderr)

    run(main, job)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("said\n", "warned\n")
    assert log(job) == "said\nwarned\n"


def test_a_process_ends_well_with_all_that_it_has_said_and_left_for_its_end(tmp_path: Path) -> None:
    """It does not wait for what it has imported to be taken down: a lock in a global's `__del__` would hold it for ever."""
    script = tmp_path / "script.py"
    script.write_text(
        """
import atexit, time, types
from pathlib import Path
from video_r2.run import run

class Global:
    def __del__(self):
        time.sleep(600)

kept = Global()

def main(job):
    atexit.register(Path("left").touch)
    print("said", end="")

run(main, types.SimpleNamespace(params=None, output=[], log=["log"]))
""",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "said", "")
    assert (tmp_path / "log").read_text(encoding="utf-8") == "said\n"
    assert (tmp_path / "left").exists()


def test_an_error_of_the_users_is_one_sentence(job: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(raising(UserError("holds no video", file="a/b.mp4", cure="fetch it again")), job)
    assert ended.value.code == 1
    assert capsys.readouterr().err == log(job) == "error: a/b.mp4: holds no video (cure: fetch it again)\n"


def test_a_full_disk_is_an_error_of_the_users(job: Any) -> None:
    with pytest.raises(SystemExit):
        run(raising(OSError(errno.ENOSPC, "No space left on device", "a/b.parquet")), job)
    assert log(job).startswith("error: a/b.parquet: the disk is full (cure: ")
    assert "Traceback" not in log(job)


def write_text(path: Path) -> None:
    path.write_text("x" * 10**6)


def write_weights(path: Path) -> None:
    save_file({"weight": torch.zeros(10**6)}, path)


def write_table(path: Path) -> None:
    pq.write_table(pa.table({"number": list(range(10**5))}), path)


@pytest.mark.parametrize("small_disk", [64 * 2**10], indirect=True)
@pytest.mark.parametrize("write", [write_text, write_weights, write_table])
def test_whoever_writes_a_full_disk_is_told_as_one(job: Any, small_disk: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(SystemExit):
        run(lambda _: write(small_disk / "file"), job)
    assert "the disk is full (cure: free some space and run again)" in log(job)
    assert "Traceback" not in log(job)


@pytest.mark.parametrize("small_disk", [64 * 2**10], indirect=True)
def test_a_full_disk_is_told_where_the_log_lies_on_it_too(
    job: Any, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job.log, job.output = [str(small_disk / "a.log")], [str(small_disk / "a.parquet")]

    def main(job: Job) -> None:
        with open(small_disk / "filler", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    with pytest.raises(SystemExit) as caught:
        run(main, job)
    shown = capsys.readouterr().err
    assert caught.value.code == 1
    assert f"error: {job.output[0]}: the disk is full (cure: free some space and run again)" in shown
    assert "warning: the log ends here: [Errno 28]" in shown
    assert "Traceback" not in shown


def test_a_log_that_cannot_be_is_done_without(job: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_bytes(b"")
    run(lambda job: print("said"), job)
    assert capsys.readouterr().out == "said\n"


def test_an_interrupted_training_tells_the_scheduler_to_run_it_again(job: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        run(raising(Interrupted(30, 80, "asked to by SIGTERM")), job)
    assert ended.value.code == 75  # EX_TEMPFAIL of sysexits.h: try again
    assert log(job) == "saved at step 30 of 80; run again to go on (asked to by SIGTERM)\n"


@pytest.mark.parametrize("error", [ValueError("what now"), PermissionError(errno.EACCES, "what now", "a")])
def test_any_other_error_leaves_its_traceback_in_the_log(job: Any, error: Exception) -> None:
    with pytest.raises(SystemExit) as ended:
        run(raising(error), job)
    assert ended.value.code == 1
    assert "Traceback" in log(job)
    assert "what now" in log(job)


def test_a_progress_bar_leaves_its_last_state() -> None:
    terminal, kept = io.StringIO(), io.StringIO()
    tee = Tee(terminal, kept)
    for text in ("\r 0/2", "\r 1/2", "\r 2/2", "\n", "done\n", "\r half"):
        tee.write(text)
    assert kept.getvalue() == " 2/2\ndone\n"
    tee.close()
    assert kept.getvalue() == " 2/2\ndone\n half\n"
    assert terminal.getvalue() == "\r 0/2\r 1/2\r 2/2\ndone\n\r half"


def test_a_rule_without_a_log_runs(job: Any) -> None:
    job.log = []
    run(lambda _: None, job)


def test_what_a_killed_attempt_had_begun_is_cleared_up_and_nothing_else(job: Any, tmp_path: Path) -> None:
    others = [".other.json.12345678", ".a[1].json.hidden", "a[1].json.12345678", ".a[1].json.12345678.json"]
    for name in (".a[1].json.12345678", *others):
        (tmp_path / name).write_text("begun")
    job.output = [str(tmp_path / "a[1].json"), str(tmp_path / "none" / "b.json")]
    run(lambda job: None, job)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(others)


def test_a_warning_is_heard_though_a_library_has_silenced_them(job: Any) -> None:
    def main(job: Job) -> None:
        warnings.warn("damaged", stacklevel=1)

    with warnings.catch_warnings(record=True) as heard:
        warnings.filterwarnings("ignore")  # as lmms-eval does
        run(main, job)
    assert [str(warning.message) for warning in heard] == ["damaged"]


@pytest.mark.parametrize("asking", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_job_that_is_asked_to_leave_unwinds(job: Any, asking: signal.Signals) -> None:
    left = []

    def main(job: Job) -> None:
        try:
            os.kill(os.getpid(), asking)
        finally:
            left.append("cleared up")

    before = {number: signal.getsignal(number) for number in ASKING}
    try:
        with pytest.raises(SystemExit) as caught:
            run(main, job)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (caught.value.code, left) == (128 + asking, ["cleared up"])


@pytest.mark.parametrize(("rule", "offline"), [("train_sft", True), ("score_tac", True), ("fetch_model", False)])
def test_no_job_but_a_fetch_asks_the_hub(rule: str, offline: bool, tmp_path: Path) -> None:
    """As Snakemake runs a script: its lines come first, the script's imports after them."""
    script = tmp_path / "script.py"
    script.write_text(
        f"from types import SimpleNamespace\nsnakemake = SimpleNamespace(rule={rule!r})\n"
        "import video_r2\n"
        "from huggingface_hub import constants\nfrom transformers.utils.hub import is_offline_mode\n"
        "print(constants.HF_HUB_OFFLINE, is_offline_mode())\n"
    )
    online = {name: value for name, value in os.environ.items() if not name.endswith("_OFFLINE")}
    done = subprocess.run(
        [sys.executable, script],
        env={**online, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(offline)] * 2
