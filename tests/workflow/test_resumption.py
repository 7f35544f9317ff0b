"""A training in the workflow: killed, it goes on; how often it is saved makes nothing run again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

COPIED = ["config.yaml", "envs", "local", "profiles", "rules", "scripts", "workflow"]
BASE = "results/small/models/base/seed-0"
STEPS = 40


class Small:
    """A copy of the repository, and a base model that is trained in seconds."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / name)
        overlay = {
            "experiment": "small",
            "training": {
                "base": {
                    "shape": {"text_layers": 2},
                    "films": 8,
                    "phases": [{"steps": STEPS, "batches": [{"echo": 2}]}],
                },
                "resumption": {"steps": 3},
            },
        }
        (folder / "small.yaml").write_text(yaml.safe_dump(overlay))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "snakemake",
            BASE,
            "--profile",
            "local",
            "--configfile",
            "small.yaml",
            *arguments,
        ]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def snakemake(self, *arguments: str) -> str:
        running = self.start(*arguments)
        said, _ = running.communicate()
        assert running.returncode == 0, said[-6000:]
        return said

    @property
    def states(self) -> list[Path]:
        return sorted((self.folder / "results/small/state/train_base").glob("*/step-*"))


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Trained in two runs, the first of which was killed with all its processes."""
    small = Small(root, tmp_path_factory.mktemp("small"))
    running = small.start()
    while not small.states:
        assert running.poll() is None, running.communicate()[0][-6000:]
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    assert not (small.folder / BASE / "model.safetensors").exists()
    small.snakemake("--unlock")  # Snakemake's own lock of the folder outlives it
    small.snakemake()
    return small


def test_killed_with_snakemake_it_goes_on(trained: Small) -> None:
    log = (trained.folder / "results/small/logs/train_base/base/seed-0.log").read_text(encoding="utf-8")
    assert f" of {STEPS}" in log
    assert "going on from step " in log
    steps = [json.loads(line)["step"] for line in (trained.folder / BASE / "log.jsonl").read_text().splitlines()]
    assert steps == [10, 20, 30, 40]
    assert trained.states == []


@pytest.mark.parametrize(
    "keys", [{"resumption": {"minutes": 7, "steps": 5, "keep": 4, "before_limit": 3}}, {"guards": {"window": 7}}]
)
def test_how_often_it_is_saved_and_when_it_stops_makes_nothing_run_again(
    trained: Small, keys: dict[str, object]
) -> None:
    assert "Nothing to be done" in trained.snakemake("--dry-run", "--config", f"training={keys}")


def test_another_setting_of_the_stage_does(trained: Small) -> None:
    said = trained.snakemake("--dry-run", "--config", "training={'base': {'warmup': 3}}")
    assert "train_base" in said
    assert "Nothing to be done" not in said
