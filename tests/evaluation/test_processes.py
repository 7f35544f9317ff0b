"""Questions shared out among processes: the same answers as of one, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tellers import Teller, chunks

import predict
from video_r2.errors import UserError
from video_r2.evaluation import processes
from video_r2.evaluation.processes import Places, places_of, put_in

Job = Callable[..., Any]


def test_two_processes_write_what_one_writes_and_go_on_with_what_is_known(make_job: Job, capsys: Any) -> None:
    decoding = {"batch": 1, "temperature": 1.0}
    predict.main(alone := make_job(name="alone", decoding=decoding))
    two = make_job(name="two", decoding=decoding, processes=2)
    two.params.name = "alone"
    predict.main(two)
    expected = [Path(path).read_bytes() for path in alone.output.predictions]
    assert [Path(path).read_bytes() for path in two.output.predictions] == expected

    said = capsys.readouterr().err
    assert "answering in 2 processes on CPUs" in said
    assert "attention: sdpa" in said  # of the processes

    # As if it had been killed: of the journal, some lines are there and half of another.
    (kept,) = (file for file in Path(two.params.state).rglob("results.jsonl") if "/two/" in ended_of(file))
    lines = kept.read_bytes().splitlines(keepends=True)
    assert len(lines) == 24
    kept.write_bytes(b"".join(lines[:9]) + lines[9][:40])
    predict.main(two)
    assert [Path(path).read_bytes() for path in two.output.predictions] == expected
    assert "9 questions were done before" in capsys.readouterr().out
    again = kept.read_bytes().splitlines(keepends=True)
    assert (again[:9], sorted(again)) == (lines[:9], sorted(lines))


def ended_of(journal: Path) -> str:
    return (journal.parent / "ended.json").read_text(encoding="utf-8")


# --- with models that say who they are --------------------------------------------------------------------------------


def test_every_process_has_a_gpu_of_its_own_and_none_is_left() -> None:
    put = put_in(Places(2, ("3", "GPU-a"), threads=2), Teller)
    said = [response.text or "" for some in put(chunks(*["tell"] * 40)) for response in some.values()]
    assert len(said) == 40
    by_process = {tuple(text.split()) for text in said}
    assert {(gpu, threads) for _, gpu, threads in by_process} == {("3", "2"), ("GPU-a", "2")}
    assert len(by_process) == 2
    assert not [pid for pid, *_ in by_process if Path("/proc", pid).exists()]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("die", r"one of the processes that answer was ended by SIGKILL .*mem_mb"),
        ("raise", "one of the processes that answer ended with an error, which is above"),
        ("refuse", r"^model: cannot be asked \(cure: use another\)$"),
    ],
)
def test_what_goes_wrong_in_a_process_is_told(prompt: str, message: str, capsys: Any) -> None:
    put = put_in(Places(5), Teller)
    with pytest.raises(UserError, match=message):
        list(put(chunks(prompt)))
    said = capsys.readouterr()
    assert ("a mistake of the model's" in said.err) == (prompt == "raise")
    assert "answering in 1 processes" in said.out  # no more than there are chunks


PARENT = """
import sys
from tellers import Teller, chunks
from video_r2.evaluation.processes import Places, put_in
if __name__ == "__main__":
    for some in put_in(Places(2), Teller)(chunks(*["tell"] * 4000)):
        for response in some.values():
            print(response.text.split()[0], flush=True)
"""


def test_no_process_outlives_its_parent(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT, encoding="utf-8")
    folders = [Path(processes.__file__).parents[2], Path(__file__).parents[1]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    with subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        pids: set[str] = set()
        while len(pids) < 2:
            pids.add(parent.stdout.readline().strip())
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not any(Path("/proc", pid).exists() for pid in pids):
            return
        time.sleep(0.1)
    pytest.fail("a process is left")


@pytest.mark.parametrize(
    ("named", "visible", "gpu", "configured", "expected"),
    [
        (None, 0, None, None, Places(1, (), 8)),
        (None, 0, 1, None, Places(1, (), 8)),  # the rule asks for one, and there is none: the CPU will do
        (None, 8, 1, None, Places(1, ("0",), 8)),
        (None, 4, 4, None, Places(4, ("0", "1", "2", "3"), 2)),
        ("5,7", 2, 2, None, Places(2, ("5", "7"), 4)),
        (None, 2, 2, 4, Places(4, ("0", "1"), 2)),
        (None, 0, None, 2, Places(2, (), 4)),
    ],
)
def test_there_is_a_process_for_every_gpu_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, named: str | None, visible: int, gpu: Any, configured: Any, expected: Places
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: visible)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert places_of(configured, SimpleNamespace(gpu=gpu), threads=8) == expected


def test_fewer_gpus_than_the_rule_asks_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match="asks for 4 GPUs, of which PyTorch sees 2"):
        places_of(None, SimpleNamespace(gpu=4), threads=8)
