"""How long Snakemake thinks about a paper of a thousand jobs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml
from repository_copy import snakemake

LONGEST = 6.0  # seconds, on two cores


def test_a_dry_run_of_a_thousand_jobs_takes_seconds(root: Path, tmp_path: Path) -> None:
    if not os.environ.get("TEST_SLURM"):
        pytest.skip("times are compared where nothing else runs: make test-slurm")
    rows = {f"more_{n}": {"model": "sft", "label": f"More {n}", "exhibits": ["main", "heatmaps"]} for n in range(6)}
    more = tmp_path / "more.yaml"
    more.write_text(yaml.safe_dump({"evaluations": rows}), encoding="utf-8")
    took = []
    for _ in range(3):
        begun = time.monotonic()
        said = snakemake(
            root,
            "all",
            "--profile",
            "slurm",
            "-n",
            "--quiet",
            "host",
            "rules",
            "--nolock",
            "--forceall",
            "--configfile",
            str(more),
        )
        took.append(time.monotonic() - begun)
        total = next(int(line.split()[1]) for line in said.splitlines() if line.startswith("total"))
        assert total >= 1000
    print(f"{total} jobs: {min(took):.1f} s")
    assert min(took) < LONGEST
