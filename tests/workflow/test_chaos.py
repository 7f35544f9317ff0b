"""A part of the chain that is killed, runs out of space or cannot read a video ends as it should once that is over.

The whole chain, and more kills: tests/chaos.py.
"""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest
import yaml
from chaos import Moment, Run, differences, moments
from disks import small_disk

pytestmark = pytest.mark.long

METRICS = ("accuracy", "vas_attention")
SCORES = [f"results/part/scores/{metric}/base_think/seed-0/tempcompass.parquet" for metric in METRICS]
FRAMES = "results/part/data/frames/tempcompass.json"
MODEL = "results/part/models/base/seed-0"
OVERLAY = {
    "experiment": "part",
    "evaluation": {"jobs": "per_benchmark"},
    "training": {"resumption": {"steps": 1}},
}


class Part(Run):
    """Some jobs of the chain at smoke size."""

    def __init__(self, root: Path, folder: Path, *targets: str) -> None:
        settings = ["--profile", "local", "--configfile", "profiles/local/smoke.yaml", "part.yaml", "--cores", "1"]
        super().__init__(root, folder, "part", *targets, *settings)
        (folder / "part.yaml").write_text(yaml.safe_dump(OVERLAY), encoding="utf-8")

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_parquet(self.results / "predictions/base_think/seed-0/tempcompass.parquet")


@pytest.fixture(scope="module")
def calm(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Part, list[float], dict[str, str]]:
    """A run to one model's scores that nothing happened to, when its jobs ended, and what it made."""
    part = Part(root, tmp_path_factory.mktemp("calm") / "part", *SCORES, FRAMES)
    assert part.ends_well(), part.said[-6000:]
    return part, part.ends(), part.made()


def test_a_kill_comes_when_a_run_is_faster_than_the_one_whose_moments_it_has(root: Path, tmp_path: Path) -> None:
    """Else it would come in a later job, or never."""
    folder = tmp_path / "results/part/benchmarks"
    folder.mkdir(parents=True)
    for number in range(2):
        (folder / f"{number}.jsonl").touch()
    fast = Run(root, tmp_path, "part")
    with subprocess.Popen(["sleep", "60"]) as process:
        begun = time.monotonic()
        assert fast.reached(process, Moment(jobs=1, seconds=50, workers=False))
        assert fast.reached(process, Moment(jobs=2, seconds=0.5, workers=False))
        assert 0.5 <= time.monotonic() - begun < 30
        process.kill()
    assert not fast.reached(process, Moment(jobs=2, seconds=0.5, workers=False))
    assert all(moment.jobs < 3 for moment in moments([5.0, 6.0, 7.0, 60.0], kills=20, seed=0))


def test_killed_again_and_again_it_ends_with_the_same_bytes(root: Path, tmp_path: Path, calm) -> None:
    _, ends, expected = calm
    assert len(ends) == 7
    for of in ("models/base/seed-0/model.safetensors", "predictions/base_think/seed-0/tempcompass.parquet"):
        assert of in expected
    assert len([name for name in expected if name.startswith("scores/")]) == 2 * len(METRICS)

    part = Part(root, tmp_path / "part", *SCORES, FRAMES)
    assert part.disturbed(moments(ends, kills=4, seed=1)) == 4
    assert part.starts >= 3
    assert part.unlocked == 0
    assert differences(expected, part.made()) == []


def test_a_full_disk_costs_what_was_being_written(root: Path, tmp_path: Path, calm) -> None:
    _, _, expected = calm
    part = Part(root, tmp_path / "part", FRAMES, MODEL)
    with ExitStack() as stack:
        try:
            enlarge = stack.enter_context(small_disk(part.folder / "results", 100 * 2**10))
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a small disk can be mounted by root only")
        assert not part.ends_well()
        assert "error: the disk is full" in part.said or "No space left on device" in part.said
        enlarge(4 * 2**20)
        assert not part.ends_well()
        assert "training, for 3 states of" in part.said
        assert "(cure: free some space, or keep fewer states" in part.said
        enlarge(128 * 2**20)
        assert part.ends_well(), part.said[-6000:]
        made = part.made()
    assert {"models/base/seed-0/model.safetensors", "data/frames/tempcompass.json"} <= set(made)
    assert differences({name: expected.get(name, "") for name in made}, made) == []


def test_a_video_that_the_disk_does_not_read_costs_nothing_once_it_does(calm) -> None:
    part, _, expected = calm
    video = part.folder / part.predictions["video"].iloc[0]
    aside = video.rename(part.folder / "aside.mp4")
    video.symlink_to("/proc/self/mem")  # reading this fails as a bad disk does
    assert not part.ends_well("--forcerun", "build_frames")
    assert f"{video.relative_to(part.folder)}: cannot be read at the moment: Input/output error" in part.said
    assert "If the file is lost, delete it" in part.said
    assert "Traceback" not in part.said

    video.unlink()
    aside.rename(video)
    assert part.ends_well(), part.said[-6000:]
    assert differences(expected, part.made()) == []


def test_a_video_that_is_damaged_costs_its_own_questions(calm) -> None:
    part, _, _ = calm
    before = part.predictions
    video = before["video"].iloc[0]
    lost = before["video"] == video
    (part.folder / video).write_bytes(b"no video")

    assert not part.ends_well("--config", "data={'max_rejected': 0}")
    assert f"{lost.sum()} of 20 records cannot be used, more than data.max_rejected = 0 allows" in part.said
    # Snakemake finds no change since the job that failed, and scores that were made from what it had made before.
    assert part.ends_well(), part.said[-6000:]
    (rejected,) = (part.results / "data/rejected/frames-tempcompass.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(rejected)["file"] == video
    assert json.loads(rejected)["reason"] == "cannot be read as a video: Invalid data found when processing input"
    after = part.predictions
    assert after["response"][lost].isna().all()
    assert after["response"][~lost].tolist() == before["response"][~lost].tolist()
    scored = pd.read_parquet(part.folder / SCORES[1])
    asked = scored["id"].isin(before["id"][lost])
    assert scored["score"].isna().tolist() == asked.tolist()
