"""The files of an experiment and the slices of its configuration."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import ResourceList

from video_r2 import config, packages
from video_r2.before_run import is_loopback, require_judge, require_layouts
from video_r2.errors import UserError
from video_r2.planning.assumptions import read_assumptions
from video_r2.sections import merge
from video_r2.workflow import Plan, one_of, read_config

RAW = {
    "experiment": "e",
    "seeds": [3, 4],
    "data": {"source": "generated"},
    "evaluation": {"jobs": "per_benchmark"},
    "models": {
        "base": {"stage": "base", "per_seed": False},
        "sft": {"stage": "sft", "start": "base", "dataset": "sft_clean"},
        "grpo": {"stage": "grpo", "start": "sft", "settings": {"kl_weight": 0.5}},
    },
    "evaluations": {
        "direct": {"model": "base", "label": "Direct", "prompt": "direct", "exhibits": ["main"]},
        "base": {"model": "base", "label": "Base", "exhibits": ["main", "bars"]},
        "sampled": {"model": "base", "label": "Sampled", "decoding": {"temperature": 1.0}},
        "grpo": {"model": "grpo", "label": "GRPO", "exhibits": ["main"]},
        "other": {"model": "grpo", "label": "Other", "control": "other_trace", "trace_from": "grpo"},
    },
    "benchmarks": {
        "one": {"label": "One", "group": "generic", "adapter": "videomme"},
        "two": {"label": "Two", "group": "reasoning", "adapter": "videomme"},
        "held": {"label": "Held", "group": "heldout", "adapter": "conversations"},
    },
}


def plan_of(root: Path, **above: object) -> Plan:
    return Plan(config.validate(merge(RAW, above)), root / "scripts")


@pytest.fixture
def plan(root: Path) -> Plan:
    return plan_of(root)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.1.1:8000/v1", True),
        ("http://127.1:8000/v1", True),
        ("http://0.0.0.0:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://[::]:8000/v1", True),
        ("http://[::ffff:127.0.0.1]:8000/v1", True),
        ("http://judge.localhost/v1", True),
        ("http://judge:8000/v1", False),
        ("http://10.0.0.1:8000/v1", False),
        ("http://127.example.org/v1", False),
    ],
)
def test_an_address_is_told_at_which_every_machine_finds_itself(url: str, own: bool) -> None:
    assert is_loopback(url) == own


def test_the_files_of_a_judges_model_are_its_version(root: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("some")
    judge = {"serve": {"gpus": 1}, "model": str(tmp_path)}
    version = plan_of(root, judge=judge).judge()["version"]
    assert plan_of(root, judge=judge).judge()["version"] == version
    (tmp_path / "weights").write_text("others")
    assert plan_of(root, judge=judge).judge()["version"] != version


def test_a_model_that_no_seed_changes_is_made_once(plan: Plan) -> None:
    assert plan.checkpoints() == [
        "results/e/models/base/seed-3",
        "results/e/models/sft/seed-3",
        "results/e/models/sft/seed-4",
        "results/e/models/grpo/seed-3",
        "results/e/models/grpo/seed-4",
    ]
    assert plan.start(SimpleNamespace(model="sft", seed="4")) == "results/e/models/base/seed-3"
    assert plan.start(SimpleNamespace(model="grpo", seed="4")) == "results/e/models/sft/seed-4"


def test_an_answer_that_no_seed_changes_is_asked_for_once(plan: Plan) -> None:
    assert plan.seeds("base") == [3]
    assert plan.seeds("sampled") == [3, 4]
    assert plan.seeds("grpo") == [3, 4]


def test_files_of_the_first_seed_alone(root: Path) -> None:
    plan = plan_of(root, seeds=[4, 3])
    assert plan.predictions(["base", "grpo"], ["one"], first_seed=True) == [
        "results/e/predictions/base/seed-4/one.parquet",
        "results/e/predictions/grpo/seed-4/one.parquet",
    ]
    assert plan.scores(["tac"], ["direct", "grpo"], ["one"], first_seed=True) == [
        "results/e/scores/tac/grpo/seed-4/one.parquet"
    ]


def test_scores_are_of_what_an_exhibit_shows_and_a_metric_measures(plan: Plan) -> None:
    assert plan.scores(["accuracy", "tac"], plan.evaluations("main"), ["one"]) == [
        "results/e/scores/accuracy/direct/seed-3/one.parquet",
        "results/e/scores/accuracy/base/seed-3/one.parquet",
        "results/e/scores/accuracy/grpo/seed-3/one.parquet",
        "results/e/scores/accuracy/grpo/seed-4/one.parquet",
        "results/e/scores/tac/base/seed-3/one.parquet",
        "results/e/scores/tac/grpo/seed-3/one.parquet",
        "results/e/scores/tac/grpo/seed-4/one.parquet",
    ]


def test_a_job_is_about_one_benchmark_or_all(root: Path, plan: Plan) -> None:
    job = SimpleNamespace(evaluation="other", seed="4", benchmark="two")
    assert plan.per_job("<results>/{benchmark}.x") == "<results>/{benchmark}.x"
    assert list(plan.benchmarks_of(job)) == ["two"]
    assert plan.given_traces(job) == ["results/e/predictions/grpo/seed-4/two.parquet"]

    at_once = plan_of(root, evaluation={"jobs": "per_evaluation"})
    job = SimpleNamespace(evaluation="other", seed="4")
    assert at_once.per_job("<results>/{benchmark}.x") == ["<results>/one.x", "<results>/two.x", "<results>/held.x"]
    assert list(at_once.benchmarks_of(job)) == ["one", "two", "held"]
    assert len(at_once.given_traces(job)) == 3
    assert at_once.given_traces(SimpleNamespace(evaluation="grpo", seed="4")) == []


def test_answers_do_not_depend_on_how_they_are_shown(root: Path, plan: Plan) -> None:
    shown = plan_of(
        root,
        evaluations={"grpo": {"label": "Another name", "exhibits": ["bars"], "family": "non_reasoning"}},
        benchmarks={"one": {"label": "Another name"}},
    )
    assert shown.asked("grpo") == plan.asked("grpo")
    assert shown.benchmark("one") == plan.benchmark("one")
    assert shown.rows("main") != plan.rows("main")


def test_a_model_has_its_stages_settings_and_its_own_over_them(plan: Plan) -> None:
    assert plan.training("grpo")["kl_weight"] == 0.5
    assert plan.training("grpo")["group_size"] == 8
    assert plan.training_rows(SimpleNamespace(model="sft")) == "results/e/data/sft_clean.jsonl"
    assert plan.training_rows(SimpleNamespace(model="grpo")) == "results/e/data/grpo.jsonl"


def test_parts_of_the_configuration_say_by_which_key_a_value_was_set(plan: Plan) -> None:
    training, asked = plan.training("grpo"), plan.asked("sampled")
    assert training.path_to("kl_weight") == "models.grpo.settings.kl_weight"
    assert training.path_to("optimizer", "learning_rate") == "training.grpo.optimizer.learning_rate"
    assert asked.path_to("label") == "evaluations.sampled.label"
    assert asked["decoding"].path_to("temperature") == "evaluations.sampled.decoding.temperature"
    assert asked["decoding"].path_to("max_new_tokens") == "evaluation.decoding.max_new_tokens"
    assert plan.section("data.overlay").path_to("font") == "data.overlay.font"
    assert plan.rows()["base"].path_to("label") == "evaluations.base.label"
    assert plan.benchmarks_of(SimpleNamespace(benchmark="one"))["one"].path_to("adapter") == "benchmarks.one.adapter"


@pytest.mark.parametrize(
    ("rule", "gpus", "above", "refused"),
    [
        ("train_sft", 3, {}, "32 examples cannot be shared out equally among 3 processes"),
        ("train_sft", 16, {}, ""),
        ("train_grpo", 16, {}, "1 prompts of 8 rollouts cannot be shared out equally among 16 processes"),
        ("train_grpo", 8, {}, ""),
        (
            "train_grpo",
            4,
            {"judge": {"url": None, "serve": {"gpus": 4}}},
            "the judge's server takes 4, which leaves it none",
        ),
        ("train_grpo", 8, {"judge": {"url": None, "serve": {"gpus": 4}}}, ""),
        ("predict", 3, {}, ""),
    ],
)
def test_a_training_that_cannot_be_laid_out_is_refused(
    root: Path, rule: str, gpus: int, above: dict, refused: str
) -> None:
    model = {"train_sft": "sft", "train_grpo": "grpo_tar_gate"}.get(rule, "sft")
    job = SimpleNamespace(
        rule=SimpleNamespace(name=rule),
        resources=ResourceList(fromdict={"gpu": gpus}),
        wildcards=SimpleNamespace(model=model),
    )
    plan = Plan(read_config([root / "config.yaml"], above), root / "scripts")
    with pytest.raises(UserError, match=refused) if refused else nullcontext():
        require_layouts(plan, [job])


@pytest.mark.parametrize(
    ("site", "gpus", "above", "refused"),
    [
        # 196 GiB of one GPU, 59 of each of four, 39 of each of eight: the table of docs/training.md.
        (
            "gpu_type: h200",
            1,
            {},
            r"would need about 196\.1 GiB on each of 1 GPU, which have 141\.0 .*cure: training_gpus",
        ),
        ("gpu_type: nvidia_l40s", 4, {}, r"58\.9 GiB on each of 4 GPUs, which have 48\.0"),
        ("gpu_type: nvidia_l40s", 8, {}, ""),
        ("gpu_type: a100", 8, {"training": {"grpo": {"sharding": "none"}}}, r"168\.6 GiB on each of 8 GPUs"),
        ("gpu_type: a100", 4, {}, ""),
        ("gpu_type: another", 1, {}, ""),  # the job looks at its own
        ("{}", 1, {}, ""),
        ("gpu_type: h200", 1, {"models": {"base": {"hub": "Another/One"}}}, ""),  # of a shape that is not known yet
    ],
)
def test_a_training_that_cannot_fit_its_gpus_is_refused_before_the_first_job(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: str, gpus: int, above: dict, refused: str
) -> None:
    (tmp_path / "site.yaml").write_text(site, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    job = SimpleNamespace(
        rule=SimpleNamespace(name="train_grpo"),
        resources=ResourceList(fromdict={"gpu": gpus}),
        wildcards=SimpleNamespace(model="grpo_tar_gate"),
    )
    plan = Plan(read_config([root / "config.yaml"], above), root / "scripts")
    with pytest.raises(UserError, match=refused) if refused else nullcontext():
        require_layouts(plan, [job])


def test_the_shape_of_a_start_that_is_there_counts(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One layer has little beside it: the estimate is that of the files, and not of the table."""
    (tmp_path / "site.yaml").write_text("gpu_type: a100", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    plan = Plan(read_config([root / "config.yaml"], {}), root / "scripts")
    job = SimpleNamespace(
        rule=SimpleNamespace(name="train_grpo"),
        resources=ResourceList(fromdict={"gpu": 1}),
        wildcards=SimpleNamespace(model="grpo"),
    )
    with pytest.raises(UserError, match=r"196\.1 GiB"):
        require_layouts(plan, [job])
    there = Path(plan.checkpoint("base", 0))
    there.mkdir(parents=True)
    known = read_assumptions().shapes["Qwen/Qwen2.5-VL-7B-Instruct"]
    (there / "config.json").write_text(json.dumps({**known, "num_hidden_layers": 1}), encoding="utf-8")
    require_layouts(plan, [job])


@pytest.mark.parametrize(
    ("judge", "prompts", "is_refused"),
    [
        ({}, {"answer": "digest"}, True),  # as config.yaml has it
        ({"url": "http://[::1]:8000/v1"}, {"answer": "digest"}, True),
        ({}, {}, False),  # it asks nothing
        ({"url": "http://node7:8000/v1"}, {"answer": "digest"}, False),
        ({"url": None, "serve": {"gpus": 4}}, {"answer": "digest"}, False),
    ],
)
def test_a_judge_that_no_node_reaches_is_refused(root: Path, judge: dict, prompts: dict, is_refused: bool) -> None:
    plan = Plan(read_config([root / "config.yaml"], {"judge": judge}), root / "scripts")
    job = SimpleNamespace(rule=SimpleNamespace(name="score_tac"), params=SimpleNamespace(judge_prompts=prompts))
    refused = pytest.raises(UserError, match=r"score_tac ask a judge at .*, which is another machine on every node")
    with refused if is_refused else nullcontext():
        require_judge(plan, [job, SimpleNamespace(rule=SimpleNamespace(name="bars"), params=SimpleNamespace())])


@pytest.mark.parametrize(
    ("rule", "extra", "refused"),
    [
        ("train_sft", "--gpus-per-node=h100:8", ""),
        (
            "train_sft",
            "--gpus-per-node 3",
            "on 2 x 3 GPUs: an optimizer step's 32 examples cannot be shared out equally among 6",
        ),
        ("train_grpo", "--gpus-per-node=8", "1 prompts of 8 rollouts cannot be shared out equally among 16 processes"),
    ],
)
def test_gpus_of_several_nodes_are_those_that_sbatch_is_asked_for(
    root: Path, rule: str, extra: str, refused: str
) -> None:
    resources = ResourceList(fromdict={"gpu": 0, "nodes": 2, "slurm_extra": extra})
    model = {"train_sft": "sft", "train_grpo": "grpo_tar_gate"}[rule]
    job = SimpleNamespace(rule=SimpleNamespace(name=rule), resources=resources, wildcards=SimpleNamespace(model=model))
    plan = Plan(read_config([root / "config.yaml"], {}), root / "scripts")
    with pytest.raises(UserError, match=refused) if refused else nullcontext():
        require_layouts(plan, [job])


def test_a_section_can_be_cut_to_the_keys_that_a_rule_uses(plan: Plan) -> None:
    assert plan.section("data", "decoder", "max_rejected") == {"decoder": "decord", "max_rejected": 0.2}
    assert set(plan.section("temporal_alignment")) == set(config.TemporalAlignment.model_fields)


def test_packages_and_captions_are_part_of_what_a_result_depends_on(plan: Plan, root: Path) -> None:
    packages = Plan(plan.config, root / "scripts", own_environments=True).environment("train")
    assert packages["python"] == "3.11"
    assert packages["trl"] == "1.16.0"
    assert packages["flash-attn"] == "2.8.3.post2"
    used = "2.8.3.post2" if find_spec("flash_attn") else "not installed"
    assert plan.environment("predict")["flash-attn"].startswith(used)
    assert "flash-attn" not in plan.environment("score")
    assert "jinja2" not in packages
    assert plan.captions().keys() == {path.stem for path in (root / "workflow/report").glob("*.rst")}


def test_a_package_of_another_version_counts_where_jobs_use_it(
    plan: Plan, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = plan.environment("report")
    assert named["python"] == "3.11"
    assert not [version for version in named.values() if "is installed" in version]
    there = tmp_path / "pygments-2.99.dist-info"
    there.mkdir()
    (there / "METADATA").write_text("Metadata-Version: 2.1\nName: Pygments\nVersion: 2.99+local\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    packages.used_version.cache_clear()
    assert plan.environment("report") == named | {"pygments": f"{named['pygments']} (2.99 is installed)"}
    own = Plan(plan.config, root / "scripts", own_environments=True)
    assert own.environment("report") == named
    packages.used_version.cache_clear()


SERVER = {"url": "http://127.0.0.1:8000/v1", "model": "m"}


@pytest.mark.parametrize(
    ("file", "old", "new", "is_drawn_anew"),
    [
        (
            "scripts/video_r2/data/overlay.py",
            "RED, WHITE, BLACK = (255, 0, 0)",
            "RED, WHITE, BLACK = (0, 255, 0)",
            True,
        ),
        ("scripts/video_r2/data/overlay.py", "max(1, size // 12)", "max(2, size // 12)", True),
        ("envs/data.post-deploy.sh", "pillow==", "pillow==1", True),
        ("scripts/video_r2/data/overlay.py", "# luminance below", "# the luminance below", False),
        ("scripts/video_r2/paper/figures.py", "dpi", "resolution", False),
        ("envs/data.post-deploy.sh", "tqdm==", "tqdm==1", False),
    ],
)
def test_frames_of_other_code_are_other_frames(
    root: Path, tmp_path: Path, file: str, old: str, new: str, is_drawn_anew: bool
) -> None:
    for part in ("scripts", "envs"):
        shutil.copytree(root / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    before = plan_of(root).frame_cache()
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new), encoding="utf-8")
    assert (plan_of(tmp_path).frame_cache() != before) is is_drawn_anew


def test_rules_judge_without_a_model_and_its_prompts(plan: Plan) -> None:
    assert plan.judge() == {"kind": "rules"}
    assert plan.judge_prompts("answer") == {}


def test_a_result_depends_on_who_judges_and_not_on_how_the_server_is_reached(root: Path) -> None:
    plan = plan_of(root, judge=SERVER)
    patient = plan_of(root, judge={**SERVER, "url": "https://elsewhere/v1", "timeout": 600, "retries": 9, "cache": "x"})
    assert plan.judge() == patient.judge() == {"kind": "cascade", "model": "m"}
    assert plan.judge_prompts("answer") == patient.judge_prompts("answer")
    job = SimpleNamespace()
    assert plan.judge_service(job, [])["cache"] == "results/e/cache/judge.sqlite"
    assert (patient.judge_service(job, [])["cache"], patient.judge_service(job, [])["timeout"]) == ("x", 600)
    assert plan.judge() != plan_of(root, judge={**SERVER, "model": "other"}).judge()
    assert {**plan.judge_service(job, []), **plan.judge()} == {
        **plan.section("judge"),
        "cache": "results/e/cache/judge.sqlite",
        "logs": "results/e/logs/judge_server",
        "weights": None,
    }


def test_jobs_of_scores_ask_for_gpus_only_where_each_starts_a_server(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").write_text("gpu_partition: gpu\ngpu_type: h100\nmax_hours: 2\n", encoding="utf-8")
    asking = {**SERVER, "concurrency": 16}
    assert plan_of(root, judge=asking).judge_resources() == {"judge_requests": 16}  # which no cluster knows
    assert plan_of(root, judge={"kind": "rules", "serve": {}}).judge_resources() == {}
    served = plan_of(root, judge={"serve": {"gpus": 2, "memory": 90_000, "cores": 6}, "model": "m"})
    asked = {"gpu": 2, "cpus_per_task": 6, "runtime": 120}
    resources = served.judge_resources()
    memory = resources.pop("mem_mb")
    assert [memory(None, attempt) for attempt in (1, 2, 3)] == [90_000, 180_000, 180_000]
    with (tmp_path / "site.yaml").open("a", encoding="utf-8") as site:
        site.write("node_memory: 100000\n")
    memory = served.judge_resources()["mem_mb"]
    assert [memory(None, attempt) for attempt in (1, 2, 3)] == [90_000, 100_000, 100_000]
    assert resources == {**asked, "slurm_partition": "gpu", "gpu_model": "h100"}
    on_cpus = plan_of(root, judge={"serve": {"gpus": 0, "memory": 90_000, "cores": 6}, "model": "m"})
    assert {**on_cpus.judge_resources(), "mem_mb": 90_000} == {**asked, "mem_mb": 90_000, "gpu": 0}
    # Who judges is the same.
    assert served.judge() == plan_of(root, judge=SERVER).judge()


def test_the_reference_asks_the_model_everything(root: Path) -> None:
    assert plan_of(root, judge=SERVER, semantics="reference").judge() == {"kind": "llm", "model": "m"}
    assert plan_of(root, judge={"kind": "rules"}, semantics="reference").judge() == {"kind": "rules"}
    paper = [root / "config.yaml"]
    assert Plan(read_config(paper, {}), root / "scripts").judge()["kind"] == "cascade"
    assert Plan(read_config(paper, {"semantics": "reference"}), root / "scripts").judge()["kind"] == "llm"


def test_training_depends_on_the_prompts_that_its_rewards_ask_by(root: Path) -> None:
    rewards = {
        "plain": {"temporal_alignment": 0.0, "gate": True},
        "tar": {"temporal_alignment": 1.0},
        "gated": {"temporal_alignment": 1.0, "gate": True},
    }
    models = {
        name: {"stage": "grpo", "start": "sft", "settings": {"rewards": weights}} for name, weights in rewards.items()
    }
    plan = plan_of(root, judge=SERVER, models=models)
    asked = {name: set(plan.reward_prompts(SimpleNamespace(model=name))) for name in models}
    assert asked == {"plain": set(), "tar": {"claims"}, "gated": {"claims", "consistency"}}
    released = plan_of(root, judge=SERVER, models=models, semantics="reference")
    assert set(released.reward_prompts(SimpleNamespace(model="gated"))) == {"claims", "consistency_released"}
    assert plan_of(root, models=models).reward_prompts(SimpleNamespace(model="gated")) == {}


def test_an_adapter_that_does_not_exist_is_refused_before_any_job(root: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("benchmarks:\n  more: {label: More, group: generic, adapter: tempcomposs}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"benchmarks\.more\.adapter: nothing reads 'tempcomposs'; there are mvbench, "):
        read_config([root / "config.yaml", overlay], {})


def test_the_validation_split_is_asked_about_apart(root: Path) -> None:
    split = {"label": "Validation", "group": "validation", "adapter": "conversations"}
    with pytest.raises(UserError, match=r"benchmarks\.split\.group: 'validation' is of a generated world"):
        plan_of(root, benchmarks={"split": split}, data={"source": "hub"}, models={"sft": {"dataset": None}})
    plan = plan_of(root, benchmarks={"split": split}, data={"source": "generated"})
    assert plan.raw_benchmark(SimpleNamespace(benchmark="split")) == "results/e/data/validation.jsonl"
    assert plan.benchmarks("generic", "reasoning") == ["one", "two"]
    assert set(plan.uncontrolled_rows()) == {"direct", "base", "sampled", "grpo"}


def test_held_out_questions_come_from_the_training_data(plan: Plan) -> None:
    assert plan.raw_benchmark(SimpleNamespace(benchmark="held")) == "results/e/data/heldout.jsonl"
    assert plan.raw_benchmark(SimpleNamespace(benchmark="one")) == "results/e/raw/benchmarks/one"


HUB_MODEL = "owner/judge"
SERVE = {"gpus": 1}


@pytest.mark.parametrize(
    ("judge", "fetched"),
    [
        ({"model": HUB_MODEL, "serve": SERVE}, HUB_MODEL),
        ({"model": HUB_MODEL, "url": "http://judge:8000/v1"}, None),
        ({"model": HUB_MODEL, "serve": SERVE, "kind": "rules"}, None),
        ({"model": HUB_MODEL, "serve": {"command": ["run", "{port}"]}}, None),  # names what it serves by itself
        ({"model": "/data/judge", "serve": SERVE}, None),
        ({"model": "scripts/video_r2", "serve": SERVE}, None),  # a folder
    ],
)
def test_the_judges_model_is_a_source_where_jobs_serve_it(root: Path, judge: dict, fetched: str | None) -> None:
    plan = plan_of(root, judge=judge)
    assert [source.hub for source in plan.all_sources()] == ([fetched] if fetched else [])
    folder = "results/e/raw/judge" if fetched else None
    assert plan.judge_weights() == ([folder] if folder else [])
    assert plan.judge_service(SimpleNamespace(), [])["weights"] == folder
    assert plan.judge().get("model", HUB_MODEL) == judge["model"]  # who judges has no other name for it


def test_only_a_training_that_asks_waits_for_the_judges_model(root: Path) -> None:
    rewards = {"rewards": {"temporal_alignment": 1.0}}
    models = {"aligned": {"stage": "grpo", "start": "sft", "settings": rewards}}
    plan = plan_of(root, judge={"model": HUB_MODEL, "serve": SERVE}, models=models)
    assert plan.reward_weights(SimpleNamespace(model="grpo")) == []
    assert plan.reward_weights(SimpleNamespace(model="aligned")) == ["results/e/raw/judge"]


def test_a_sentence_model_that_jobs_would_have_to_download_is_refused(tmp_path: Path) -> None:
    def read(name: str) -> config.Config:
        return read_config([], {"temporal_alignment": {"sentence_model": name}})

    with pytest.raises(UserError, match=r"sentence_model: there is no folder 'owner/name', and jobs download nothing"):
        read("owner/name")
    for name in (str(tmp_path), "all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        assert read(name).temporal_alignment.sentence_model == name


def test_a_pattern_of_no_names_matches_nothing() -> None:
    assert re.fullmatch(one_of(["a.b", "c"]), "a.b")
    assert not re.fullmatch(one_of(["a.b", "c"]), "axb")
    assert not re.match(one_of([]), "")


def test_without_an_instruction_of_its_own_an_evaluation_is_given_the_training_set(root: Path) -> None:
    job = SimpleNamespace(evaluation="base")
    assert plan_of(root).given_instruction(job) == []
    without = {"prompts": {"think": ""}}
    assert plan_of(root, **without).given_instruction(job) == ["results/e/data/sft.jsonl"]
    own = {"evaluations": {"base": {"prompts": {"think": "Think."}}}}
    assert plan_of(root, **without, **own).given_instruction(job) == []
    assert plan_of(root, **without, **own).prompts("base")["think"] == "Think."


def test_what_a_model_is_asked_by_is_a_parameter_and_how_many_processes_is_none(root: Path) -> None:
    changed = {"models": {"base": {"backend": {"kind": "vllm"}}}, "evaluation": {"processes": 3}}
    plan = plan_of(root, **changed)
    assert [plan.backend(name)["kind"] for name in ("base", "direct", "grpo")] == ["vllm", "vllm", "qwen2_5_vl"]
    assert plan.processes(SimpleNamespace(), []) == 3
    assert plan.asked("base") == plan_of(root).asked("base")
