"""An edit runs again the stages whose results it can change, and no others: both experiments, edit by edit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from job_files import leave_record
from repository_copy import DryRuns, copy_repository, finish, restore, snakemake, state, why

pytestmark = pytest.mark.long

FETCHED = ["llava_onevision", "internvl2_5", "perception_lm", "internvl3", "videochat_r1_5", "video_rft"]
# The paper with fewer rows and benchmarks: the same rules, in half the time.
SMALL: dict[str, dict[str, object]] = {
    part: dict.fromkeys(names)
    for part, names in {
        "models": [*FETCHED, "video_r2_released", "video_r2_sft_released"],
        "evaluations": [*FETCHED, "released", "sft_released"],
        "benchmarks": ["mlvu", "longvideobench", "videomathqa", "video_mmmu", "vsibench", "minerva", "scivideobench"],
    }.items()
} | {
    "evaluation": {"attention_questions": 2000},
    "temporal_alignment": {"sentence_model": "sentences"},
}  # the seed is 0
ARGUMENTS = {"local": ["--profile", "local"], "slurm": ["--profile", "slurm", "--configfile", "small.yaml"]}
RESULTS = {"local": "results/miniature", "slurm": "results/paper"}
TARGETS = {"all", "miniature"}

# What follows from what, as docs and paper have it: predictions are scored, and scores are shown.
SHOW_ACCURACY = {
    "main_accuracy",
    "ablation",
    "bars",
    "controls",
    "learning",
    "differences",
    "reproduction",
    "sample_answers",
}
SHOW_TAC = {"tac_heatmap", "ablation", "bars", "learning", "differences", "reproduction"}
SHOW_VAS = {"vas_heatmap", "ablation", "bars", "differences", "reproduction"}
SHOW_ALIGNMENT = {"learning", "differences"}
RESCORE = {"rescore"}  # as released, for `differences`
SHOW_ATTENTION = {"attention_boxplot"}
REPORT = {"report"}
DRAWN = {"tac_heatmap", "vas_heatmap", "bars", "attention_boxplot"}
EXHIBITS = SHOW_ACCURACY | SHOW_TAC | SHOW_VAS | SHOW_ALIGNMENT | SHOW_ATTENTION | REPORT
SCORES = {"score_accuracy", "score_tac", "score_vas_judge", "score_vas_attention", "score_temporal_alignment"}
PREDICTIONS = {"predict", "sample_responses"} | SCORES | RESCORE | EXHIBITS
GRPO = {"train_grpo", "training_curves"} | PREDICTIONS
SFT = {"train_sft"} | GRPO
BASE = {"train_base"} | SFT
FRAMES = {"build_frames", "sample_frames", "rejected"}
QUESTIONS = {"prepare_benchmark"} | FRAMES | PREDICTIONS
# Held-out questions come of it, none of which the report shows.
TRAINING_DATA = {"prepare_training", "build_training_frames"} | (QUESTIONS - {"sample_frames"}) | SFT
WORLD = {"generate_world", "index_videos"} | TRAINING_DATA


# --- kinds of edits -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """What an edit does to files that match `pattern`."""

    pattern: str
    do: Callable[[Path], object]


def text(path: str, old: str, new: str) -> Change:
    def replace(file: Path) -> None:
        before = file.read_text(encoding="utf-8")
        assert old in before, f"{path} has no {old!r}"
        file.write_text(before.replace(old, new), encoding="utf-8")

    return Change(path, replace)


def added(path: str, more: str) -> Change:
    return Change(path, lambda file: file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8"))


def touched(pattern: str) -> Change:
    return Change(pattern, lambda file: os.utime(file, (time.time() + 5, time.time() + 5)))


def rewritten(path: str, later: float = 5) -> Change:
    """Another content, written so many seconds from now."""

    def write(file: Path) -> None:
        file.write_text("another content", encoding="utf-8")
        os.utime(file, (time.time() + later, time.time() + later))

    return Change(path, write)


def formatted(pattern: str) -> Change:
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--isolated", "--line-length", "60"]
    return Change(pattern, lambda file: subprocess.run([*command, str(file)], check=True))


@dataclass(frozen=True)
class Edit:
    """An edit, and the rules that must run after it in each experiment; in both the same, where `slurm` is not given."""

    name: str
    changes: list[Change]
    local: set[str] = field(default_factory=set)
    slurm: set[str] | None = None

    def must_run(self, profile: str) -> set[str]:
        return self.local if profile == "local" or self.slurm is None else self.slurm


CONFIG, MINIATURE = "config.yaml", "profiles/local/miniature.yaml"
ALIGNMENT = "scripts/video_r2/rewards/temporal_alignment.py"
STATISTICS = "scripts/video_r2/metrics/statistics.py"
FIGURES = "scripts/video_r2/paper/figures.py"
PROMPTS = "scripts/video_r2/judge/prompts"
ALL_SOURCES = "scripts/**/*.py"

EDITS = [
    # Code that says the same.
    Edit("a comment", [text(ALIGNMENT, "from __future__", "# Why.\nfrom __future__")]),
    Edit("a docstring", [text(ALIGNMENT, "Match claims with events, one to one.", "Match claims and events.")]),
    Edit("all sources formatted otherwise", [formatted("scripts/video_r2/rewards/*.py"), formatted("scripts/*.py")]),
    Edit("a local variable renamed", [text(ALIGNMENT, "told", "kept")]),
    Edit("a type hint", [text(ALIGNMENT, "-> list[_Entry]:", "-> Sequence[_Entry]:")]),
    Edit(
        "a checkout: all sources have another time",
        [touched(ALL_SOURCES), touched("scripts/**/*.yaml"), touched("rules/*"), touched("config.yaml")],
    ),
    Edit("a function that nothing uses", [added(ALIGNMENT, "\n\ndef more() -> int:\n    return 1\n")]),
    Edit("a helper of another command", [text("scripts/video_r2/paper/audit.py", "def ", "def _new_")]),
    Edit(
        "what a user reads of keys, of columns, in warnings, as a training's last words",
        [
            text("scripts/video_r2/config.py", "Seed of every", "The seed of every"),
            text("scripts/video_r2/records.py", "as written", "as they are written"),
            text("scripts/video_r2/journal.py", "are damaged and will be made again", "are damaged"),
            text("scripts/video_r2/training/guards.py", "or bf16: false", "or no bf16"),
        ],
    ),
    Edit(
        "how many records may be set aside",
        [text(CONFIG, "max_rejected: 0.2", "max_rejected: 0.3")],
    ),
    Edit("how many questions were published", [text(CONFIG, "questions: 4000", "questions: 4001")]),
    Edit(
        "the wording of a control",
        [text(CONFIG, "without_claims: So the answer is", "without_claims: The answer is")],
        {"predict", "score_accuracy", "controls", "learning", "report"},
    ),
    Edit(
        "the wording of questions without a trace",
        [text(CONFIG, "direct_open: Answer with", "direct_open: Reply with")],
        slurm={"predict", "score_accuracy"} | RESCORE | (SHOW_ACCURACY - {"bars", "sample_answers"}) | REPORT,
    ),
    Edit(
        "README, and comments in the configuration and in an environment",
        [
            added("README.md", "\nMore.\n"),
            text(CONFIG, "seeds: [0]", "seeds: [0] # one"),
            added(MINIATURE, "# End.\n"),
            text("envs/train.yaml", "# Training.", "# To train."),
        ],
    ),
    Edit(
        "resources, threads and priorities",
        [
            text("profiles/slurm/config.yaml", "mem_mb: 8000", "mem_mb: 9000"),
            text("profiles/local/config.yaml", "train_base: 2", "train_base: 1"),
            text("rules/train.smk", "gpu=8", "gpu=4"),
            text("rules/train.smk", "priority: 1", "priority: 2"),
        ],
    ),
    # Code that does not.
    Edit("a helper of training and scoring", [text(ALIGNMENT, "len(events)), -1.0)", "len(events)), -0.5)")], GRPO),
    Edit(
        "how a process of a training begins",
        [text("scripts/video_r2/training/worker.py", "    main(Path(sys.argv[1]))", "    main(Path(sys.argv[-1]))")],
        SFT,
    ),
    Edit("a default argument", [text("scripts/video_r2/rewards/format.py", '= "corrected"', '= "reference"')], GRPO),
    Edit(
        "a helper of one metric",
        [text("scripts/video_r2/metrics/consistency.py", "def _score(", "def _score(more=1, /, *, ")],
        {"score_tac"} | RESCORE | SHOW_TAC | REPORT,
    ),
    Edit(
        "a helper of some exhibits",
        [
            text(STATISTICS, "return _estimate(first - second,", "return _estimate(second - first,"),
        ],
        {"ablation", "controls", "differences", "learning"} | REPORT,
    ),
    Edit(
        "a plot's colour",
        [text(FIGURES, 'set_facecolor("0.94")', 'set_facecolor("0.9")')],
        {"tac_heatmap", "vas_heatmap"} | REPORT,
    ),
    Edit("a constant of several plots", [text(FIGURES, '_INK = "0.15"', '_INK = "0.1"')], DRAWN | REPORT),
    Edit(
        "a script",
        [text("scripts/main_accuracy.py", '["accuracy"]', '["accuracy", "tac"]')],
        {"main_accuracy"} | REPORT,
    ),
    # Texts and data that come with the code.
    Edit(
        "the tasks' template",
        [text("scripts/video_r2/evaluation/task.yaml", "better: true", "better: false")],
        PREDICTIONS,
    ),
    Edit("a published number", [added("scripts/video_r2/paper/reported.yaml", "# More.\n")], {"reproduction"} | REPORT),
    Edit("a caption", [added("workflow/report/main_accuracy.rst", "\nMore.\n")], REPORT),
    Edit(
        "the prompt that reads answers",
        [added(f"{PROMPTS}/answer.md", "Be brief.\n")],
        slurm={"score_tac"} | RESCORE | SHOW_TAC | REPORT,
    ),
    Edit(
        "the prompt that reads evidence",
        [added(f"{PROMPTS}/evidence.md", "Be brief.\n")],
        slurm={"score_vas_judge"} | RESCORE | SHOW_VAS | REPORT,
    ),
    Edit("the prompt that reads claims", [added(f"{PROMPTS}/claims.md", "Be brief.\n")], slurm=GRPO),
    Edit("the prompt that reads consistency", [added(f"{PROMPTS}/consistency.md", "Be brief.\n")], slurm=GRPO),
    # Settings.
    Edit(
        "the temporal alignment's buffer",
        [
            text(CONFIG, "buffer_seconds: 2.0", "buffer_seconds: 3.0"),
            text(MINIATURE, "buffer_seconds: 1.0", "buffer_seconds: 1.5"),
        ],
        GRPO,
    ),
    Edit("a reward's weight", [text(CONFIG, "accuracy: 1.0, format: 1.0", "accuracy: 1.0, format: 0.5")], GRPO),
    Edit(
        "SFT's learning rate",
        [
            text(CONFIG, "learning_rate: 1.0e-5", "learning_rate: 2.0e-5"),
            text(MINIATURE, "rate: 1.5e-3", "rate: 2.5e-3"),
        ],
        SFT,
    ),
    Edit(
        "GRPO's learning rate",
        [
            text(CONFIG, "learning_rate: 1.0e-6", "learning_rate: 2.0e-6"),
            text(MINIATURE, "rate: 2.0e-4", "rate: 3.0e-4"),
        ],
        GRPO,
    ),
    Edit("the base's films", [text(MINIATURE, "films: 2400", "films: 2401")], BASE, set()),
    Edit("the world's rows", [text(MINIATURE, "sft_rows: 1792", "sft_rows: 1700")], WORLD, set()),
    Edit(
        "the share of held-out videos",
        [
            text(CONFIG, "heldout_fraction: 0.02", "heldout_fraction: 0.03"),
            text(MINIATURE, "fraction: 0.25", "fraction: 0.3"),
        ],
        TRAINING_DATA,
    ),
    Edit(
        "the evaluation's frames",
        [
            text(CONFIG, "fps: 2.0, max_frames: 128", "fps: 2.0, max_frames: 64"),
            text(MINIATURE, "  frames: *frames\n  jobs", "  frames: {fps: 2.0, max_frames: 9}\n  jobs"),
        ],
        FRAMES | PREDICTIONS,
    ),
    Edit(
        "the clock's size",
        [text(CONFIG, "clock_size: 0.05", "clock_size: 0.06")],
        {"build_training_frames"} | FRAMES | BASE,
        {"build_training_frames", "rejected"} | SFT,  # models are asked about frames without a clock
    ),
    Edit(
        "attention while answering",
        [
            text(CONFIG, "batch: 1, attention: flash_attention_2", "batch: 1, attention: sdpa"),
            text(MINIATURE, "128, attention: eager", "128, attention: sdpa"),
        ],
        PREDICTIONS,
    ),
    Edit(
        "the judge's address and patience",
        [text(CONFIG, "8000/v1", "8001/v1"), text(CONFIG, "timeout: 60", "timeout: 90")],
    ),
    Edit("the judge's model", [text(CONFIG, "Qwen/Qwen3-Next-80B-A3B-Instruct", "other")], slurm=GRPO),
    Edit("what scores mean", [text(CONFIG, "semantics: corrected", "semantics: reference")], GRPO),
    Edit(
        "how intervals are drawn",
        [text(CONFIG, "bootstrap: 2000", "bootstrap: 1000"), text(STATISTICS, "LEVEL = 0.95", "LEVEL = 0.9")],
        (SCORES - {"score_vas_attention"}) | RESCORE | EXHIBITS,  # no model is asked again
    ),
    Edit(
        "how figures look",
        [text(CONFIG, "dpi: 200", "dpi: 300")],
        DRAWN | {"training_curves"} | REPORT,
    ),
    Edit(
        "how curves and maps look, and what the ablation's rows are made of",
        [
            text(CONFIG, "smoothing: 15", "smoothing: 9"),
            text(CONFIG, "heatmap: YlGnBu", "heatmap: Greens"),
            text(CONFIG, "components: [sft, grpo]}", "components: [sft, grpo, gate]}"),
        ],
        {"training_curves", "tac_heatmap", "vas_heatmap", "ablation", "learning", "differences", "reproduction"}
        | REPORT,
    ),
    Edit(
        "how many frames of a sample are shown",
        [text(CONFIG, "sample_frames: 6", "sample_frames: 4")],
        {"sample_frames", "sample_responses", "sample_answers"} | REPORT,
    ),
    Edit("a benchmark's name in exhibits", [text(CONFIG, "label: MVBench", "label: MV-Bench")], EXHIBITS),
    Edit(
        "a model's name in exhibits",
        [text(CONFIG, "label: SFT+GRPO+TAR,", "label: With TAR,")],
        {"ablation", "learning", "differences", "reproduction", "training_curves"} | REPORT,
    ),
    # What is downloaded.
    Edit("a source's licence and size", [text("sources.yaml", "license: mit\n", "license: apache-2.0\n")]),
    Edit(
        "a source's revision",
        [text("sources.yaml", "revision: video", "revision: main")],
        slurm=({"fetch_benchmark"} | QUESTIONS) - {"score_temporal_alignment"},
    ),
    # More of something.
    Edit(
        "one benchmark more",
        [
            text(
                CONFIG,
                "  heldout:\n",
                "  more: {label: More, group: generic, adapter: videomme, hub: a/b}\n  heldout:\n",
            )
        ],
        {"generate_benchmark"} | QUESTIONS,
        # One job per benchmark: what is asked about the held-out videos stays as it is.
        ({"fetch_benchmark"} | QUESTIONS) - {"score_temporal_alignment"},
    ),
    Edit(
        "one model more",
        [
            text(
                CONFIG,
                "  # Compared models",
                "  hot: {stage: grpo, start: sft, settings: {temperature: 1.2}}\n  # Compared models",
            )
        ],
        {"train_grpo", "training_curves"} | REPORT,
    ),
    Edit(
        "one evaluation more",
        [
            text(
                CONFIG,
                "  # Controls: what",
                "  short: {model: sft, label: Short, exhibits: [main]}\n  # Controls: what",
            )
        ],
        {"predict", "score_accuracy", "score_tac", "score_temporal_alignment"}
        | {"rescore", "main_accuracy", "learning", "differences", "reproduction"}
        | REPORT,
    ),
    Edit(
        "one seed more",
        [text(CONFIG, "seeds: [0]", "seeds: [0, 1]")],
        SFT - {"sample_responses", "sample_answers"},  # they show the first one
    ),
    # Environments.
    Edit("a package of training", [text("envs/train.post-deploy.sh", "trl==1.16.0", "trl==1.17.0")], BASE, SFT),
    Edit(
        "a package that is installed on machines with a GPU only",
        [text("envs/train.post-deploy.sh", "flash-attn==", "flash-attn==9.")],
        BASE if find_spec("flash_attn") else set(),
        SFT if find_spec("flash_attn") else set(),
    ),
    Edit(
        "a package of scores",
        [text("envs/score.post-deploy.sh", "sentence-transformers==6.2.0", "sentence-transformers==6.3.0")],
        (SCORES - {"score_vas_attention"}) | RESCORE | (EXHIBITS - SHOW_ATTENTION),
    ),
    Edit(
        "a package of exhibits",
        [text("envs/paper.post-deploy.sh", "seaborn==0.13.2", "seaborn==0.13.3")],
        EXHIBITS | {"sample_responses", "training_curves", "rejected"},
    ),
    # Files.
    Edit(
        "a number that becomes the same as another one",
        [text("small.yaml", "attention_questions: 2000", "attention_questions: 0")],
        slurm={"score_vas_attention", "attention_boxplot"} | REPORT,
    ),
    Edit("a data file touched", [touched("results/*/raw/training/video-r2-sft-dataset.json")]),
    Edit("a data file changed", [rewritten("results/*/raw/training/video-r2-sft-dataset.json")], TRAINING_DATA),
    Edit(
        "a data file exchanged for an older one",
        [rewritten("results/*/raw/training/video-r2-sft-dataset.json", later=-9999)],
        TRAINING_DATA,
    ),
    Edit("a sentence model of one's own touched", [touched("sentences/*")]),
    Edit("a sentence model of one's own changed", [rewritten("sentences/*")], slurm=GRPO),
    Edit("a video touched", [touched("results/*/raw/training/videos/*.mp4")]),
    Edit("a video exchanged", [rewritten("results/*/raw/training/videos/*.mp4")], {"index_videos"} | TRAINING_DATA),
    Edit(
        "what a system leaves beside the videos",
        [
            Change(
                "results/*/raw/training/videos/*.mp4", lambda file, name=name: file.with_name(name).write_text("junk")
            )
            for name in (".DS_Store", "._v.mp4", "Thumbs.db")
        ],
    ),
    Edit("a video gone, which has been used", [Change("results/*/raw/training/videos/*.mp4", Path.unlink)]),
    Edit(
        "questions of a benchmark exchanged",
        [rewritten("results/*/raw/benchmarks/mvbench/*.parquet", later=-9999)],
        QUESTIONS,
        QUESTIONS - {"score_temporal_alignment"},
    ),
    Edit("a table gone", [Change("results/*/tables/main_accuracy.md", Path.unlink)], {"main_accuracy"} | REPORT),
    Edit("the report gone", [Change("results/*/report.html", Path.unlink)], REPORT),
    Edit(
        "a prediction changed",
        [rewritten("results/*/predictions/sft/seed-0/mvbench.parquet")],
        # In the miniature, SFT's traces are given for another video, too.
        PREDICTIONS - {"score_temporal_alignment"},
        # In the paper, SFT is a row of the ablation; and all rows are compared.
        slurm={"score_accuracy", "score_tac", "score_vas_judge", "rescore"}
        | {"ablation", "learning", "differences", "reproduction"}
        | REPORT,
    ),
]


@pytest.fixture(scope="module")
def finished(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which both experiments are finished, as far as Snakemake knows."""
    folder = copy_repository(root, tmp_path_factory.mktemp("edits"))
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    (folder / "sentences").mkdir()
    (folder / "sentences/model.safetensors").write_text("weights", encoding="utf-8")
    for results in RESULTS.values():
        # As large as a real one is, at the least: Snakemake passes over the checksums of large files by itself.
        dataset = folder / results / "raw/training/video-r2-sft-dataset.json"
        dataset.parent.mkdir(parents=True)
        dataset.write_bytes(b" " * 3_000_000)
    for arguments in ARGUMENTS.values():
        finish(folder, *arguments)
    with chdir(folder):
        for results in RESULTS.values():
            Path(results, "raw/training/videos/film.mp4").write_text("a video", encoding="utf-8")
            Path(results, "raw/benchmarks/mvbench/test.parquet").write_text("questions", encoding="utf-8")
            for output in Path(results, "raw").glob("*/*"):
                leave_record(output)
    for arguments in ARGUMENTS.values():
        finish(folder, *arguments)  # else those that have a record now would be made anew: it is of another job
    return folder


@pytest.fixture(scope="module")
def dry_runs(finished: Path) -> Iterator[DryRuns]:
    runs = DryRuns(finished, [["all", *arguments] for arguments in ARGUMENTS.values()])
    yield runs
    runs.close()


@pytest.mark.parametrize("profile", ["local", "slurm"])
def test_nothing_runs_where_nothing_was_edited(finished: Path, profile: str) -> None:
    assert "Nothing to be done" in snakemake(finished, "all", *ARGUMENTS[profile], "--dry-run")


def test_nothing_runs_in_a_repository_that_was_moved(finished: Path, dry_runs: DryRuns) -> None:
    moved = finished.rename(finished.with_name("elsewhere"))
    try:
        assert dry_runs.would_run([["all", *arguments] for arguments in ARGUMENTS.values()]) == [set(), set()]
    finally:
        moved.rename(finished)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_runs_what_it_can_change_and_nothing_else(finished: Path, dry_runs: DryRuns, edit: Edit) -> None:
    files = {path for change in edit.changes for path in finished.glob(change.pattern) if path.is_file()}
    assert files
    before = state(files)
    try:
        for change in edit.changes:
            for path in sorted(finished.glob(change.pattern)):
                change.do(path)
        forget = ["video_r2.config", "video_r2.workflow"] if "config.py" in {path.name for path in files} else []
        would_run = dry_runs.would_run([["all", *arguments] for arguments in ARGUMENTS.values()], forget)
        for profile, rules in zip(ARGUMENTS, would_run, strict=True):
            assert rules - TARGETS == edit.must_run(profile), profile
    finally:
        restore(before)


@pytest.mark.parametrize("profile", ARGUMENTS)
@pytest.mark.parametrize("read", ["raw/benchmarks/mvbench", "data/subtitles/mvbench"])
def test_frames_are_drawn_anew_of_new_videos_and_subtitles_whose_questions_came_out_the_same(
    finished: Path, dry_runs: DryRuns, profile: str, read: str
) -> None:
    """As where a run was killed between the two: the questions are newer than the videos, and the frames older."""
    results = finished / RESULTS[profile]
    stamps = [results / read / ".snakemake_timestamp", results / "data/questions/mvbench.parquet"]
    stamps += [results / "data/subtitles/mvbench/.snakemake_timestamp", results / "data/rejected/mvbench.jsonl"]
    before = state(stamps)
    for later, stamp in enumerate(dict.fromkeys(stamps), 5):
        os.utime(stamp, (time.time() + later, time.time() + later))
    (would_run,) = dry_runs.would_run([["all", *ARGUMENTS[profile]]])
    restore(before)
    assert would_run >= {"build_frames", "sample_frames"}
    assert "prepare_benchmark" not in would_run


def test_why_names_every_setting_by_its_path_in_the_configuration(finished: Path) -> None:
    """Whether it is given to a job by itself, in a section, in a list, or put together from several places."""
    keys = {
        "semantics": "reference",
        "evaluation": {"bootstrap": 99},
        "data": {"decoder": "decord"},
        "training": {"sft": {"frames": {"max_frames": 3}}},
        "models": {"grpo": {"settings": {"kl_weight": 0.5}}},
        "benchmarks": {"mlvu": {"adapter": "vsibench"}},
        "evaluations": {"sft": {"label": "Fine-tuned"}},
    }
    given = [f"{key}={json.dumps(value)}" for key, value in keys.items()]
    plan = json.loads(why(finished, *ARGUMENTS["local"], "--json", "--config", *given))
    settings = {cause["what"] for job in plan["jobs"] for cause in job["causes"] if cause["kind"] == "setting"}
    assert settings == {
        "semantics",
        "evaluation.bootstrap",
        "data.decoder",
        "training.sft.frames.max_frames",
        "models.grpo.settings.kl_weight",
        "benchmarks.mlvu.adapter",
        "evaluations.sft.label",
    }


def test_how_the_same_settings_are_given_runs_nothing_again(finished: Path, dry_runs: DryRuns) -> None:
    configured = yaml.safe_load((finished / CONFIG).read_text(encoding="utf-8"))
    (finished / "one.yaml").write_text(yaml.safe_dump({"figures": configured["figures"]}))
    (finished / "other.yaml").write_text(yaml.safe_dump({"semantics": configured["semantics"]}))
    orders = [["one.yaml", "other.yaml"], ["other.yaml", "one.yaml"]]
    would_run = dry_runs.would_run([["all", *ARGUMENTS["local"], "--configfile", *order] for order in orders])
    assert [rules - TARGETS for rules in would_run] == [set(), set()]


def test_why_tells_hundreds_of_jobs_in_a_few_lines(finished: Path) -> None:
    before = state([finished / CONFIG])
    text(CONFIG, "learning_rate: 1.0e-5", "learning_rate: 2.0e-5").do(finished / CONFIG)
    said = why(finished, *ARGUMENTS["slurm"]).splitlines()
    restore(before)
    assert said[:2] == ["training.sft.learning_rate: 1e-05 -> 2e-05", "  train_sft: results/paper/models/sft/seed-0"]
    assert said[2].startswith("  … and ")
    # SFT and the four models of it on three benchmarks, GRPO's three on the held-out videos too, are asked again.
    assert "3 train_grpo" in said[2]
    assert int(said[-1].split()[2]) > 100
    assert len(said) == 5
