"""The whole chain at smoke size: every stage runs, and only what changed runs again."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from repository_copy import copy_repository, rules_in, snakemake, snakemake_fails

from video_r2 import code_digest

pytestmark = pytest.mark.chain

TRACING = Path(__file__).parents[1] / "tracing"
KINDS = ("function", "class", "constant")
# They tell of the code of a job that has ended well.
WITHOUT_RESULTS = {
    *(f"video_r2.{module}" for module in ("code_digest", "code_meaning", "code_modules", "code_record")),
    *(f"video_r2.provenance.{module}" for module in ("attempts", "circumstances", "record")),
    "video_r2.findings",
    "video_r2.given_params",
    "video_r2.gpus",
    "video_r2.checksums.sha256_of",
    "video_r2.files.files_below",
    "video_r2.files.replacing",
    "video_r2.state.digest_of",
    "video_r2.state.without_effect",
}
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
        self.folder = copy_repository(root, folder)
        self.results = folder / "results" / "smoke"
        self.called = folder / "called.tsv"

    def snakemake(self, target: str, *arguments: str) -> str:
        """Run Snakemake to a good end, and list the library's functions that its jobs call; what it said."""
        tracing = {"PYTHONPATH": str(TRACING), "TRACED_FUNCTIONS": str(self.called)}
        return snakemake(self.folder, target, *SMOKE, *arguments, environment=tracing)

    def would_run(self, target: str, *arguments: str) -> set[str]:
        """Rules that would run."""
        return rules_in(self.snakemake(target, *arguments, "--dry-run"))

    @contextmanager
    def replaced(self, path: str, old: str, new: str) -> Iterator[None]:
        """Change a source file for a while."""
        source = self.folder / path
        text = source.read_text(encoding="utf-8")
        assert old in text
        source.write_text(text.replace(old, new), encoding="utf-8")
        try:
            yield
        finally:
            source.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def chain(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    # .ci/run compares what SLURM makes with what is made here.
    copy = Copy(root, Path(os.environ.get("SMOKE_CHAIN") or tmp_path_factory.mktemp("chain")))
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
    answered = list((chain.results / "predictions").glob("*/seed-*/*.parquet"))
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


def test_the_records_beside_the_results_say_the_same_where_snakemake_has_none(chain: Copy) -> None:
    records, aside = chain.folder / ".snakemake/metadata", chain.folder / "metadata"
    records.rename(aside)
    try:
        assert "Nothing to be done" in chain.snakemake("all")
        assert chain.would_run("figures", "--config", "figures={'dpi': 50}") == {*FIGURES, "figures"}
    finally:
        shutil.rmtree(records, ignore_errors=True)
        aside.rename(records)


def test_another_style_draws_and_does_nothing_else(chain: Copy) -> None:
    drawn = chain.would_run("figures", "--config", "figures={'dpi': 50}")
    assert drawn == {*FIGURES, "figures"}


def test_the_validation_split_is_asked_about_and_nothing_else(chain: Copy) -> None:
    overlays = ["--configfile", "profiles/local/smoke.yaml", "profiles/local/validation.yaml"]
    assert chain.would_run("validation", *overlays) == {
        "prepare_benchmark",
        "build_frames",
        "predict",
        *(f"score_{metric}" for metric in ("accuracy", "tac", "temporal_alignment")),
        "validation",
    }


def test_another_setting_trains_what_it_concerns(chain: Copy) -> None:
    trained = chain.would_run("models", "--config", "models={'grpo_tar': {'settings': {'kl_weight': 0.5}}}")
    assert trained == {"train_grpo", "models"}


def test_a_comment_costs_nothing_and_a_changed_reward_trains_again(chain: Copy) -> None:
    source = "scripts/video_r2/rewards/temporal_alignment.py"
    with chain.replaced(source, "from __future__", "# A comment.\nfrom __future__"):
        assert "Nothing to be done" in chain.snakemake("all")
    with chain.replaced(source, "f1 = 2 * len(matches)", "f1 = 3 * len(matches)"):
        assert chain.would_run("models") == {"train_grpo", "models"}


def test_every_function_that_a_job_called_is_in_the_digest_of_its_code(chain: Copy) -> None:
    # One that ran and does not count would leave a stale result behind when it changes.
    scripts = chain.folder / "scripts"
    calls = {tuple(line.split("\t")) for line in chain.called.read_text(encoding="utf-8").splitlines()}
    counted = {script: set(code_digest.parts(scripts / f"{script}.py", scripts)) for script, *_ in calls}
    assert set(counted) > {"generate_world", "train_base", "train_sft", "train_grpo", "predict", "score_tac", "bars"}
    uncounted = set()
    # The configuration is checked when a job reads its part of it; what it holds came with the job's parameters.
    checked = {function.split(".<locals>")[0].split(".")[-1] for _, file, _, function in calls if file == "config.py"}
    assert checked <= set(validators(scripts / "video_r2/config.py"))
    for script, file, line, function in calls:
        module = f"video_r2.{file.removesuffix('.py').replace('/', '.').removesuffix('.__init__')}"
        if module in code_digest.WITHOUT_EFFECT or {module, f"{module}.{function}"} & WITHOUT_RESULTS:
            continue
        names = names_at(scripts / "video_r2" / file, int(line))
        if not any(f"{kind} {module}.{name}" in counted[script] for kind in KINDS for name in names):
            uncounted.add((script, module, function))
    assert uncounted == set()
    assert len(calls) > 1000


def validators(path: Path) -> Iterator[str]:
    """Names of a module's functions and methods that pydantic calls to check values."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef() if "validator" in "".join(map(ast.unparse, node.decorator_list)):
                yield node.name
            case ast.Call(func=ast.Name("AfterValidator"), args=[ast.Name(name)]):
                yield name


def names_at(path: Path, line: int) -> list[str]:
    """The global names that are bound by the statement at a line of a module."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        first = min([node.lineno, *(at.lineno for at in getattr(node, "decorator_list", []))])
        if first <= line <= (node.end_lineno or first):
            bound = [at.id for at in ast.walk(node) if isinstance(at, ast.Name) and isinstance(at.ctx, ast.Store)]
            return [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else bound
    return []


def test_what_the_code_was_made_of_is_recorded(chain: Copy) -> None:
    recorded = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (chain.results / "code").glob("*")}
    assert {"train_base", "train_grpo", "predict", "score_tac", "report"} <= {of["script"] for of in recorded.values()}
    for digest, of in recorded.items():
        assert code_digest.digest_of(of["parts"]) == digest


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


def script(folder: Path, name: str, *arguments: str) -> str:
    """Run one of the repository's commands to a good end; what it said."""
    command = [sys.executable, f"scripts/{name}.py", *arguments]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_output_has_a_record_that_is_true(chain: Copy) -> None:
    said = json.loads(script(chain.folder, "provenance", "results/smoke/report.html", "--json"))
    assert said["changed"] == said["missing"] == said["absent"] == []
    recorded = {of["output"]: of["sha256"] for of in said["records"]}
    shown = [str(path.relative_to(chain.folder)) for path in (chain.results / "tables").iterdir()]
    assert len(shown) > 40
    assert {path: sha256(chain.folder / path) for path in shown} == {path: recorded[path] for path in shown}
    rules = {of["rule"] for of in said["records"]}
    assert rules >= {"generate_world", "train_base", "train_grpo", "predict", "score_tac", "learning", "report"}


def test_the_chain_of_a_cell_ends_at_the_raw_files_of_its_videos(chain: Copy) -> None:
    table = "results/smoke/tables/main_accuracy.csv"
    said = json.loads(script(chain.folder, "provenance", table, "--cell", "SFT", "VideoMME", "--json"))
    frame = pd.read_csv(chain.folder / table)
    value = frame[(frame["evaluation"] == "sft") & (frame["column"] == "videomme")]["value"].item()
    assert [float(line["value"]) for line in said["cell"]["values"]] == [value]

    raw = {path: checksum for of in said["raw"] for path, checksum in of["files"].items()}
    questions = pd.read_parquet(chain.results / "data/questions/videomme.parquet")
    seen = {path for path in [*questions["video"], *questions["subtitle"]] if "/raw/" in path}
    assert len([path for path in seen if path.endswith(".mp4")]) == 6
    films = {
        path for path in raw if path.startswith("results/smoke/raw/benchmarks") and path.endswith((".mp4", ".srt"))
    }
    assert films == seen
    trained = {path for path in raw if path.startswith("results/smoke/raw/training/videos")}
    assert trained == {
        str(path.relative_to(chain.folder))
        for path in (chain.results / "raw/training/videos").iterdir()
        if path.name != ".snakemake_timestamp"
    }
    assert raw == {path: sha256(chain.folder / path) for path in raw}

    made = [(of["rule"], of["output"].removeprefix("results/smoke/")) for of in said["records"]]
    assert [output for rule, output in made if rule == "predict"] == ["predictions/sft/seed-0/videomme.parquet"]
    assert {output for _, output in made if output.startswith("models/")} == {"models/base/seed-0", "models/sft/seed-0"}
    assert {output for rule, output in made if rule == "generate_benchmark"} == {"raw/benchmarks/videomme"}


@pytest.mark.parametrize(
    ("table", "row", "column", "evaluations", "of_all"),
    [
        ("learning", "SFT makes trace and answer agree", "value", {"sft", "base_think"}, "value"),
        ("differences", "sft", "videomme", {"sft"}, "corrected"),
        ("attention_boxplot", "sft", "median", {"sft"}, "median"),
        ("ablation", "grpo", "step", {"grpo", "sft"}, "step"),
        ("training_curves", "SFT+GRPO", "entropy", set(), "value"),
    ],
)
def test_every_tables_cells_can_be_followed(
    chain: Copy, table: str, row: str, column: str, evaluations: set[str], of_all: str
) -> None:
    path = f"results/smoke/tables/{table}.csv"
    said = json.loads(script(chain.folder, "provenance", path, "--cell", row, column, "--json"))
    lines = pd.read_csv(chain.folder / path, dtype=str, keep_default_na=False).to_dict("records")
    assert said["cell"]["values"]
    assert all(line in lines and line[of_all] for line in said["cell"]["values"][:1])
    asked = {Path(of["output"]).parts[3] for of in said["records"] if of["rule"] == "predict"}
    sampled = {f"{name}_sampled" for name in evaluations}
    assert evaluations <= asked <= evaluations | sampled
    if table == "training_curves":
        assert {of["wildcards"]["model"] for of in said["records"] if of["rule"] == "train_grpo"} == {"grpo"}
    assert not said["changed"]


def test_the_main_tables_chain_can_be_read_on_a_terminal(chain: Copy) -> None:
    said = script(chain.folder, "provenance", "results/smoke/tables/main_accuracy.md")
    lines = said.splitlines()
    assert len(lines) < 200
    assert max(map(len, lines)) <= 120
    stages = ["paper", "score", "predict", "train", "data", "raw data"]
    assert [line for line in lines if line in stages] == stages
    assert "score_accuracy x " in said
    assert "generate_benchmark x 11" in said


@pytest.mark.parametrize(
    ("row", "column", "complaint"),
    [("nobody", "videomme", "has no row 'nobody'"), ("sft", "nothing", "has no column 'nothing'")],
)
def test_a_cell_that_is_not_there_is_told_with_those_that_are(
    chain: Copy, row: str, column: str, complaint: str
) -> None:
    command = [sys.executable, "scripts/provenance.py", "results/smoke/tables/main_accuracy.csv", "--cell", row, column]
    done = subprocess.run(command, cwd=chain.folder, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert ("base_direct" if row == "nobody" else "videomme") in done.stderr.split("choose from")[1]


def test_nothing_is_answered_from_subtitles_that_are_not_what_was_converted(chain: Copy) -> None:
    (converted, *_) = (chain.results / "data/subtitles/longvideobench").glob("*.srt")
    before, stat = converted.read_bytes(), converted.stat()
    try:
        converted.write_bytes(before.replace(b"0", b"1"))
        said = snakemake_fails(
            chain.folder,
            "results/smoke/predictions/sft_once_more/seed-0/longvideobench.parquet",
            *[*SMOKE, "--config", "evaluations={'sft_once_more': {'model': 'sft', 'label': 'SFT once more'}}"],
        )
    finally:
        converted.write_bytes(before)
        os.utime(converted, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert "data/subtitles/longvideobench: is not what prepare_benchmark made" in said


@pytest.fixture(scope="module")
def frozen(chain: Copy) -> Path:
    script(chain.folder, "freeze", "results/smoke")
    return chain.folder / "results/smoke-frozen.tar.gz"


@pytest.fixture(scope="module")
def rebuilt(chain: Copy, frozen: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another copy of the repository, in which the exhibits were made from the archive."""
    folder = copy_repository(root, tmp_path_factory.mktemp("rebuilt"))
    command = [sys.executable, "scripts/from_frozen.py", str(frozen)]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    assert "came out as they were frozen, byte by byte" in done.stdout, done.stderr[-3000:]
    assert "warning: this repository" not in done.stderr
    return folder


def test_an_exhibit_that_is_gone_or_damaged_is_made_again_from_the_archive(rebuilt: Path, frozen: Path) -> None:
    gone, damaged = (rebuilt / "results/smoke/tables" / name for name in ("main_accuracy.csv", "ablation.csv"))
    before = gone.read_bytes(), damaged.read_bytes()
    gone.unlink()
    damaged.write_bytes(before[1] + b"more\n")
    assert "came out as they were frozen, byte by byte" in script(rebuilt, "from_frozen", str(frozen))
    assert (gone.read_bytes(), damaged.read_bytes()) == before


def test_a_run_without_a_record_is_not_frozen(chain: Copy) -> None:
    record = chain.results / "provenance/scores/accuracy/sft/seed-0/videomme.parquet.json"
    whole = record.read_bytes()
    record.write_bytes(whole.replace(b'"size": ', b'"size": 1'))
    command = [sys.executable, "scripts/freeze.py", "results/smoke", "--archive", "other.tar.gz"]
    done = subprocess.run(command, cwd=chain.folder, text=True, capture_output=True, check=False)
    record.write_bytes(whole)
    assert done.returncode == 1
    assert "scores/accuracy/sft/seed-0/videomme.parquet: is not there, or has no whole record" in done.stderr
    assert not (chain.folder / "other.tar.gz").exists()


def test_a_frozen_run_has_a_few_megabytes_and_the_same_bytes_every_time(chain: Copy, frozen: Path) -> None:
    assert frozen.stat().st_size < 8e6
    before = sha256(frozen)
    script(chain.folder, "freeze", "results/smoke")
    assert sha256(frozen) == before


def test_from_a_frozen_run_every_exhibit_comes_out_the_same_without_data_and_models(chain: Copy, rebuilt: Path) -> None:
    results = rebuilt / "results/smoke"
    for folder in ("tables", "figures"):
        made = {path.name: path.read_bytes() for path in (results / folder).iterdir()}
        assert made == {path.name: path.read_bytes() for path in (chain.results / folder).iterdir()}
    report = (results / "report.html").read_text(encoding="utf-8")
    for name in (*TABLES, *FIGURES, "sample_answers", "rejected"):
        assert name in report
    assert "files were not made here" in (results / "logs/report.log").read_text(encoding="utf-8")
    assert "Missing metadata" not in (results / "logs/report.log").read_text(encoding="utf-8")
    assert not (results / "raw").exists()
    assert list(results.rglob("*.safetensors")) == []
    ran = {path.name.partition(".")[0] for path in (results / "benchmarks").iterdir()}
    assert "main_accuracy" in ran
    assert ran <= {*TABLES, *FIGURES, "sample_answers", "rejected", "reproduction", "report"}


def test_the_chain_of_a_rebuilt_table_goes_back_to_the_raw_files_that_are_not_there(chain: Copy, rebuilt: Path) -> None:
    for table in ("main_accuracy", "training_curves"):
        path = f"results/smoke/tables/{table}.csv"
        here, there = (json.loads(script(folder, "provenance", path, "--json")) for folder in (rebuilt, chain.folder))
        assert here["raw"] == there["raw"]
        assert here["changed"] == here["missing"] == []
        assert "results/smoke/models/base/seed-0" in here["absent"]


def test_a_frozen_run_is_not_laid_over_other_results(chain: Copy, frozen: Path) -> None:
    command = [sys.executable, "scripts/from_frozen.py", str(frozen)]
    done = subprocess.run(command, cwd=chain.folder, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert "there are other results of this experiment" in done.stderr


def test_what_has_changed_since_is_not_frozen(chain: Copy, tmp_path: Path) -> None:
    scores = chain.results / "scores/accuracy/sft/seed-0/mvbench.parquet"
    kept = shutil.copy2(scores, tmp_path)
    scores.write_bytes(b"other")
    command = [sys.executable, "scripts/freeze.py", "results/smoke", "--archive", str(tmp_path / "a.tar.gz")]
    done = subprocess.run(command, cwd=chain.folder, text=True, capture_output=True, check=False)
    shutil.copy2(kept, scores)
    assert done.returncode == 1
    assert "scores/accuracy/sft/seed-0/mvbench.parquet has changed since score_accuracy" in done.stderr
    assert not (tmp_path / "a.tar.gz").exists()
