"""A tiny random checkpoint, real videos and prepared questions, made once for the tests of evaluation."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from job_files import named_files
from snakemake.iocontainers import InputFiles, OutputFiles, Params

from video_r2 import config
from video_r2.data.encode import write_video
from video_r2.data.frames import FrameCache
from video_r2.data.questions import items, make_options
from video_r2.data.traces import write_response, write_trace
from video_r2.data.world import Film, make_film
from video_r2.errors import RejectedRecord
from video_r2.model.scratch import make_model, make_processor, make_tokenizer
from video_r2.records import QUESTION, read_table, write_table

SIDE = 56
FRAMES = config.Frames(fps=1.0, max_frames=12, min_pixels=SIDE * SIDE, max_pixels=SIDE * SIDE)
SHAPE = config.ModelShape(
    text_width=64, text_layers=3, text_feedforward=96, vision_width=32, vision_feedforward=64, vocabulary=512
)
BENCHMARKS = {
    "clocks": config.Benchmark(label="Clocks", group="generic", adapter="clocks", max_new_tokens=12),
    "orders": config.Benchmark(label="Orders", group="reasoning", adapter="orders", option_format="({letter}) {text}"),
}
PROMPTS = config.Prompts()


@dataclass(frozen=True)
class World:
    """Where the fixture's files lie: a checkpoint folder, and a table of questions per benchmark."""

    folder: Path
    checkpoint: Path
    questions: dict[str, Path]


def make_questions(film: Film, video: Path, benchmark: str, number: int) -> list[dict[str, object]]:
    """The first few questions that can be asked about a film."""
    rng = random.Random(film.name)
    rows = []
    for at, item in enumerate(rng.sample(items(film), number)):
        options = make_options(item, 4, at, rng)
        rows.append(
            {
                "id": f"{film.name}-{at}",
                "benchmark": benchmark,
                "config": "default",
                "category": item.kind,
                "video": str(video),
                "subtitle": "",
                "question": item.question,
                "options": options,
                "answer_type": "choice",
                "target": "ABCD"[options.index(item.answer)],
                "grounding": "{}",
            }
        )
    return rows


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("a [1] world")  # which is no pattern
    films = [make_film(f"film{at}", f"test {at}", (8, 14), (8,), (SIDE, SIDE)) for at in range(5)]
    rng = random.Random(0)
    corpus = []
    for film in films:
        write_video(film, folder / f"{film.name}.mp4")
        for item in items(film):
            options = make_options(item, 4, 0, rng)
            trace = write_trace(film.scenes, item.steps, item.answer, options)
            corpus += [item.question, write_response(trace, item.answer, options), PROMPTS.think, *options]
    tokenizer = make_tokenizer(corpus, SHAPE.vocabulary)
    model = make_model(SHAPE, tokenizer, seed=3)
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and "language_model.layers" in name:
            # Large enough for the answers to differ.
            torch.nn.init.normal_(weight, std=1.5 / weight.shape[1] ** 0.5)
    model.save_pretrained(folder / "checkpoint")
    make_processor(tokenizer, FRAMES).save_pretrained(folder / "checkpoint")
    tables = {}
    for benchmark, some in {"clocks": films[:3], "orders": films[2:]}.items():
        rows = [row for film in some for row in make_questions(film, folder / f"{film.name}.mp4", benchmark, 4)]
        tables[benchmark] = folder / "questions" / f"{benchmark}.parquet"
        write_table(tables[benchmark], pd.DataFrame(rows), QUESTION)
    return World(folder, folder / "checkpoint", tables)


@dataclass(frozen=True)
class Settings:
    """The configuration that the fixture's files fit."""

    benchmarks: dict[str, config.Benchmark]
    prompts: config.Prompts
    frames: config.Frames


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(BENCHMARKS, PROMPTS, FRAMES)


def clips_of(tables: Iterable[Path], world: World, settings: Settings) -> list[dict[str, Any]]:
    """The list of the clips of questions that lie in the cache."""
    cache = FrameCache(world.folder / "cache", settings.frames, config.Overlay(), "pyav")
    clips = []
    for table in tables:
        rows = read_table(table, QUESTION)
        for video, subtitle in dict.fromkeys(zip(rows["video"], rows["subtitle"], strict=True)):
            with suppress(RejectedRecord):
                clips.append(cache.entry(video, subtitle or None))
    return clips


@pytest.fixture
def make_job(world: World, settings: Settings, tmp_path: Path) -> Callable[..., Any]:
    """Builds the object that Snakemake hands to the scripts; keywords replace parameters."""

    def build(
        questions: Mapping[str, Path] | None = None, traces: Sequence[Path] = (), name: str = "row", **changed: Any
    ) -> Any:
        tables = dict(questions or world.questions)
        evaluation = {"model": "m", "label": "M", **changed.pop("evaluation", {})}
        decoding = {"bf16": False, "batch": 4, "max_new_tokens": 16, **changed.pop("decoding", {})}
        params = {
            "name": name,
            "seed": 0,
            "evaluation": config.Evaluation.model_validate(evaluation).model_dump(),
            "decoding": config.Decoding.model_validate(decoding).model_dump(),
            "benchmarks": {benchmark: settings.benchmarks[benchmark].model_dump() for benchmark in tables},
            "prompts": settings.prompts.model_dump(),
            "controls": config.Controls().model_dump(),
            "frames": settings.frames.model_dump(),
            "data": config.Data(decoder="pyav").model_dump(),
            "max_rejected": config.Data().max_rejected,
            "cache": str(world.folder / "cache"),
            "state": str(tmp_path / "state"),
            "processes": None,
            "backend": config.Backend.model_validate(changed.pop("backend", {})).model_dump(),
            **changed,
        }
        predictions = [tmp_path / name / f"{benchmark}.parquet" for benchmark in tables]
        listing = tmp_path / name / "frames.json"
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text(json.dumps(clips_of(tables.values(), world, settings)), encoding="utf-8")
        given = {"checkpoint": world.checkpoint, "questions": [*tables.values()], "traces": traces, "frames": listing}
        return SimpleNamespace(
            input=named_files(InputFiles, **given),
            output=named_files(OutputFiles, predictions=predictions),
            params=Params(fromdict=params),
            rule="predict",
            threads=1,
            resources=SimpleNamespace(),
        )

    return build
