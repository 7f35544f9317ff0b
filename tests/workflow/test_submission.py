"""What the paper's jobs ask SLURM for: each rule's sbatch, as a stand-in for it is called, against submitted.yaml."""

from __future__ import annotations

import json
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
    return submit_paper(root, tmp_path_factory.mktemp("submission"), {"url": "http://judge:8000/v1"})


def submit_paper(root: Path, folder: Path, judge: dict[str, object]) -> dict[str, set[str]]:
    copy_repository(root, folder)
    paper = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    fewer = {kind: {name: None for name in paper[kind] if name not in kept} for kind, kept in KEPT.items()}
    fewer["judge"] = judge
    (folder / "fewer.yaml").write_text(yaml.safe_dump(fewer), encoding="utf-8")
    return submit(folder, "all", "--profile", "slurm", "--configfile", "fewer.yaml")


def submit(folder: Path, *arguments: str) -> dict[str, set[str]]:
    """Have stand-ins for SLURM take all jobs of a repository's copy; by rule, what they asked sbatch for."""
    (folder / "site.yaml").write_text(yaml.safe_dump(SITE), encoding="utf-8")
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


def test_jobs_that_serve_their_judge_ask_for_what_is_written_down(
    root: Path, tmp_path: Path, submitted: dict[str, set[str]]
) -> None:
    server = tmp_path / ".judge/bin/vllm"
    server.parent.mkdir(parents=True)
    server.write_text("#!/bin/sh\n", encoding="utf-8")
    server.chmod(0o755)
    served = submit_paper(root, tmp_path, {"url": None, "serve": {"gpus": 4}})
    others = {rule: sorted(asked) for rule, asked in served.items() if asked != submitted.get(rule)}
    expected = yaml.safe_load((HERE / "submitted_with_judge.yaml").read_text(encoding="utf-8"))
    assert others == {rule: [asked] for rule, asked in expected.items()}


def test_every_rule_of_the_paper_was_submitted(root: Path, submitted: dict[str, set[str]]) -> None:
    planned = snakemake(
        root, "all", "--profile", "slurm", "--dry-run", "--forceall", "--quiet", "host", "rules", "--nolock"
    )
    assert {*submitted, "all"} == rules_in(planned)


def test_a_training_over_two_nodes_asks_for_what_the_docs_say(root: Path, tmp_path: Path) -> None:
    """By the recipe of docs/training.md: no total of GPUs, which SLURM would spread as it likes, and a task on each node."""
    (recipe,) = re.findall(
        r"```yaml\n(  train_sft:\n.+?)```", (root / "docs/training.md").read_text("utf-8"), re.DOTALL
    )
    folder = copy_repository(root, tmp_path)
    profile = folder / "profiles/slurm/config.yaml"
    edited, count = re.subn(
        r"  train_sft:\n(?:    .+\n)+?(?=  train_grpo:)", recipe, profile.read_text(encoding="utf-8")
    )
    assert count == 1
    profile.write_text(edited, encoding="utf-8")
    asked = submit(folder, "results/paper/models/sft/seed-0", "--profile", "slurm")
    assert asked["train_sft"] == {
        "-A lab -p gpu -t 720 --qos=normal --mem 400000 --nodes=2 --requeue --ntasks=2 --cpus-per-task=32 "
        "--gpus-per-node=h100:8"
    }


AGAIN = """
import json, sys
from video_r2.dry_run import dry_run

def asked(workflow):
    memory = {}
    for job in workflow.dag.jobs:
        if job.resources.get("gpu"):
            memory[job.rule.name] = []
            for attempt in (1, 2, 3, 4):
                job.attempt = attempt
                memory[job.rule.name].append(job.resources["mem_mb"])
    return memory

print(json.dumps(dry_run(sys.argv[1:], asked)))
"""


def test_a_gpu_job_that_comes_again_asks_for_twice_the_memory_and_no_more(root: Path, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("prediction_gpus: 2\n", encoding="utf-8")
    (tmp_path / "serve.yaml").write_text("judge: {url: null, serve: {gpus: 4, memory: 200000}}\n", encoding="utf-8")
    done = subprocess.run(
        [
            *[sys.executable, "-c", AGAIN],
            *(f"results/paper/scores/{metric}/grpo/seed-0/mmvu.json" for metric in ("tac", "vas_attention")),
            *["--profile", "slurm", "--configfile", str(tmp_path / "serve.yaml")],
        ],
        cwd=root,
        env=os.environ | {"VIDEO_R2_SITE": str(tmp_path / "site.yaml"), "PYTHONPATH": "scripts"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "train_sft": [400_000, 800_000, 800_000, 800_000],
        "train_grpo": [480_000, 960_000, 960_000, 960_000],
        "predict": [120_000, 240_000, 240_000, 240_000],
        "score_vas_attention": [60_000, 120_000, 120_000, 120_000],
        "score_tac": [200_000, 400_000, 400_000, 400_000],
    }
