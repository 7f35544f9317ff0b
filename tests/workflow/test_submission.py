"""What the paper's jobs ask SLURM for: each rule's sbatch, as a stand-in for it is called, against submitted.yaml."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from repository_copy import copy_repository, rules_in, snakemake

HERE = Path(__file__).parent
LOOK_OFTEN = HERE.parent / "slurm" / "look_often.py"
SITE = {"account": "lab", "qos": "normal", "partition": "cpu", "gpu_partition": "gpu", "gpu_type": "h100"}
# The paper with fewer rows and benchmarks: what a rule's jobs ask for does not depend on them.
KEPT = {"evaluations": {"base_direct", "grpo_tar_gate", "released"}, "benchmarks": {"mvbench", "minerva", "heldout"}}
SBATCH = """#!/bin/sh
# Takes a job, notes how it was called, and makes its results, and all others that are missing.
printf '%s\\n' "$@" > {calls}/$$
xargs -a {files} dirname -z | xargs -0 mkdir -p
xargs -a {files} touch
xargs -a {folders} mkdir -p
echo $$
"""
STATES = """#!/bin/sh
# squeue or sacct: whatever was submitted is done.
ls {calls} | sed 's/$/|COMPLETED/'
"""


@pytest.fixture(scope="module")
def submitted(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """By rule, what its jobs asked sbatch for."""
    folder = copy_repository(root, tmp_path_factory.mktemp("submission"))
    paper = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    fewer = {kind: {name: None for name in paper[kind] if name not in kept} for kind, kept in KEPT.items()}
    (folder / "fewer.yaml").write_text(yaml.safe_dump(fewer), encoding="utf-8")
    (folder / "site.yaml").write_text(yaml.safe_dump(SITE), encoding="utf-8")
    arguments = ["all", "--profile", "slurm", "--configfile", "fewer.yaml"]
    planned = snakemake(folder, *arguments, "--dry-run", "--quiet", "host")
    lists = re.findall(r"^    (?:output|benchmark): (.+)$", planned, flags=re.MULTILINE)
    outputs = [path for paths in lists for path in paths.split(", ")]

    stand_ins, calls = folder / "bin", folder / "calls"
    stand_ins.mkdir()
    calls.mkdir()
    (folder / "files").write_text("".join(f"{path}\n" for path in outputs if Path(path).suffix))
    (folder / "folders").write_text("".join(f"{path}\n" for path in outputs if not Path(path).suffix))
    said = {
        "sbatch": SBATCH.format(calls=calls, files=folder / "files", folders=folder / "folders"),
        **dict.fromkeys(("squeue", "sacct"), STATES.format(calls=calls)),
        "sacctmgr": "#!/bin/sh\necho lab\n",
        "scontrol": "#!/bin/sh\necho AccountingStorageType = accounting_storage/slurmdbd\n",
        "sinfo": "#!/bin/sh\n",
        "conda": "#!/bin/sh\nexit 1\n",
    }
    for name, text in said.items():
        (stand_ins / name).write_text(text)
        (stand_ins / name).chmod(0o755)
    online = {name: value for name, value in os.environ.items() if not name.endswith("_OFFLINE")}
    done = subprocess.run(
        [sys.executable, LOOK_OFTEN, *arguments, "--software-deployment-method", "env-modules", "--latency-wait", "0"],
        cwd=folder,
        env=online
        | {"PATH": f"{stand_ins}:{os.environ['PATH']}", "HF_ENDPOINT": "http://127.0.0.1:9"},  # nobody is there
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    asked: dict[str, set[str]] = {}
    for call in calls.iterdir():
        options = call.read_text(encoding="utf-8").splitlines()
        rule, *_ = value_of("--comment", options).removeprefix("rule_").split("_wildcards_")
        asked.setdefault(rule, set()).add(shlex.join(what_for(options)))
    return asked


def value_of(option: str, options: list[str]) -> str:
    return options[options.index(option) + 1]


def what_for(options: list[str]) -> Iterator[str]:
    """What a job asks for, without its names and its command."""
    given = iter(options)
    for option in given:
        if option in ("--job-name", "--output", "--comment", "-D"):
            next(given)
        elif option not in ("--parsable", "--export=ALL") and not option.startswith("--wrap="):
            yield option


def test_every_rule_asks_for_what_is_written_down(submitted: dict[str, set[str]]) -> None:
    expected = yaml.safe_load((HERE / "submitted.yaml").read_text(encoding="utf-8"))
    assert {rule: sorted(asked) for rule, asked in submitted.items()} == {
        rule: [asked] for rule, asked in expected.items()
    }


def test_every_rule_of_the_paper_was_submitted(root: Path, submitted: dict[str, set[str]]) -> None:
    planned = snakemake(
        root, "all", "--profile", "slurm", "--dry-run", "--forceall", "--quiet", "host", "rules", "--nolock"
    )
    assert {*submitted, "all"} == rules_in(planned)
