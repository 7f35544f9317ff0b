"""How long Snakemake thinks about a paper of a thousand jobs."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
import yaml
from repository_copy import snakemake


def test_a_thousand_jobs_are_planned_and_how_long_it_takes_is_told(root: Path, tmp_path: Path) -> None:
    """How long is no property that a test could hold on any machine: docs/cluster.md has the figure."""
    if not os.environ.get("TEST_SLURM"):
        pytest.skip("how long it takes is measured where nothing else runs: make test-slurm")
    rows = {f"more_{n}": {"model": "sft", "label": f"More {n}", "exhibits": ["main", "heatmaps"]} for n in range(4)}
    more = tmp_path / "more.yaml"
    more.write_text(yaml.safe_dump({"evaluations": rows}), encoding="utf-8")
    arguments = ["all", "--profile", "slurm", "-n", "--quiet", "host", "rules", "--nolock", "--forceall"]
    took = []
    for _ in range(3):
        begun = time.monotonic()
        said = snakemake(root, *arguments, "--configfile", str(more))
        took.append(time.monotonic() - begun)
    jobs = {rule: int(number) for rule, number in re.findall(r"^(\w+) +(\d+)$", said, flags=re.MULTILINE)}
    assert jobs["total"] >= 1000
    # One for each evaluation and benchmark: 25 on eleven, and 15 that ask for a trace of these on the held-out videos.
    assert jobs["predict"] == 25 * 11 + 15
    print(f"{jobs['total']} jobs: {min(took):.1f} s")
