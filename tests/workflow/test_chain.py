"""The whole chain at smoke size: every stage runs, and only what changed runs again."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.chain

COPIED = ["Makefile", "config.yaml", "envs", "local", "profiles", "rules", "scripts", "workflow"]
SMOKE = ["--profile", "local", "--configfile", "profiles/local/smoke.yaml"]
TABLES = [
    "main_accuracy",
    "tac_heatmap",
    "vas_heatmap",
    "ablation",
    "bars",
    "attention_boxplot",
    "controls",
    "learning",
    "differences",
]
FIGURES = ["tac_heatmap", "vas_heatmap", "bars", "attention_boxplot", "training_curves"]


class Copy:
    """A copy of the repository with results of its own."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results" / "smoke"
        for name in COPIED:
            source = root / name
            if source.is_dir() and not source.is_symlink():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / name, follow_symlinks=False)

    def snakemake(self, target: str, *arguments: str) -> str:
        """Run Snakemake to a good end; what it said."""
        command = [sys.executable, "-m", "snakemake", target, *SMOKE, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def would_run(self, target: str, *arguments: str) -> set[str]:
        """Rules that would run."""
        said = self.snakemake(target, *arguments, "--dry-run")
        return {rule for rule, _ in re.findall(r"^(\w+) +(\d+)$", said, flags=re.MULTILINE)} - {"total"}

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a source file."""
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text
        (self.folder / path).write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def chain(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(root, tmp_path_factory.mktemp("chain"))
    copy.snakemake("all")
    return copy


def test_every_exhibit_is_there_and_the_report_shows_it(chain: Copy) -> None:
    made = [
        *(f"tables/{name}.{kind}" for name in TABLES for kind in ("csv", "md", "tex", "html")),
        *(f"figures/{name}.{kind}" for name in FIGURES for kind in ("pdf", "png", "svg")),
    ]
    assert [name for name in made if not (chain.results / name).stat().st_size] == []
    report = (chain.results / "report.html").read_text(encoding="utf-8")
    for name in (*TABLES, *FIGURES, "sample_answers", "rejected"):
        assert name in report


def test_every_question_has_its_answer_by_every_evaluation(chain: Copy) -> None:
    asked = {
        path.stem: pd.read_parquet(path, columns=["id"])["id"].tolist()
        for path in (chain.results / "data/questions").glob("*.parquet")
    }
    assert len(asked) == 12
    answered = list((chain.results / "predictions").rglob("*.parquet"))
    assert len(answered) > 12
    for path in answered:
        assert pd.read_parquet(path, columns=["id"])["id"].tolist() == asked[path.stem]


def test_every_trained_model_says_how_it_came_about(chain: Copy) -> None:
    manifests = list((chain.results / "models").glob("*/seed-*/manifest.json"))
    assert {path.parents[1].name for path in manifests} >= {"base", "sft", "grpo", "grpo_tar", "grpo_tar_gate"}
    for path in manifests:
        assert {"stage", "seed", "settings"} <= set(json.loads(path.read_text(encoding="utf-8")))


def test_a_second_run_does_nothing(chain: Copy) -> None:
    assert "Nothing to be done" in chain.snakemake("all")


def test_another_style_draws_and_does_nothing_else(chain: Copy) -> None:
    drawn = chain.would_run("figures", "--config", "figures={'dpi': 50}")
    assert drawn == {*FIGURES, "sample_answers", "figures"}


def test_another_setting_trains_what_it_concerns(chain: Copy) -> None:
    trained = chain.would_run("models", "--config", "models={'grpo_tar': {'settings': {'kl_weight': 0.5}}}")
    assert trained == {"train_grpo", "models"}


def test_a_comment_costs_nothing_and_a_changed_reward_trains_again(chain: Copy) -> None:
    source = "scripts/video_r2/rewards/temporal_alignment.py"
    chain.replace(source, "from __future__", "# A comment.\nfrom __future__")
    assert "Nothing to be done" in chain.snakemake("all")
    with (chain.folder / source).open("a", encoding="utf-8") as stream:
        stream.write("\nCHANGED = True\n")
    again = chain.would_run("models")
    assert again == {"train_grpo", "models"}


def test_the_summary_names_the_table_the_times_and_the_places(chain: Copy) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/print_summary.py", "results/smoke"],
        cwd=chain.folder,
        text=True,
        capture_output=True,
        check=True,
    )
    for word in ("Video-R2", "train_base", "report.html", "tables", "figures"):
        assert word in done.stdout
