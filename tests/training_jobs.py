"""Tiny trainings by the rules' own scripts, each in a process that can be killed at a chosen moment."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import forkserver
from pathlib import Path
from socket import socket
from types import SimpleNamespace
from typing import Any, cast

import torch
from snakemake.iocontainers import InputFiles, OutputFiles, Params
from tiny import FRAMES, SHAPE
from torch.optim.optimizer import register_optimizer_step_post_hook

import train_base
import train_grpo
import train_sft
from video_r2 import config
from video_r2.errors import Interrupted
from video_r2.run import run
from video_r2.sections import Section
from video_r2.training.layout import Layout
from video_r2.training.processes import LOOPBACK, place
from video_r2.training.worker import take_part

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["training_jobs"])
SCRIPTS = {"train_base": train_base, "train_sft": train_sft, "train_grpo": train_grpo}
OFTEN: dict[str, Any] = {"minutes": 1000.0, "steps": 2}

BASE = config.Base(
    shape=SHAPE,
    films=6,
    phases=[
        config.BasePhase(steps=5, batches=[{"echo": 1}, {"exercise": 1}]),
        config.BasePhase(steps=8, batches=[{"read": 1, "glance": 1}, {"see": 1}]),
    ],
    warmup=3,
    frames=FRAMES,
)
SFT = config.Sft(
    learning_rate=1e-2,
    epochs=3,  # of three steps, each accumulated over two batches
    global_batch=2,
    lora=config.Lora(r=2, alpha=2, dropout=0.2),
    attention="eager",
    gradient_checkpointing=False,
    bf16=False,
    frames=FRAMES,
)
GRPO = config.Grpo(
    learning_rate=1e-2,
    max_steps=8,
    prompts_per_step=2,
    per_device_batch=2,
    group_size=3,
    max_new_tokens=8,
    attention="eager",
    gradient_checkpointing=False,
    bf16=False,
    frames=FRAMES,
)
SETTINGS: dict[str, Section] = {"train_base": BASE, "train_sft": SFT, "train_grpo": GRPO}


class Letters:
    """Stands in for the rewards, which a model that has learnt nothing does not get: the share of one letter."""

    def __init__(self, *unused: Any) -> None:
        pass

    def __call__(self, completions: list[str], **unused: Any) -> dict[str, list[float]]:
        return {"total": [text.count("e") / (1 + len(text)) for text in completions]}


class Nothing(Letters):
    """Rewards that never vary."""

    def __call__(self, completions: list[str], **unused: Any) -> dict[str, list[float]]:
        return {"total": [0.0] * len(completions)}


class Judged(Letters):
    """The same, with a judge that is asked about every completion."""

    def __init__(self, weights: Any, temporal: Any, judge: Any, semantics: Any) -> None:
        self._judge = judge

    def __call__(self, completions: list[str], **unused: Any) -> dict[str, list[float]]:
        assert None not in self._judge.evidence_of(completions)
        return super().__call__(completions)


@dataclass(frozen=True)
class Moment:
    """What happens to a process, and when: at the n-th step of an optimizer, or the n-th touch of a file of its state.

    Attributes:
        at: what the path has in it whose touches are counted.
        signals: that it is sent.
        rank: of the process that they are sent to.
        ballast: a file that fills its disk.
    """

    step: int | None = None
    touch: int | None = None
    at: str = "/state/"
    signals: tuple[int, ...] = ()
    rank: int = 0
    ballast: str | None = None


@dataclass(frozen=True)
class Training:
    """A rule's job in a folder of its own."""

    rule: str
    folder: Path
    data: Path
    threads: int = 1
    processes: int = 1
    nodes: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    resumption: dict[str, Any] = field(default_factory=lambda: OFTEN)
    guards: dict[str, Any] = field(default_factory=dict)
    state: Path | None = None
    rewards: type[Letters] = Letters
    judge_service: dict[str, Any] = field(default_factory=dict)

    def job(self) -> Any:
        """As Snakemake would give it."""
        folder = str(self.state or self.folder / "state")
        params: dict[str, Any] = {
            "seed": 3,
            "settings": SETTINGS[self.rule].model_dump(mode="json") | self.settings,
            "overlay": config.Overlay().model_dump(mode="json"),
            "upkeep": {
                "folder": folder,
                "resumption": self.resumption,
                "guards": self.guards,
                "devices": {"kind": "cpu", "processes": self.processes},
            },
        }
        inputs: dict[str, str] = {}
        if self.rule == "train_base":
            params["world"] = config.Films(seconds=(8, 9)).model_dump(mode="json")
            params["prompts"] = config.Prompts().model_dump(mode="json")
        else:
            params |= {"decoder": "pyav", "cache": str(self.data / "cache")}
            inputs = {"start": str(self.data / "start"), "rows": str(self.data / "rows.jsonl")}
            inputs["frames"] = str(self.data / "clips.json")
        if self.rule == "train_grpo":
            judge = {"kind": "llm", "model": "m"} if self.judge_service else {"kind": "rules"}
            params |= {"semantics": "corrected", "judge": judge, "judge_service": self.judge_service}
            params["temporal_alignment"] = config.TemporalAlignment().model_dump(mode="json")
        return SimpleNamespace(
            input=InputFiles(fromdict=inputs),
            output=OutputFiles(fromdict={"checkpoint": str(self.folder / "model")}),
            params=Params(fromdict=params),
            log=[str(self.folder / "log")],
            threads=self.threads,
            resources=SimpleNamespace(nodes=self.nodes),
            rule=self.rule,
            wildcards=Params(fromdict={"model": "model", "seed": "3"}),
        )

    def start(self, moment: Moment | None = None) -> Any:
        """Begin it in a process of its own."""
        _start_server()
        process = CONTEXT.Process(target=_work, args=(self, moment))
        process.start()
        return process

    def run(self, moment: Moment | None = None) -> int:
        """Run it until it ends; its exit code."""
        process = self.start(moment)
        process.join()
        assert process.exitcode is not None
        return process.exitcode

    def run_together(self, moment: Moment | None = None) -> list[int]:
        """Run it as that many processes of one group, without launcher and agent; their exit codes."""
        _start_server()
        with socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        ranks = [CONTEXT.Process(target=_take_part, args=(self, rank, port, moment)) for rank in range(self.processes)]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join(120)
            rank.kill()
            rank.join()
        return [cast(int, rank.exitcode) for rank in ranks]

    @property
    def said(self) -> str:
        """Log of its last run."""
        return (self.folder / "log").read_text(encoding="utf-8")

    @property
    def printed(self) -> str:
        """What the processes of `run_together` have printed."""
        return "".join(log.read_text(encoding="utf-8") for log in sorted(self.folder.glob("rank-*.log")))

    @property
    def states(self) -> list[str]:
        """Names of what lies in the folders of its states."""
        found = (self.state or self.folder / "state").glob("*/*/*")
        return sorted(path.name for path in found if path.name != "lock" and path.parts[-3] != "attempts")

    def result(self) -> tuple[str, list[dict[str, float]]]:
        """Checksum of the weights, and the log without seconds."""
        weights = (self.folder / "model" / "model.safetensors").read_bytes()
        lines = (self.folder / "model" / "log.jsonl").read_text(encoding="utf-8").splitlines()
        log = [{name: value for name, value in json.loads(line).items() if name != "seconds"} for line in lines]
        return hashlib.sha256(weights).hexdigest(), log


def _start_server() -> None:
    """Start the process that imports everything once, and that the others are forked from."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # it does not take over sys.path before it imports
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _work(training: Training, moment: Moment | None) -> None:
    os.environ.update(training.environment)
    torch.set_num_threads(1)
    train_grpo.RewardModel = training.rewards
    if moment is not None:
        _arrange(moment)
    run(SCRIPTS[training.rule].main, training.job())


def _take_part(training: Training, rank: int, port: int, moment: Moment | None) -> None:
    torch.set_num_threads(1)
    train_grpo.RewardModel = training.rewards
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": training.processes, "LOCAL_WORLD_SIZE": training.processes}
    told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": LOOPBACK, "DS_ACCELERATOR": "cpu"}
    os.environ.update({name: str(value) for name, value in told.items()})
    with (training.folder / f"rank-{rank}.log").open("ab") as log:
        for printed in (1, 2):
            os.dup2(log.fileno(), printed)
    if moment is not None:
        _arrange(moment)
    job = training.job()
    sharded = job.params.settings["sharding"] != "none"
    code = 1
    try:
        take_part(SCRIPTS[training.rule].train, job, Layout(1, training.processes, "cpu"), sharded)
        code = 0
    except Interrupted as notice:
        print(notice)
        code = os.EX_TEMPFAIL
    except BaseException:  # noqa: BLE001 -- for the log of this process
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # as the workers end


def _arrange(moment: Moment) -> None:
    def happen() -> None:
        if moment.ballast is not None:
            with open(moment.ballast, "wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass
        for number in moment.signals:
            os.kill(os.getpid(), number)

    count = _counter(happen)
    if moment.step is not None:
        register_optimizer_step_post_hook(lambda *_: count(moment.step) if place()[0] == moment.rank else None)
    else:
        sys.addaudithook(
            lambda event, given: (
                count(moment.touch)
                if event in ("open", "os.rename", "os.mkdir") and moment.at in str(given[0])
                else None
            )
        )


def _counter(happen: Callable[[], None]) -> Callable[[int | None], None]:
    seen = [0]

    def count(until: int | None) -> None:
        seen[0] += 1
        if seen[0] == until:
            happen()

    return count


KILL = (int(signal.SIGKILL),)
