"""Fetches in the workflow: what is refused before a run starts, what the lock gets, and what it makes run again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hub_server import SECRET, Hub, environment, serving
from repository_copy import copy_repository, rules_in

from video_r2.data.sources import Pinned, read_lock, write_lock

BENCHMARKS = ["minerva", "mmvu"]


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with an experiment over three small sources."""
    made = copy_repository(root, tmp_path_factory.mktemp("repository"))
    paper = yaml.safe_load((root / "config.yaml").read_text())
    overlay = {
        "data": {"dataset": "owner/training"},
        "benchmarks": dict.fromkeys(paper["benchmarks"])
        | {name: {"label": name, "group": "reasoning", "adapter": name, "hub": f"owner/{name}"} for name in BENCHMARKS},
        "models": {"base": {"hub": "owner/base"}},
    }
    (made / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    return made


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {"a.parquet": b"rows", "README.md": b"---\n---\n"}
    with serving(minerva=files, mmvu=files, training={"x.json": b"[]"}, base={"model.safetensors": b"w"}) as made:
        yield made


def snakemake(
    folder: Path, hub: Hub, *arguments: str, experiment: str = "fetching"
) -> subprocess.CompletedProcess[str]:
    made = [f"results/{experiment}/raw/manifests/benchmarks/{name}.json" for name in BENCHMARKS]
    settings = ["--configfile", "overlay.yaml", "--config", f"experiment={experiment}"]
    fixed = ["--cores", "2", "--rerun-triggers", "mtime", "params", "input"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *made, *fixed, *arguments, *settings],
        cwd=folder,
        env=environment(hub.address),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert SECRET not in done.stdout
    return done


def would_run(folder: Path, hub: Hub) -> set[str]:
    done = snakemake(folder, hub, "--dry-run", "--quiet", "host", "rules", "--nolock")
    assert done.returncode == 0, done.stdout
    return rules_in(done.stdout)


def test_sources_are_locked_by_the_first_fetch_and_fetched_again_when_the_lock_changes(folder: Path, hub: Hub) -> None:
    lock = folder / "sources.lock.yaml"
    first = {name: hub.repositories[f"owner/{name}"].commit() for name in BENCHMARKS}
    done = snakemake(folder, hub)
    assert done.returncode == 0, done.stdout
    assert {key: entry.commit for key, entry in read_lock(lock).items()} == {
        f"owner/{name}@main": commit for name, commit in first.items()
    }
    assert "sources.lock.yaml: owner/mmvu@main is new; commit the file" in done.stdout

    # Neither the new entries nor a branch that moves make anything run again.
    hub.repositories["owner/mmvu"].files["a.parquet"] = b"newer rows"
    newer = hub.repositories["owner/mmvu"].commit()
    asked = len(hub.asked)
    assert would_run(folder, hub) == set()

    # An entry that is another one fetches its source again, and that alone; then there is peace.
    write_lock(lock, {**read_lock(lock), "owner/mmvu@main": Pinned("dataset", newer, {})})
    done = snakemake(folder, hub)
    assert done.returncode == 0, done.stdout
    assert "1 of 1 steps (100%) done" in done.stdout
    assert sorted(hub.asked[asked:]) == [("README.md", 0), ("a.parquet", 0)]
    assert (folder / "results/fetching/raw/benchmarks/mmvu/a.parquet").read_bytes() == b"newer rows"
    assert set(read_lock(lock)["owner/mmvu@main"].files) == {"README.md", "a.parquet"}
    assert would_run(folder, hub) == set()


def test_what_cannot_be_had_is_said_at_once_before_any_job(folder: Path, hub: Hub) -> None:
    hub.repositories["owner/minerva"].gated = True
    del hub.repositories["owner/mmvu"]
    done = snakemake(folder, hub, experiment="refused")
    assert done.returncode == 1
    assert "2 of the 2 sources that this run fetches cannot be had:" in done.stdout
    assert "record owner/minerva: access has to be asked for (cure: accept the terms on https://hugg" in done.stdout
    assert "record owner/mmvu: the hub has no dataset of this name" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (folder / "results/refused/logs").exists()
    assert hub.asked == []
