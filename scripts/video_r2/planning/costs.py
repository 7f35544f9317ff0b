"""Seconds and bytes that a job of the paper is going to take, from its parameters: a model, for want of a measurement.

Multiplications and additions are counted (two for each weight and token), and divided by what a GPU can do of them times the
share that is reached; a token that is written reads every weight once. docs/cluster.md has the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from video_r2.judge import gpus_of_server
from video_r2.planning.assumptions import Assumptions, Questions

SHORT, LONG = 2, 4  # bytes of bfloat16 and float32


@dataclass(frozen=True)
class Job:
    """A job as the model sees it.

    Args:
        rule: name of its rule.
        params: its parameters.
        inputs: its input files.
        wildcards: what its files are of.
        gpus: how many it asks for.
        threads: how many it has.
    """

    rule: str
    params: Any
    inputs: Sequence[str]
    wildcards: Mapping[str, str]
    gpus: int
    threads: int


@dataclass(frozen=True)
class Cost:
    """What a job takes.

    Args:
        seconds: from its begin to its end.
        kept: bytes that stay; of what is downloaded, archives as they came and what was in them.
        passing: bytes that it needs besides, while it runs.
        alike: what it has in common with the jobs of its rule whose measured times tell about its own.
    """

    seconds: float
    kept: float = 0.0
    passing: float = 0.0
    alike: str = ""


class Costs:
    """The model.

    Args:
        assumed: its figures.
        gpu: kind of GPU, of `assumed`.
        results: the experiment's folder; what is there of its data is counted, and not assumed.
        benchmarks: by name, the reader of each.
        sizes: bytes to download, by hub id, as far as they are known.
    """

    def __init__(
        self,
        assumed: Assumptions,
        gpu: str,
        results: Path,
        benchmarks: Mapping[str, str],
        sizes: Mapping[str, float],
    ) -> None:
        self._assumed = assumed
        self._sizes = sizes
        self._results = results
        self._adapters = benchmarks
        self._flops = assumed.gpus[gpu].tflops * 1e12
        self._bandwidth = assumed.gpus[gpu].bandwidth * 1e9
        self._of: dict[str, Callable[[Job], Cost]] = {
            "fetch_dataset": self._fetch_dataset,
            "fetch_benchmark": self._fetch_benchmark,
            "fetch_model": self._fetch_model,
            "fetch_judge": self._fetch_judge,
            "index_videos": self._index_videos,
            "build_training_frames": self._build_training_frames,
            "build_frames": self._build_frames,
            "train_sft": self._train_sft,
            "train_grpo": self._train_grpo,
            "predict": self._predict,
            "score_vas_attention": self._score_vas_attention,
            "score_tac": self._judged,
            "score_vas_judge": self._judged,
            "score_temporal_alignment": self._judged,
        }

    def of(self, job: Job) -> Cost:
        """What a job is going to take."""
        return self._of[job.rule](job) if job.rule in self._of else Cost(self._assumed.machine.other_job)

    # --- data ---------------------------------------------------------------------------------------------------------

    def _fetch_dataset(self, job: Job) -> Cost:
        return self._fetched_videos(job, sum(of.videos * of.seconds for of in self._assumed.training_sets.values()))

    def _fetch_benchmark(self, job: Job) -> Cost:
        of = self._benchmark(job.wildcards["benchmark"])
        return self._fetched_videos(job, of.videos * of.seconds)

    def _fetched_videos(self, job: Job, seconds: float) -> Cost:
        """Of so many seconds of video. Its archives stay in cache/hub beside what they held, so that both are there."""
        return self._fetched(job, seconds * self._assumed.machine.video * 1e6, copies=2)

    def _fetch_model(self, job: Job) -> Cost:
        return self._fetched(job, self._weights * SHORT, copies=1)

    def _fetched(self, job: Job, assumed: float, copies: int) -> Cost:
        size = self._sizes.get(job.params.source["hub"], assumed)
        return Cost(size / (self._assumed.machine.download * 1e6), kept=copies * size)

    def _fetch_judge(self, job: Job) -> Cost:
        return self._fetched(job, self._assumed.model.judge_weights * SHORT, copies=1)

    def _index_videos(self, job: Job) -> Cost:
        sets = self._assumed.training_sets.values()
        return Cost(self._decoding(sum(of.videos * of.seconds for of in sets), job.threads))

    def _build_training_frames(self, job: Job) -> Cost:
        sets = self._assumed.training_sets.values()
        return self._frames(job, [(of.videos, of.seconds) for of in sets])

    def _build_frames(self, job: Job) -> Cost:
        asked = [self._benchmark(Path(path).stem) for path in job.inputs if path.endswith(".parquet")]
        return self._frames(job, [(of.videos, of.seconds) for of in asked])

    def _frames(self, job: Job, videos: Sequence[tuple[float, float]]) -> Cost:
        """Of sets of so many videos of so many seconds, sampled in all the ways that a job is given."""
        size = sum(
            number * sampled(frames, seconds) * frames["max_pixels"] * self._assumed.machine.frame_bytes_per_pixel
            for frames in job.params.frames
            for number, seconds in videos
        )
        seconds = sum(number * seconds for number, seconds in videos)
        return Cost(self._decoding(seconds * len(job.params.frames), job.threads), kept=size)

    def _decoding(self, seconds: float, threads: int) -> float:
        return seconds / self._assumed.machine.decoding / threads

    # --- training -----------------------------------------------------------------------------------------------------

    def _train_sft(self, job: Job) -> Cost:
        settings = job.params.settings
        of = self._assumed.training_sets["sft"]
        rows = self._rows(job, of.rows) * settings["epochs"]
        if settings["max_steps"] >= 0:
            rows = min(rows, settings["max_steps"] * settings["global_batch"])
        tokens = self._prompt(settings["frames"], of.seconds) + self._assumed.tokens.thought
        # Forward, again forward where activations are not kept, and backward to the activations: only adapters are trained.
        passes = 3 if settings["gradient_checkpointing"] else 2
        learnt = rows * tokens * passes * 2 * self._assumed.model.language_weights
        seconds = learnt / (self._flops * self._assumed.reached.training) / max(job.gpus, 1)
        steps = rows / settings["global_batch"]
        trained = settings["lora"]["r"] * self._assumed.model.lora_weights_per_rank
        return self._trained(job, seconds + steps * self._assumed.machine.step, trained)

    def _train_grpo(self, job: Job) -> Cost:
        settings = job.params.settings
        of = self._assumed.training_sets["grpo"]
        gpus = max(job.gpus - gpus_of_server(job.params), 1)
        prompts = self._rows(job, of.rows) * settings["epochs"]
        if settings["max_steps"] >= 0:
            prompts = min(prompts, settings["max_steps"] * settings["prompts_per_step"])
        response = min(self._assumed.tokens.thought, settings["max_new_tokens"])
        longest = min(response * self._assumed.tokens.longest, settings["max_new_tokens"])
        # Every GPU reads the prompt, and its share of the group's responses.
        own = self._prompt(settings["frames"], of.seconds) + response * settings["group_size"] / gpus
        # The reference model's pass; then forward, again forward, and backward to activations and weights.
        passes = 5 if settings["gradient_checkpointing"] else 4
        learnt = (
            own * passes * 2 * self._assumed.model.language_weights / (self._flops * self._assumed.reached.training)
        )
        seconds = prompts * (self._writing(longest) + learnt)
        steps = prompts / settings["prompts_per_step"]
        return self._trained(job, seconds + steps * self._assumed.machine.step, self._assumed.model.language_weights)

    def _trained(self, job: Job, seconds: float, trained: float) -> Cost:
        """Of so many trained weights: a state has each in float32 with two moments, and of zero2 as it is computed in, too."""
        settings = job.params.settings
        number, sharding = SHORT if settings["bf16"] else LONG, settings["sharding"]
        state = trained * (3 * LONG + (number if sharding == "zero2" else 0))
        checkpoint = self._weights * (LONG if sharding == "none" else number)
        # One more is there while it is written.
        states = state * (job.params.upkeep["resumption"]["keep"] + 1)
        return Cost(self._assumed.machine.start + seconds, kept=checkpoint, passing=states)

    # --- answers ------------------------------------------------------------------------------------------------------

    def _predict(self, job: Job) -> Cost:
        evaluation, shown = job.params.evaluation, job.params.backend["max_frames"]
        frames = {**job.params.frames, **({"max_frames": min(shown, job.params.frames["max_frames"])} if shown else {})}
        seconds = 0.0
        for name, entry in job.params.benchmarks.items():
            of = self._benchmark(name)
            most = entry["max_new_tokens"] or job.params.decoding["max_new_tokens"]
            response = self._assumed.tokens.thought if evaluation["prompt"] == "think" else self._assumed.tokens.direct
            written = self._writing(min(response, most)) / job.params.decoding["batch"]
            read = self._reading(self._prompt(frames, of.seconds))
            seconds += of.questions * (self._assumed.machine.handling + read + written)
        # A trace is some hundred times as long as an answer, and another backend another program.
        alike = f"{evaluation['prompt']} {job.params.backend['kind']}"
        return Cost(self._assumed.machine.start + seconds / max(job.gpus, 1), alike=alike)

    def _score_vas_attention(self, job: Job) -> Cost:
        asked = job.params.attention["attention_questions"]
        seconds = 0.0
        for name in job.params.benchmarks:
            of = self._benchmark(name)
            tokens = self._prompt(job.params.frames, of.seconds) + self._assumed.tokens.thought
            questions = min(asked, of.questions) if asked else of.questions
            seconds += questions * (self._assumed.machine.handling + self._reading(tokens))
        return Cost(self._assumed.machine.start + seconds / max(job.gpus, 1))

    def _judged(self, job: Job) -> Cost:
        """Scores by a judge; what takes long is what a model is asked, and a server of the job's own to begin."""
        seconds = self._assumed.machine.other_job
        if job.params.judge["kind"] != "rules":
            questions = sum(self._benchmark(name).questions for name in job.params.benchmarks)
            seconds += questions * self._assumed.machine.judging
            seconds += self._assumed.machine.judge_start if job.params.judge_service["serve"] else 0.0
        return Cost(seconds)

    # --- parts --------------------------------------------------------------------------------------------------------

    @property
    def _weights(self) -> float:
        return self._assumed.model.language_weights + self._assumed.model.vision_weights

    def _prompt(self, frames: Mapping[str, Any], seconds: float) -> float:
        """Tokens of a prompt on a video."""
        model = self._assumed.model
        pictures = sampled(frames, seconds) * frames["max_pixels"]
        return self._assumed.tokens.text + pictures / (model.frames_per_token * model.pixels_per_token)

    def _reading(self, tokens: float) -> float:
        """Seconds to read a prompt, nearly all of which is video."""
        model = self._assumed.model
        operations = 2 * (model.language_weights + model.patches_per_token * model.vision_weights)
        return tokens * operations / (self._flops * self._assumed.reached.reading)

    def _writing(self, tokens: float) -> float:
        """Seconds to write tokens, one after the other."""
        read = self._assumed.model.language_weights * self._assumed.model.bytes_per_weight
        return tokens * read / (self._bandwidth * self._assumed.reached.writing)

    def _rows(self, job: Job, assumed: float) -> float:
        """Rows of a training set, counted where it is there."""
        sets = [Path(path) for path in job.inputs if path.endswith(".jsonl") and Path(path).exists()]
        return sum(len(path.read_bytes().splitlines()) for path in sets) or assumed

    def _benchmark(self, name: str) -> Questions:
        """What is known of a benchmark: its questions are counted where they are there."""
        assumed = self._assumed.benchmarks[self._adapters[name]]
        table = self._results / "data" / "questions" / f"{name}.parquet"
        if not table.exists():
            return assumed
        return assumed.model_copy(update={"questions": float(pq.read_metadata(table).num_rows)})


def sampled(frames: Mapping[str, Any], seconds: float) -> float:
    """Frames that are taken of a video."""
    return min(frames["max_frames"], frames["fps"] * seconds)
