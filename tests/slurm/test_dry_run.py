"""How long Snakemake thinks about a paper of a thousand jobs."""

from __future__ import annotations

import os
import re
import resource
import time
from pathlib import Path

import pytest
import yaml
from repository_copy import snakemake

JOBS_OF_NOTHING = """
rule all:
    input: expand("made/{{n}}", n=range({jobs}))

rule one:
    output: "made/{{n}}"
    shell: "touch {{output}}"
"""
# At the time of writing 2.4: it asks for what Snakemake does not do anyway, such as a digest of every rule's code.
MOST_OF_SNAKEMAKES_OWN = 3.0


def test_the_plan_of_the_paper_takes_not_much_more_than_snakemake_itself(root: Path, tmp_path: Path) -> None:
    """As many jobs that say nothing are planned in turn; CPU seconds, which other work on the machine hardly changes."""
    if not os.environ.get("TEST_SLURM"):
        pytest.skip("beside how long it takes: make test-slurm")
    paper = ["all", "--profile", "slurm", "-n", "--quiet", "host", "rules", "--nolock", "--forceall"]
    nothing = ["all", "--executor", "slurm", "--jobs", "100", "-n", "--quiet", "host", "rules", "--nolock"]
    ratios = []
    for _ in range(2):
        took, said = cpu_seconds(root, *paper)
        jobs = re.findall(r"^total +(\d+)$", said, flags=re.MULTILINE)[0]
        (tmp_path / "Snakefile").write_text(JOBS_OF_NOTHING.format(jobs=jobs), encoding="utf-8")
        ratios.append(took / cpu_seconds(tmp_path, *nothing)[0])
    print(f"{jobs} jobs: {min(ratios):.1f} times what Snakemake takes for as many that say nothing")
    assert min(ratios) < MOST_OF_SNAKEMAKES_OWN


def cpu_seconds(folder: Path, *arguments: str) -> tuple[float, str]:
    """What a run of Snakemake takes of the processor, and what it says."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    said = snakemake(folder, *arguments)
    return spent() - before, said


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
