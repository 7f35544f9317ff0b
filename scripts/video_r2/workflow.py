"""What the Snakefiles ask for: the configuration of a run, the files that follow from it, and each rule's slice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from video_r2 import code_digest, config, sections
from video_r2.checksums import NotedChecksums
from video_r2.data.benchmark_columns import ADAPTERS
from video_r2.data.sources import FIRST, Source, Sources, merge_records
from video_r2.errors import UserError
from video_r2.files import files_below, is_of_the_system, read_yaml
from video_r2.packages import named_versions, used_version
from video_r2.provenance.record import exchanged
from video_r2.rewards.sentence_models import PACKAGED, is_packaged
from video_r2.site import read_site
from video_r2.state import digest_of

PROMPTS = Path("video_r2", "judge", "prompts")
WORDED_BY = {"no_claims": "without_claims", "other_trace": "conclusion"}  # of evaluation.controls, by control
# Keys that no record and no archive holds: they may tell of a machine.
UNRECORDED = {"judge": {"url", "serve", "cache"}}
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
DRAWING = ("av", "decord", "numpy", "pillow")  # packages that decode videos and draw on frames
JUDGE_MINUTES = 240  # a quarter of an hour until a server of 80B is up, and then some thousand questions


def read_config(paths: Iterable[str | Path], keys: Mapping[str, Any]) -> config.Config:
    """Read `paths`, each laid over those before it, and lay `keys` of the command line over them all.

    Raises:
        UserError: naming every wrong key.
    """
    raw: dict[str, Any] = {}
    sources = []
    for path in paths:
        raw = sections.merge(raw, read_yaml(path))
        sources.append(str(path))
    if keys:
        sources.append("--config")
    settings = config.validate(sections.merge(raw, keys), ", ".join(sources))
    for name, benchmark in settings.benchmarks.items():
        if benchmark.adapter not in ADAPTERS:
            raise UserError(
                f"benchmarks.{name}.adapter: nothing reads {benchmark.adapter!r}; there are {', '.join(ADAPTERS)}",
                file=", ".join(sources),
                cure="see docs/config.md",
            )
    sentences = settings.temporal_alignment.sentence_model
    if not is_packaged(sentences) and not Path(sentences).is_dir():
        raise UserError(
            f"temporal_alignment.sentence_model: there is no folder {sentences!r}, and jobs download nothing",
            file=", ".join(sources),
            cure=f"download it (hf download {sentences} --local-dir FOLDER) and name the folder, or take {PACKAGED}",
        )
    return settings


class Plan:
    """The files of an experiment and the slices of its configuration.

    Args:
        settings: the whole configuration.
        scripts: folder of the rules' scripts and of the library.
        own_environments: whether each job runs in the environment that its rule names, and not in Snakemake's.
    """

    def __init__(self, settings: config.Config, scripts: Path, own_environments: bool = False) -> None:
        self.config = settings
        self.scripts = scripts
        self.own_environments = own_environments
        self.results = f"results/{settings.experiment}"
        self.states = f"{self.results}/state"
        self._checksums = NotedChecksums(Path(self.results, "cache", "digests"))
        self._exchanges: dict[str, dict[str, str]] = {}
        self._digests = code_digest.KnownDigests(scripts, Path(".snakemake/code_digests.json"))
        drawing = partial(code_digest.digest_of_function, "video_r2.data.frames", "build_clip", scripts)
        self._digest_of_drawing = self._digests.want("function build_clip", drawing)

    # --- code and configuration ---------------------------------------------------------------------------------------

    def code(self, script: str) -> Callable[[Any], str]:
        """Digest of what scripts/<script>.py means, for a rule's params: computed where the rule has a job, and once."""
        compute = partial(code_digest.digest, self.scripts / f"{script}.py", self.scripts)
        digest = self._digests.want(f"script {script}", compute)
        return lambda wildcards: digest()

    def environment(self, name: str) -> dict[str, str]:
        """Versions of the packages that envs/<name>.yaml and .in name, for a rule's params: not what these bring with them.

        Where jobs run in Snakemake's environment, and that has another version, it is that which counts.
        """
        named = named_versions(self.scripts.parent / "envs" / name)
        return (
            dict(named)
            if self.own_environments
            else {package: used_version(package, named[package]) for package in named}
        )

    def frame_cache(self, wildcards: Any = None, input: Any = None) -> str:
        """Folder of the clips that this code, and these versions of its packages, decode and draw.

        Not compared, as `judge_service` is not: a clip of other code that is the same is no reason to train again.
        """
        return f"{self.results}/cache/frames/{self._drawn_by}"

    @cached_property
    def _drawn_by(self) -> str:
        code = self._digest_of_drawing()
        versions = self.environment("data")
        return code_digest.digest_of({"code": code, **{name: versions[name] for name in DRAWING}})

    def captions(self) -> dict[str, str]:
        """Digest of each text of the report, for the params of the rule that writes it."""
        texts = sorted((self.scripts.parent / "workflow" / "report").glob("*.rst"))
        return {path.stem: _digest(path) for path in texts}

    def configuration(self, wildcards: Any, input: Any) -> dict[str, Any]:
        """The whole configuration, for the record of the report: what the run was. Not compared, as `judge_service` is not."""
        return self.config.model_dump(mode="json", exclude=UNRECORDED)

    def section(self, path: str, *keys: str) -> Any:
        """The part of the configuration at `path` ("data.overlay") as plain values; of a section, `keys` or all."""
        at: Any = self.config
        for key in path.split("."):
            at = getattr(at, key)
        if not isinstance(at, sections.Section):
            return at
        return sections.Part(at.model_dump(mode="json", include=set(keys) or None), path)

    # --- raw data -----------------------------------------------------------------------------------------------------

    def exchanged(self, *patterns: str) -> Callable[[Any], dict[str, dict[str, str]]]:
        """What of the raw data is no longer what was fetched or generated, for the params of a rule that reads it.

        Snakemake goes by the time of a file, and does not look into folders.

        Args:
            patterns: of outputs below results/<experiment>/raw.
        """
        return lambda wildcards: self._exchanged(patterns)

    def exchanged_benchmarks(self, wildcards: Any) -> dict[str, dict[str, str]]:
        """The same for the benchmarks that a job is about; held-out questions are about videos of the training data."""
        return self._exchanged_in(self.raw_videos(wildcards))

    def _exchanged(self, patterns: Iterable[str]) -> dict[str, dict[str, str]]:
        return self._exchanged_in(path for pattern in patterns for path in Path(self.results, "raw").glob(pattern))

    def _exchanged_in(self, outputs: Iterable[str | Path]) -> dict[str, dict[str, str]]:
        named = sorted({str(path) for path in outputs})
        return {Path(path).name: files for path in named if (files := self._exchanged_of(path))}

    def _exchanged_of(self, output: str) -> dict[str, str]:
        if output not in self._exchanges:
            self._exchanges[output] = exchanged(output, self._checksums)
        return self._exchanges[output]

    # --- the judge ----------------------------------------------------------------------------------------------------

    def judge(self) -> dict[str, Any]:
        """Who judges: what of the judge's settings a result depends on."""
        kind = self.config.judge.kind
        if kind == "rules":
            return {"kind": kind}
        who = {"kind": "llm" if self.config.semantics == "reference" else kind, "model": self.config.judge.model}
        return who if self._judge_version is None else {**who, "version": self._judge_version}

    @cached_property
    def _judge_version(self) -> str | None:
        """Which of the judge's models jobs serve, if it is not the first that was fetched, whose name says enough."""
        folder = Path(self.config.judge.model)
        if self.config.judge.serve is not None and folder.is_dir():
            # 160 GB are not read for a plan: what files there are, how large, and since when.
            files = ((file.relative_to(folder), file.stat()) for file in files_below(folder))
            return digest_of(
                [(str(name), of.st_size, of.st_mtime_ns) for name, of in files if not is_of_the_system(name)]
            )
        source = self.judge_source
        order = FIRST if source is None else self.order(source)
        return None if order == FIRST else order

    def judge_service(self, wildcards: Any, input: Any) -> dict[str, Any]:
        """How the judge's server is reached or started, where its answers and logs are kept: nothing that a result depends on.

        Snakemake compares no parameters of a function that takes `input`, which is not used: to wait longer for a server is
        no reason to train again.
        """
        judge = self.config.judge
        return {
            **judge.model_dump(mode="json", exclude={"kind", "model"}),
            "cache": judge.cache or f"{self.results}/cache/judge.sqlite",
            "logs": f"{self.results}/logs/judge_server",
            "weights": next(iter(self.judge_weights()), None),
        }

    def judge_resources(self) -> dict[str, Any]:
        """What a job of scores asks for: requests to a judge's server, or what it starts one of its own on."""
        judge = self.config.judge
        if judge.kind == "rules":
            return {}
        if judge.serve is None:
            return {"judge_requests": judge.concurrency}
        site = read_site()
        return {
            "gpu": judge.serve.gpus,
            "mem_mb": twice_when_again(judge.serve.memory, site.node_memory),
            "cpus_per_task": judge.serve.cores,
            "runtime": site.minutes(JUDGE_MINUTES),
            **(site.gpus if judge.serve.gpus else {}),
        }

    def judge_weights(self, wildcards: Any = None) -> list[str]:
        """Folder of the judge's model, for the jobs that start a server of it; none where nothing is downloaded for one."""
        return [] if self.judge_source is None else [self.judge_folder]

    def reward_weights(self, wildcards: Any) -> list[str]:
        """The same for a model's training, if its rewards ask the judge's model."""
        return self.judge_weights() if self.reward_prompts(wildcards) else []

    def judge_prompts(self, *names: str) -> dict[str, str]:
        """Digest of each of these prompts, for the params of a rule that has a model judge by them."""
        if self.config.judge.kind == "rules":
            return {}
        return {name: _digest(self.scripts / PROMPTS / f"{name}.md") for name in names}

    def reward_prompts(self, wildcards: Any) -> dict[str, str]:
        """Digests of the prompts that the rewards of a model's training ask by."""
        rewards = self.training(wildcards.model)["rewards"]
        if not rewards["temporal_alignment"]:
            return {}
        gate = "consistency" if self.config.semantics == "corrected" else "consistency_released"
        return self.judge_prompts("claims", *([gate] if rewards["gate"] else []))

    def reward_judge(self, wildcards: Any) -> dict[str, Any]:
        """Who judges in a model's training; which model does not matter where it is asked nothing."""
        return self.judge() if self._is_aligned(wildcards.model) else {"kind": self.judge()["kind"]}

    def reward_alignment(self, wildcards: Any) -> dict[str, Any]:
        """The temporal alignment's settings, where a model's training measures it."""
        settings: dict[str, Any] = self.section("temporal_alignment")
        return settings if self._is_aligned(wildcards.model) else {}

    def sentence_model(self, wildcards: Any = None) -> list[str]:
        """The files of the sentence model, where it is a folder of one's own, for the jobs that measure alignment."""
        name = self.config.temporal_alignment.sentence_model
        files = () if is_packaged(name) else files_below(Path(name))
        return [str(file) for file in files if not is_of_the_system(file.relative_to(name))]

    def reward_sentence_model(self, wildcards: Any) -> list[str]:
        """The same for a model's training, if it measures alignment."""
        return self.sentence_model() if self._is_aligned(wildcards.model) else []

    def _is_aligned(self, model: str) -> bool:
        """Whether a training measures temporal alignment: as its reward, or for its curves where that costs nothing."""
        return bool(self.training(model)["rewards"]["temporal_alignment"]) or self.judge()["kind"] == "rules"

    # --- sources ------------------------------------------------------------------------------------------------------

    @cached_property
    def sources(self) -> Sources:
        """What is downloaded, and what was."""
        return Sources(self.scripts.parent, self.results)

    @property
    def hub_cache(self) -> str:
        """Folder that keeps downloads."""
        return f"{self.results}/cache/hub"

    def dataset_source(self) -> Source:
        """The training data on the hub."""
        return self.sources.source(self.config.data.dataset, "dataset", self.config.data.revision)

    def benchmark_source(self, name: str) -> Source:
        """A benchmark on the hub."""
        entry = self.config.benchmarks[name]
        if entry.hub is None:
            raise UserError(f"benchmark {name!r} has no hub id", cure=f"set benchmarks.{name}.hub")
        return self.sources.source(entry.hub, "dataset", entry.revision)

    def model_source(self, name: str) -> Source:
        """A checkpoint on the hub."""
        entry = self.config.models[name]
        if entry.hub is None:
            raise UserError(f"model {name!r} has no hub id", cure=f"set models.{name}.hub")
        return self.sources.source(entry.hub, "model", entry.revision, code=entry.backend.trust_remote_code)

    @property
    def judge_folder(self) -> str:
        """Where the judge's model lies that jobs serve."""
        return f"{self.results}/raw/judge"

    @cached_property
    def judge_source(self) -> Source | None:
        """The judge's model on the hub, where jobs start a server of it by its name.

        None where rules judge, a server is at an address, its command names what it serves by itself, or the model is a folder.
        """
        judge = self.config.judge
        if judge.kind == "rules" or judge.serve is None or not any("{model}" in word for word in judge.serve.command):
            return None
        if not HUB_ID.fullmatch(judge.model) or Path(judge.model).is_dir():
            return None
        return self.sources.source(judge.model, "model", None)

    def judge_fetched(self, wildcards: Any = None) -> Source:
        """The same, for the rule that fetches it."""
        source = self.judge_source
        if source is None:
            raise UserError(f"no job serves the judge's model {self.config.judge.model!r}", cure="set judge.serve")
        return source

    def all_sources(self) -> list[Source]:
        """Everything that the experiment may download, each once."""
        found = [self.model_source(name) for name in self.models("hub")]
        judge = self.judge_source
        found += [] if judge is None else [judge]
        if self.config.data.source == "hub":
            papers = [name for name, entry in self.config.benchmarks.items() if entry.group in ("generic", "reasoning")]
            found = [self.dataset_source(), *map(self.benchmark_source, papers), *found]
        return list({source.key: source for source in found}.values())

    def order(self, source: Source) -> str:
        """What makes a fetch run again when the lock says something else (`data.sources.Sources.order`)."""
        return self.sources.order(source)

    def keep(self, source: Source) -> dict[str, str]:
        """Where a fetch keeps what it has, and finds the lock: nothing that its result depends on.

        For parameters that Snakemake does not compare, as `judge_service` is not.
        """
        return {
            "cache": self.hub_cache,
            "lock": str(self.sources.lock_file),
            "record": str(self.sources.record_file(source)),
        }

    def lock_sources(self) -> None:
        """Add what was fetched to the lock of sources."""
        for key in merge_records(self.sources.lock_file, [self.sources.records]):
            print(f"{self.sources.lock_file.name}: {key} is new; commit the file")

    # --- training that goes on ----------------------------------------------------------------------------------------

    def upkeep(self, wildcards: Any, input: Any) -> dict[str, Any]:
        """Where and how often a training saves its state, when it stops by itself, and what it computes on.

        Nothing that a result depends on. Not compared, as `judge_service` is not.
        """
        settings = self.section("training", "resumption", "guards", "devices")
        return {**settings, "folder": self.state(wildcards, input)}

    def state(self, wildcards: Any, input: Any) -> str:
        """Folder for what jobs keep to go on from. Not compared, as `judge_service` is not."""
        return self.states

    def processes(self, wildcards: Any, input: Any) -> int | None:
        """Processes that share a job's questions out. Not compared, as `judge_service` is not."""
        return self.config.evaluation.processes

    # --- entries ------------------------------------------------------------------------------------------------------

    def training(self, name: str) -> sections.Part:
        """Settings of the stage that makes a model, with the model's own over them."""
        settings = self.config.settings_of(name)
        if settings is None:
            raise UserError(f"model {name!r} is downloaded, so that there are no settings of a training stage")
        entry = self.config.models[name]
        own = (f"models.{name}.settings", entry.settings)
        return sections.Part(settings.model_dump(mode="json"), f"training.{entry.stage}", own)

    def training_frames(self) -> list[dict[str, Any]]:
        """The ways in which the training stages sample frames, each once."""
        settings = [self.training(name) for name in self.models("base", "sft", "grpo")]
        trained = [sections.Part(each["frames"], each.path_to("frames")) for each in settings]
        return [frames for at, frames in enumerate(trained) if frames not in trained[:at]]

    def evaluation(self, name: str) -> dict[str, Any]:
        """The entry of an evaluation, with its decoding complete."""
        entry = self.config.evaluations[name]
        decoding = sections.Part(
            self.config.decoding_of(name).model_dump(mode="json"),
            "evaluation.decoding",
            (f"evaluations.{name}.decoding", entry.decoding),
        )
        return sections.Part(entry.model_dump(mode="json") | {"decoding": decoding}, f"evaluations.{name}")

    def asked(self, name: str) -> dict[str, Any]:
        """What of an evaluation its answers depend on; how it is shown is left out."""
        shown = {"family", "exhibits", "components"}
        entry = self.evaluation(name)
        kept = {key: value for key, value in entry.items() if key not in shown} | {"label": name}
        return sections.Part(kept, f"evaluations.{name}")

    def backend(self, evaluation: str) -> dict[str, Any]:
        """What the model of an evaluation is asked by."""
        model = self.config.evaluations[evaluation].model
        return sections.Part(self.config.models[model].backend.model_dump(mode="json"), f"models.{model}.backend")

    def prompts(self, evaluation: str) -> dict[str, Any]:
        """Wording of an evaluation's questions: what its way of asking needs."""
        other = "direct" if self.config.evaluations[evaluation].prompt == "think" else "think"
        worded: dict[str, Any] = self.config.prompts_of(evaluation).model_dump(mode="json")
        needed = {key: value for key, value in worded.items() if not key.startswith(other)}
        own = (f"evaluations.{evaluation}.prompts", self.config.evaluations[evaluation].prompts)
        return sections.Part(needed, "prompts", own)

    def benchmark(self, name: str) -> dict[str, Any]:
        """What of a benchmark its questions and answers depend on; its name in the exhibits is left out."""
        entry = self.config.benchmarks[name].model_dump(mode="json", exclude={"questions"})
        return sections.Part(entry | {"label": name}, f"benchmarks.{name}")

    def asked_overlay(self) -> dict[str, Any]:
        """What is drawn on the frames that models are asked about; nothing where nothing is."""
        overlay: dict[str, Any] = self.section("data.overlay")
        return overlay if self.config.evaluation.frames.overlay else {}

    def asked_data(self) -> dict[str, Any]:
        """How these frames are decoded and drawn on."""
        return sections.Part({"overlay": self.asked_overlay(), "decoder": self.config.data.decoder}, "data")

    def published_size(self, wildcards: Any, input: Any) -> int | None:
        """How many questions a downloaded benchmark should have; a generated one has as many as its world says.

        Not compared, as `judge_service` is not: whoever reads another number is warned, no more.
        """
        return self.config.benchmarks[wildcards.benchmark].questions if self.config.data.source == "hub" else None

    def max_rejected(self, wildcards: Any, input: Any) -> float:
        """The share of records that may be set aside before a job stops. Not compared, as `judge_service` is not."""
        return self.config.data.max_rejected

    def controls(self, evaluation: str) -> dict[str, Any]:
        """Wording of the beginnings that a control gives to responses; nothing for what begins by itself."""
        used = WORDED_BY.get(self.config.evaluations[evaluation].control)
        return self.section("evaluation.controls", used) if used else {}

    def benchmarks(self, *groups: str) -> list[str]:
        """Names of the benchmarks of `groups`, or of all, in the order of the configuration."""
        return [name for name, entry in self.config.benchmarks.items() if not groups or entry.group in groups]

    def models(self, *stages: str) -> list[str]:
        """Names of the models that `stages` make, or of all."""
        return [name for name, entry in self.config.models.items() if not stages or entry.stage in stages]

    def evaluations(self, exhibit: str = "") -> list[str]:
        """Names of the evaluations that `exhibit` shows, or of all."""
        return [name for name, entry in self.config.evaluations.items() if not exhibit or exhibit in entry.exhibits]

    def shown_benchmarks(self) -> dict[str, dict[str, Any]]:
        """The entries of the benchmarks; how many questions they were published with is no part of any exhibit."""
        entries = self.config.benchmarks.items()
        return {
            name: sections.Part(entry.model_dump(mode="json", exclude={"questions"}), f"benchmarks.{name}")
            for name, entry in entries
        }

    def adapters(self) -> dict[str, str]:
        """The reader of each benchmark."""
        readers = {name: entry.adapter for name, entry in self.config.benchmarks.items()}
        return sections.Part(readers, "", places={name: f"benchmarks.{name}.adapter" for name in readers})

    def rows(self, exhibit: str = "") -> dict[str, dict[str, Any]]:
        """The entries of the evaluations that `exhibit` shows, or of all.

        Of the exhibits that show a row only this one stands there; of all rows, whether the ablation does, by whose
        components claims find their rows.
        """
        return {name: self._row(name, exhibit or "ablation") for name in self.evaluations(exhibit)}

    def _row(self, name: str, exhibit: str) -> dict[str, Any]:
        entry = self.evaluation(name)
        shown = {"exhibits": [exhibit] if exhibit in entry["exhibits"] else []}
        plain: dict[str, Any] = {} if "ablation" in shown["exhibits"] else {"components": []}
        return sections.Part(entry | shown | plain, f"evaluations.{name}")

    def uncontrolled_rows(self) -> dict[str, dict[str, Any]]:
        """The entries of the evaluations that nothing is taken away from."""
        return {name: entry for name, entry in self.rows().items() if entry["control"] == "none"}

    def labels(self) -> dict[str, str]:
        """Names of the models in figures: those of the first greedy evaluation that asks for a trace."""
        first: dict[str, str] = {}
        for name, entry in self.config.evaluations.items():
            if entry.prompt == "think" and entry.control == "none" and not self.config.decoding_of(name).temperature:
                first.setdefault(entry.model, name)
        labels = {model: self.config.evaluations[name].label for model, name in first.items()}
        return sections.Part(labels, "", places={model: f"evaluations.{name}.label" for model, name in first.items()})

    # --- files --------------------------------------------------------------------------------------------------------

    @property
    def share(self) -> str:
        """What a job is about, in the names of files: its benchmark, or all of them."""
        return "{benchmark}" if self.config.evaluation.jobs == "per_benchmark" else "all"

    def per_job(self, pattern: str) -> str | list[str]:
        """The file of the benchmark that a job is about, or, where a job is about all of them, the file of each."""
        if self.config.evaluation.jobs == "per_benchmark":
            return pattern
        return [pattern.replace("{benchmark}", name) for name in self.benchmarks()]

    def benchmarks_of(self, wildcards: Any) -> dict[str, dict[str, Any]]:
        """The entries of the benchmarks that a job is about."""
        names = [wildcards.benchmark] if hasattr(wildcards, "benchmark") else self.benchmarks()
        return {name: self.benchmark(name) for name in names}

    def checkpoint(self, model: str, seed: int | str) -> str:
        """Folder of a model; `seed` is the run's."""
        return f"{self.results}/models/{model}/seed-{self.config.model_seed(model, int(seed))}"

    # --- input functions ----------------------------------------------------------------------------------------------

    def raw_benchmark(self, wildcards: Any) -> str:
        """Where a benchmark's questions come from: its own folder, or conversations that nothing is trained on."""
        group = self.config.benchmarks[wildcards.benchmark].group
        if _is_about_training(group):
            return f"{self.results}/data/{group}.jsonl"
        return f"{self.results}/raw/benchmarks/{wildcards.benchmark}"

    def raw_videos(self, wildcards: Any) -> list[str]:
        """The folders of the videos that a job's questions are about."""
        groups = {name: entry["group"] for name, entry in self.benchmarks_of(wildcards).items()}
        below = (
            "training/videos" if _is_about_training(group) else f"benchmarks/{name}" for name, group in groups.items()
        )
        return _unique(f"{self.results}/raw/{folder}" for folder in below)

    def start(self, wildcards: Any) -> str:
        """The checkpoint that a model's training starts from."""
        start = self.config.models[wildcards.model].start
        if start is None:
            raise UserError(f"model {wildcards.model!r} starts from nothing")
        return self.checkpoint(start, wildcards.seed)

    def training_rows(self, wildcards: Any) -> str:
        """The rows that a model is trained on: its own choice, or its stage's."""
        entry = self.config.models[wildcards.model]
        return f"{self.results}/data/{entry.dataset or entry.stage}.jsonl"

    def asked_model(self, wildcards: Any) -> str:
        """The checkpoint that an evaluation asks."""
        return self.checkpoint(self.config.evaluations[wildcards.evaluation].model, wildcards.seed)

    def given_traces(self, wildcards: Any) -> list[str]:
        """The predictions whose traces an evaluation is given, if it is given any."""
        source = self.config.evaluations[wildcards.evaluation].trace_from
        if source is None:
            return []
        folder = f"{self.results}/predictions/{source}/seed-{wildcards.seed}"
        return [f"{folder}/{benchmark}.parquet" for benchmark in self.benchmarks_of(wildcards)]

    def given_instruction(self, wildcards: Any) -> list[str]:
        """The training set that the instruction to think is taken from, where the configuration has none."""
        is_direct = self.config.evaluations[wildcards.evaluation].prompt == "direct"
        has_one = is_direct or self.config.prompts_of(wildcards.evaluation).think
        return [] if has_one else [f"{self.results}/data/sft.jsonl"]

    # --- lists of files -----------------------------------------------------------------------------------------------

    def checkpoints(self, *stages: str) -> list[str]:
        """Folders of every model that `stages` make, or of all, for every seed."""
        return _unique(self.checkpoint(model, seed) for model in self.models(*stages) for seed in self.config.seeds)

    def seeds(self, evaluation: str) -> list[int]:
        """Seeds of an evaluation: one where neither training nor sampling would make another differ."""
        sampled = self.config.decoding_of(evaluation).temperature > 0
        model = self.config.evaluations[evaluation].model
        seeds = self.config.seeds if sampled else [self.config.model_seed(model, seed) for seed in self.config.seeds]
        return list(dict.fromkeys(seeds))

    def predictions(self, evaluations: Iterable[str], benchmarks: Iterable[str], first_seed: bool = False) -> list[str]:
        """Files of predictions, for every seed or for the first alone."""
        return self._answers("predictions", evaluations, benchmarks, "parquet", first_seed)

    def scored_predictions(self, metric: str, evaluations: Iterable[str], benchmarks: Iterable[str]) -> list[str]:
        """Files of the predictions that a metric measures, for every seed."""
        return self.predictions([name for name in evaluations if self._measures(metric, name)], benchmarks)

    def scores(
        self,
        metrics: Iterable[str],
        evaluations: Iterable[str],
        benchmarks: Iterable[str],
        suffix: str = "parquet",
        first_seed: bool = False,
    ) -> list[str]:
        """Files of scores, for every seed or for the first alone; none where a metric has nothing to measure."""
        files = []
        for metric in metrics:
            measured = [name for name in evaluations if self._measures(metric, name)]
            files += self._answers(f"scores/{metric}", measured, benchmarks, suffix, first_seed)
        return files

    def _measures(self, metric: str, evaluation: str) -> bool:
        entry = self.config.evaluations[evaluation]
        return metric == "accuracy" or (entry.prompt == "think" and entry.control == "none")

    def _answers(
        self, below: str, evaluations: Iterable[str], benchmarks: Iterable[str], suffix: str, first_seed: bool
    ) -> list[str]:
        names = list(benchmarks)
        return [
            f"{self.results}/{below}/{evaluation}/seed-{seed}/{benchmark}.{suffix}"
            for evaluation in evaluations
            for seed in self.seeds(evaluation)[: 1 if first_seed else None]
            for benchmark in names
        ]


def twice_when_again(megabytes: int, most: int | None = None) -> Callable[[Any, int], int]:
    """Memory of a job with GPUs, for a rule's resources: it may come again because it was killed for its memory.

    It also comes again when its time was up, so that what it asks for must stay within what nodes have.

    Args:
        most: what they have, where that is known.
    """
    return lambda wildcards, attempt: min(megabytes * min(attempt, 2), most or megabytes * 2)


def _is_about_training(group: str) -> bool:
    """Whether a benchmark's questions are about videos of the training data."""
    return group in ("heldout", "validation")


def one_of(names: Iterable[str]) -> str:
    """A pattern for a wildcard that is one of `names`, and that matches nothing where there are none."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
