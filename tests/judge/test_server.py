"""The judge's server inside a job: it comes up, is asked, and goes with the job, whatever becomes of either."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest
from judge_servers import KEY, is_running, running, settings, started, wait_until

from video_r2 import config
from video_r2.errors import UserError
from video_r2.judge import gpus_of_server, server
from video_r2.judge.llm import LLMJudge
from video_r2.judge.server import JudgeServer, last_gpus, new_address


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def judge_of(notes: Path, behaviour: str = "well", cache: Path | None = None, **others: object) -> LLMJudge:
    serve = settings(notes, behaviour, **others)
    given = {"kind": "llm", "model": "m", "serve": serve, "cache": cache and str(cache), "retries": 9, "concurrency": 1}
    made = JudgeServer(serve, "m", notes.parent / "logs/server.log")
    return LLMJudge(config.Judge.model_validate(given), server=made)


def test_it_is_started_by_the_first_question_and_ended_with_the_judge(
    notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with judge_of(notes, "parent") as judge:
        assert not started(notes)
        assert judge.evidence_of(["A red circle.", "A blue one."]) == [7.0, 7.0]
        assert judge.evidence_of(["A green one."]) == [7.0]
        (note,) = started(notes)
        assert (
            len(running(notes)) == 3
        )  # the server, its supervisor, and what the server has started in another session
    assert running(notes) == []
    told = capsys.readouterr().out
    assert "starting a server of m on 0 GPUs" in told
    assert "is up after 0:0" in told
    assert note["environment"][KEY] not in told + (notes.parent / "logs/server.log").read_text()


def test_what_is_known_starts_none(notes: Path, tmp_path: Path) -> None:
    with judge_of(notes, cache=tmp_path / "judge.sqlite") as judge:
        judge.evidence_of(["A red circle."])
    with judge_of(notes, "dead", cache=tmp_path / "judge.sqlite") as judge:
        assert judge.evidence_of(["A red circle."]) == [7.0]
        assert judge.evidence_of([]) == []
        assert (judge.asked, judge.sent) == (1, 0)
    assert len(started(notes)) == 1


def test_servers_on_one_node_do_not_collide_and_answer_their_own_job_alone(notes: Path) -> None:
    with judge_of(notes) as one, judge_of(notes) as other:
        assert one.evidence_of(["A."]) == other.evidence_of(["A."]) == [7.0]
        first, second = (judge._server.address for judge in (one, other) if judge._server)
        assert first.port != second.port
        for key in ("", second.key):
            request = urllib.request.Request(f"{first.url}/models", headers={"Authorization": f"Bearer {key}"})  # noqa: S310
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(request, timeout=5)  # noqa: S310
        one.close()
        assert other.evidence_of(["B."]) == [7.0]
    assert len(started(notes)) == 2
    assert running(notes) == []


def test_a_port_is_given_to_nobody_else_before_the_server_listens_there(notes: Path) -> None:
    with judge_of(notes) as judge:
        assert judge._server
        code = f"import socket; socket.socket().bind(('127.0.0.1', {judge._server.address.port}))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "Address already in use" in done.stderr
        assert judge.evidence_of(["A."]) == [7.0]


def test_one_that_never_comes_up_is_given_up_with_its_last_words(notes: Path) -> None:
    with pytest.raises(UserError) as told, judge_of(notes, "never", wait=1) as judge:
        judge.evidence_of(["A."])
    assert "was not up after 0:01 minutes" in str(told.value)
    assert "| a server that is never" in str(told.value)
    assert str(notes.parent / "logs/server.log") in str(told.value)
    assert "judge.serve.wait" in str(told.value)
    assert running(notes) == []
    assert len(started(notes)) == 1


def test_while_it_comes_up_one_is_told(
    notes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "TELL", 0.6)
    with pytest.raises(UserError), judge_of(notes, "never", wait=2) as judge:
        judge.evidence_of(["A."])
    told = [line for line in capsys.readouterr().out.splitlines() if "not up after" in line]
    assert len(told) >= 1
    assert told[0].endswith("of at most 0:02 minutes; the server says: a server that is never")


def test_one_that_dies_before_it_is_up_is_told_at_once_and_not_started_again(notes: Path) -> None:
    began = time.monotonic()
    with judge_of(notes, "dead", wait=600) as judge:
        with pytest.raises(UserError, match=r"ended before it was up \(code 3\)(.|\n)*\| no such model"):
            judge.evidence_of(["A."])
        with pytest.raises(UserError):
            judge.evidence_of(["A."])
    assert time.monotonic() - began < 20
    assert len(started(notes)) == 1
    assert running(notes) == []


def test_one_that_dies_half_way_is_told_and_what_it_has_answered_is_kept(notes: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    with (
        pytest.raises(UserError, match=r"ended while it was asked \(code 7\)(.|\n)*\| out of memory"),
        judge_of(notes, "half", cache=tmp_path / "judge.sqlite") as judge,
    ):
        judge.evidence_of(["A.", "B.", "C.", "D."])
    assert time.monotonic() - began < 20  # nine further attempts would take minutes
    assert len(started(notes)) == 1
    assert running(notes) == []
    with judge_of(notes, "well", cache=tmp_path / "judge.sqlite") as judge:
        assert judge.evidence_of(["A.", "B.", "C.", "D."]) == [7.0] * 4
        assert judge.sent == 2


def test_one_that_does_not_want_to_end_is_killed(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "GRACE", 0.5)
    with judge_of(notes, "stubborn") as judge:
        judge.evidence_of(["A."])
    assert len(started(notes)) == 1
    assert running(notes) == []


JOB = """
import signal, sys, time
from pathlib import Path

sys.path[:0] = {paths!r}
from test_server import judge_of
from video_r2.run import leave

signal.signal(signal.SIGTERM, leave)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where the tests run in the background of a shell
with judge_of(Path({notes!r}), "parent") as judge:
    judge.evidence_of(["A."])
    print("asked", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.parametrize("to", ["the job", "all of its processes"])
def test_it_goes_with_a_job_that_is_ended(notes: Path, number: signal.Signals, to: str) -> None:
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    job = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(JOB.format(paths=paths, notes=str(notes)))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: len(running(notes)) == 3)
        if to == "the job":
            assert job.stdout is not None
            while "asked" not in job.stdout.readline():
                pass
            job.send_signal(number)
        else:
            # As SLURM does; only the server's supervisor is spared by -9, which nobody sends to it alone.
            for pid in [*started(notes)[0]["pids"], job.pid]:
                if number != signal.SIGKILL or pid != started(notes)[0]["pids"][1]:
                    os.kill(pid, number)
        job.wait(20)
        wait_until(lambda: not running(notes))
    finally:
        job.kill()
        job.communicate()


def test_a_forked_process_does_not_keep_it(notes: Path) -> None:
    with judge_of(notes, "parent") as judge:
        judge.evidence_of(["A."])
        child = get_context("fork").Process(target=time.sleep, args=(600,))
        child.start()  # such as one that reads data for a training; it has all that is open here
        began = time.monotonic()
    try:
        assert time.monotonic() - began < 10
        assert running(notes) == []
    finally:
        child.kill()
        child.join()


def test_it_goes_with_its_supervisor(notes: Path) -> None:
    with judge_of(notes) as judge:
        judge.evidence_of(["A."])
        pid, supervisor = started(notes)[0]["pids"]
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: not is_running(pid))


SHARING = """
import sys
from pathlib import Path

sys.path[:0] = {paths!r}
from judge_servers import settings
from video_r2.judge.server import Address, JudgeServer
from video_r2.judge.llm import LLMJudge
from video_r2 import config

notes, address = Path({notes!r}), Address({port}, {key!r})
serve = settings(notes)
server = JudgeServer(serve, "m", notes.parent / "server.log", address)
with LLMJudge(config.Judge(kind="llm", model="m", serve=serve), server=server) as judge:
    print(judge.evidence_of([sys.argv[1]]), flush=True)
    input()
"""


def test_processes_that_agree_on_an_address_start_one_for_all(notes: Path) -> None:
    address = new_address()
    paths = [str(Path(__file__).parents[1])]
    code = SHARING.format(paths=paths, notes=str(notes), port=address.port, key=address.key)
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(at)], stdin=-1, stdout=-1, text=True) for at in range(3)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            assert next(line for line in lines if line.startswith("[")) == "[7.0]\n"
        assert len(started(notes)) == 1
    finally:
        for process in processes:
            process.communicate("\n", timeout=30)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert running(notes) == []


def test_its_environment_is_its_own(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "scripts")
    monkeypatch.setenv("OPENAI_API_KEY", "of another server")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c")
    # Nobody answers there: a proxy would look for the server on its own loopback.
    for variable in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with judge_of(notes, gpus=2) as judge:
        assert judge.evidence_of(["A."]) == [7.0]
    environment = started(notes)[0]["environment"]
    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-b,GPU-c"
    assert not {"PYTHONPATH", "OPENAI_API_KEY"} & set(environment)
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_training_keeps_the_first_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert last_gpus(2, {"CUDA_VISIBLE_DEVICES": "0,1,2,3"}) == "2,3"
    assert last_gpus(0, {"CUDA_VISIBLE_DEVICES": "0,1"}) == ""
    with pytest.raises(UserError, match="wants 4 GPUs, of which this job has 2"):
        last_gpus(4, {"CUDA_VISIBLE_DEVICES": "0,1"})
    monkeypatch.setattr(server, "gpus_there", lambda: ["H100"] * 8)
    assert last_gpus(2, {}) == "6,7"


def test_a_training_leaves_gpus_to_a_server_only_where_its_rewards_ask() -> None:
    prompts, serve = {"claims": "digest"}, {"serve": {"gpus": 4}}
    assert gpus_of_server(SimpleNamespace(judge_prompts=prompts, judge_service=serve)) == 4
    assert gpus_of_server(SimpleNamespace(judge_prompts=prompts, judge_service={"serve": None, "url": "u"})) == 0
    assert gpus_of_server(SimpleNamespace(judge_prompts={}, judge_service=serve)) == 0
    assert gpus_of_server(object()) == 0  # SFT has no judge


def test_a_program_that_is_not_there_is_told_with_its_cure(notes: Path, tmp_path: Path) -> None:
    serve = config.JudgeServer(command=[str(tmp_path / "vllm"), "{port}"], gpus=0)
    made = JudgeServer(serve, "m", tmp_path / "log")
    with pytest.raises(UserError, match=r"there is no program .*vllm'.*make judge"):
        made.start()
    assert json.loads(serve.model_dump_json())["key_variable"] == "VLLM_API_KEY"


def test_it_is_given_the_folder_of_its_weights_and_the_name_it_is_asked_for(notes: Path) -> None:
    serve = settings(notes)
    serve = serve.model_copy(update={"command": [*serve.command, "{model}", "{name}"]})
    for weights, model in ((None, "owner/model"), ("/data/weights", "/data/weights")):
        made = JudgeServer(serve, "owner/model", notes.parent / "log", weights=weights)
        made.start()
        made.close()
        assert started(notes)[-1]["arguments"] == [model, "owner/model"]
    assert started(notes)[-1]["environment"]["HF_HUB_OFFLINE"] == "1"


def test_vllm_is_told_model_port_and_gpus_and_no_key(tmp_path: Path) -> None:
    made = JudgeServer(config.JudgeServer(), "owner/model", tmp_path / "log")
    command = [made._filled_in(word) for word in config.JudgeServer().command]
    port = str(made.address.port)
    assert command[1:7] == ["serve", "owner/model", "--host", "127.0.0.1", "--port", port]
    assert command[command.index("--tensor-parallel-size") + 1] == "4"
    assert command[command.index("--served-model-name") + 1] == "owner/model"
    assert not [word for word in command if made.address.key in word or "{" in word]
    made.close()
