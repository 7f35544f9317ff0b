"""The workflow as Snakemake sees it: what would run under which configuration, and what it says when one is wrong."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path

import pytest
import yaml

EXHIBITS = [
    "main_accuracy",
    "tac_heatmap",
    "vas_heatmap",
    "ablation",
    "bars",
    "attention_boxplot",
    "controls",
    "learning",
    "training_curves",
    "differences",
    "reproduction",
    "published",
    "sample_answers",
    "rejected",
]
STAGES = ["all", "data", "models", "predictions", "scores", "tables", "figures"]


def snakemake(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in the repository, as a user does."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, cwd=root, text=True, capture_output=True, check=False, env=environment)


def jobs(root: Path, *arguments: str) -> Counter[str]:
    """Number of jobs of each rule that would run, if nothing had run before."""
    done = snakemake(root, *arguments, "--dry-run", "--forceall", "--quiet", "host", "rules", "--nolock")
    assert done.returncode == 0, done.stderr
    counts = re.findall(r"^(\w+) +(\d+)$", done.stderr + done.stdout, flags=re.MULTILINE)
    return Counter({rule: int(number) for rule, number in counts if rule != "total"})


@pytest.fixture(scope="module")
def miniature(root: Path) -> Counter[str]:
    return jobs(root, "all", "--profile", "local")


@pytest.fixture(scope="module")
def paper(root: Path) -> Counter[str]:
    return jobs(root, "all", "--profile", "slurm")


def test_the_miniature_makes_everything(miniature: Counter[str]) -> None:
    assert miniature["generate_world"] == 1
    assert miniature["generate_benchmark"] == 11
    assert miniature["train_base"] == 1
    # The ablation's three; SFT, and SFT without claims and without times.
    assert (miniature["train_grpo"], miniature["train_sft"]) == (3, 3)
    assert miniature["report"] == 1
    assert {name for name in EXHIBITS if name != "published"} <= set(miniature)
    assert not [rule for rule in miniature if rule.startswith("fetch")]


def test_the_paper_makes_everything(paper: Counter[str]) -> None:
    assert paper["fetch_dataset"] == 1
    assert paper["fetch_benchmark"] == 11
    assert paper["fetch_model"] == 11
    assert (paper["train_sft"], paper["train_grpo"]) == (1, 3)
    # 16 rows of the exhibits and 5 controls on 11 benchmarks each; the 11 rows with traces on the held-out videos too.
    assert paper["predict"] == 21 * 11 + 11
    assert paper["released"] == 1
    assert {name for name in EXHIBITS if name != "published"} <= set(paper)
    assert not [rule for rule in paper if rule.startswith("generate")]


def test_the_released_checkpoints_are_evaluated_without_training(root: Path) -> None:
    wanted = jobs(root, "released", "--profile", "slurm")
    assert (wanted["fetch_model"], wanted["fetch_benchmark"], wanted["predict"]) == (2, 11, 2 * 11)
    assert not [rule for rule in wanted if rule.startswith(("train", "generate")) or rule == "fetch_dataset"]
    assert wanted["released"] == 1


def test_all_that_comes_over_a_network_is_fetched_by_one_target_and_nothing_else_is_done(
    root: Path, tmp_path: Path
) -> None:
    """For nodes without a network. A job beside a fetch sees no network at all (tests/test_run.py)."""
    locally = ["--profile", "slurm", "--executor", "local", "--cores", "8"]
    (tmp_path / "served.yaml").write_text("judge: {url: null, serve: {gpus: 4}}")
    served = ["--configfile", str(tmp_path / "served.yaml")]
    fetches = {"fetch_dataset": 1, "fetch_benchmark": 11, "fetch_model": 11}
    assert jobs(root, "fetched", *locally) == {**fetches, "fetched": 1}
    assert jobs(root, "fetched", *locally, *served) == {**fetches, "fetch_judge": 1, "fetched": 1}
    assert jobs(root, "fetched", "--profile", "local") == {"fetched": 1}  # what is generated is not fetched


def test_sample_answers_show_responses_and_scores_of_the_first_seed(root: Path) -> None:
    """A model that no seed changes has the first one, which need not be the least."""
    arguments = ["--profile", "local", "--quiet", "host", "--config", "seeds=[1,0]", "-n", "--forceall", "--nolock"]
    printed = snakemake(root, "sample_answers", *arguments)
    assert printed.returncode == 0, printed.stderr
    for rule in ("sample_responses", "sample_answers"):
        job = re.search(rf"^rule {rule}:\n    input: (.+)$", printed.stdout + printed.stderr, flags=re.MULTILINE)
        assert job
        assert set(re.findall(r"seed-\d", job[1])) == {"seed-1"}
        assert "/base_think/" in job[1]


@pytest.mark.parametrize("profile", ["local", "slurm"])
def test_targets_have_plain_names_and_profiles_name_rules_that_exist(root: Path, profile: str) -> None:
    # Snakemake passes over the resources of a rule that does not exist without a word.
    rules = set(snakemake(root, "--profile", profile, "--list-rules").stdout.split())
    settings = yaml.safe_load((root / "profiles" / profile / "config.yaml").read_text(encoding="utf-8"))
    named = {*settings.get("set-resources", {}), *settings.get("set-threads", {})}
    assert named
    assert named <= rules
    assert set(EXHIBITS) | set(STAGES) <= rules


def test_every_rule_has_its_script_and_every_script_its_rule(root: Path) -> None:
    used = {
        name
        for path in (root / "rules").glob("*.smk")
        for name in re.findall(r'"\.\./scripts/(\w+)\.py"', path.read_text(encoding="utf-8"))
    }
    called_otherwise = {
        "benchmark_decoders",
        "benchmark_rules",
        "doctor",
        "fit_order_weights",
        "freeze",
        "from_frozen",
        "fuzz_parsers",
        "lock_sources",
        "measure_agreement",
        "plan",
        "print_summary",
        "provenance",
        "read_attention",
        "score",
        "why",
        "write_results_page",
    }
    assert used == {path.stem for path in (root / "scripts").glob("*.py")} - called_otherwise


def test_a_rules_packages_are_those_of_its_environment(root: Path) -> None:
    blocks = {
        block.split(":")[0]: block
        for path in (root / "rules").glob("*.smk")
        for block in re.split(r"^rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    }
    named = {
        rule: (set(re.findall(r"envs/(\w+)\.yaml", block)), set(re.findall(r'PLAN\.environment\("(\w+)"\)', block)))
        for rule, block in blocks.items()
        if "script:" in block
    }
    assert len(named) > 25
    assert {rule for rule, (conda, params) in named.items() if conda != params or len(conda) != 1} == set()


def test_what_the_snakefiles_import_is_in_the_smallest_environment_that_reads_them(root: Path) -> None:
    """The report's, whose Snakemake reads the Snakefile again: it holds nothing that computes."""
    lock = (root / "envs" / "report.post-deploy.sh").read_text(encoding="utf-8")
    held = {re.sub(r"[-_.]+", "-", name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    lacking = {
        module
        for module, packages in metadata.packages_distributions().items()
        if not held & {re.sub(r"[-_.]+", "-", package.lower()) for package in packages}
    }
    assert {"numpy", "torch", "pandas"} < lacking
    files = [*root.glob("rules/*.smk"), *root.glob("profiles/*/Snakefile"), root / "workflow" / "Snakefile"]
    imported = {
        name
        for path in files
        for name in re.findall(r"^from (video_r2[\w.]*) import", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(imported) > 5
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(lacking - {'video_r2'})}))\nimport {', '.join(imported)}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(root / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_no_script_begins_with_what_must_come_first(root: Path) -> None:
    # Snakemake puts lines of its own before a script, after which a __future__ import is a syntax error.
    for path in (root / "scripts").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__"), path


def test_another_model_and_another_benchmark_are_a_few_lines(
    root: Path, tmp_path: Path, miniature: Counter[str]
) -> None:
    overlay = tmp_path / "more.yaml"
    overlay.write_text(
        """
models:
  mine: {stage: grpo, start: sft, settings: {kl_weight: 0.0}}
evaluations:
  mine: {model: mine, label: Mine, exhibits: [main]}
benchmarks:
  mine: {label: Mine, group: generic, adapter: videomme}
"""
    )
    more = jobs(root, "all", "--profile", "local", "--configfile", str(overlay))
    more.subtract(miniature)
    added = {rule: number for rule, number in more.items() if number}
    assert added == {
        "train_grpo": 1,
        "predict": 1,
        "score_accuracy": 1,
        "score_tac": 1,
        "score_temporal_alignment": 1,
        "generate_benchmark": 1,
        "prepare_benchmark": 1,
    }


def test_seeds_on_the_command_line_train_again_what_depends_on_them(root: Path, miniature: Counter[str]) -> None:
    more = jobs(root, "all", "--profile", "local", "--config", "seeds=[0,1]")
    assert more["train_base"] == miniature["train_base"]
    assert more["train_grpo"] == 2 * miniature["train_grpo"]
    assert more["generate_world"] == miniature["generate_world"]


def test_a_target_needs_no_more_than_its_own(root: Path) -> None:
    only = jobs(root, "main_accuracy", "--profile", "local")
    assert "score_tac" not in only
    assert set(jobs(root, "published", "--profile", "local")) == {"published"}


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        (["semantics=other"], "semantics: Input should be 'reference' or 'corrected'; got \"other\""),
        (["sedes=[0]"], "sedes: there is no such key"),
    ],
)
def test_a_wrong_configuration_is_refused_before_any_job(root: Path, keys: list[str], complaint: str) -> None:
    done = snakemake(root, "all", "--profile", "local", "--dry-run", "--nolock", "--config", *keys)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert "Building DAG" not in done.stderr


def test_make_lets_python_keep_what_it_compiles(root: Path) -> None:
    said = subprocess.run(
        # Below `make test` it would else say which folder it enters and leaves.
        ["make", "--no-print-directory", "--eval", "show: ; @echo [$${PYTHONDONTWRITEBYTECODE-}]", "show"],
        cwd=root,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
        capture_output=True,
        check=True,
    )
    assert said.stdout.splitlines()[-1] == "[]"


def test_make_asks_for_the_archive_that_exhibits_are_to_be_made_from(root: Path) -> None:
    said = subprocess.run(["make", "--dry-run", "from-frozen"], cwd=root, text=True, capture_output=True, check=False)
    assert said.returncode == 2
    assert "name the archive: make from-frozen ARCHIVE=..." in said.stderr
    with_archive = ["make", "--dry-run", "from-frozen", "ARCHIVE=a.tar.gz"]
    assert "scripts/from_frozen.py a.tar.gz" in subprocess.check_output(with_archive, cwd=root, text=True)
