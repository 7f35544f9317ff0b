"""The generated world's benchmarks, in the real benchmarks' columns.

Every benchmark of the paper has a plan here: which of its question types ask which kinds of the world's questions, how
many options they have, and the columns of a row. The plans are keyed by adapter, so that what is written here is read
by the same adapters as the real ones (`video_r2.data.benchmark_columns`). A question's id is "<kind>-<number>", which tells
which kind of the world it is (`video_r2.data.questions.kind_of`); benchmarks whose real columns have no free id carry it as
`question_id`.
"""

from __future__ import annotations

import json
import random
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from video_r2 import config
from video_r2.data import miniature_columns
from video_r2.data.miniature_columns import Question, Row
from video_r2.data.questions import Places, choose_items
from video_r2.data.world import Film, draw_film
from video_r2.errors import UserError
from video_r2.files import replacing

SPOKEN_EVERY = 4  # one benchmark film in so many has subtitles
THIRDS = ("short", "medium", "long")
FIRST_OF_OTHERS = 10_000  # number of the first film of a benchmark that is not called after its adapter
MAX_DRAWS = 200  # a range of lengths too narrow for thirds has no film of each


@dataclass(frozen=True)
class Plan:
    """How a benchmark is made of the world.

    Attributes:
        kinds: the kinds that each of the benchmark's question types asks.
        options: number of options; a kind with fewer answers has fewer.
        columns: writes a question as a row of the benchmark.
        video: path of a film's video below the benchmark's folder.
        open_types: question types that have no options.
        films: pattern of the films' names.
        spoken_every: one film in so many has subtitles.
        type_is_config: whether the question types are the data set's configurations.
    """

    kinds: Mapping[str, Sequence[str]]
    options: int
    columns: Callable[[Question], Row]
    video: Callable[[Film], str] = lambda film: f"videos/{film.name}.mp4"
    open_types: frozenset[str] = frozenset()
    films: str = "{adapter}-{number:03d}"
    spoken_every: int = SPOKEN_EVERY
    type_is_config: bool = False


PLANS: dict[str, Plan] = {
    "mvbench": Plan(
        kinds={
            "action_antonym": ["motion_at"],
            "action_count": ["count"],
            "action_localization": ["when"],
            "action_prediction": ["next_colour"],
            "action_sequence": ["next_digit"],
            "character_order": ["nth_shape"],
            "counterfactual_inference": ["largest"],
            "egocentric_navigation": ["motion_of"],
            "episodic_reasoning": ["word_during"],
            "fine_grained_action": ["motion_of"],
            "fine_grained_pose": ["shape_at"],
            "moving_attribute": ["colour_of"],
            "moving_count": ["digit_of"],
            "moving_direction": ["motion_at"],
            "object_existence": ["shape_at"],
            "object_interaction": ["shape_of"],
            "object_shuffle": ["nth_shape"],
            "scene_transition": ["colour_at"],
            "state_change": ["colour_at"],
            "unexpected_action": ["digit_at"],
        },
        options=4,
        columns=miniature_columns.mvbench,
        video=lambda film: f"video/{film.name}.mp4",
        type_is_config=True,
    ),
    "videomme": Plan(
        kinds={
            "Attribute Perception": ["colour_at", "colour_of"],
            "Object Recognition": ["shape_at", "shape_of"],
            "OCR Problems": ["digit_at", "digit_of"],
            "Action Recognition": ["motion_at", "motion_of"],
            "Temporal Perception": ["when", "word_during"],
            "Counting Problem": ["count"],
            "Temporal Reasoning": ["nth_shape"],
            "Object Reasoning": ["next_colour"],
        },
        options=4,
        columns=miniature_columns.videomme,
        video=lambda film: f"data/{film.name}.mp4",
    ),
    "tempcompass": Plan(
        kinds={
            "action": ["motion_of", "shape_at"],
            "direction": ["motion_at", "motion_of"],
            "attribute_change": ["colour_at", "colour_of", "digit_at"],
            "speed": ["duration"],
            "order": ["nth_shape", "next_colour"],
        },
        options=4,
        columns=miniature_columns.tempcompass,
    ),
    "mlvu": Plan(
        kinds={
            "anomaly_reco": ["shape_at", "shape_of"],
            "count": ["count"],
            "ego": ["motion_at", "motion_of"],
            "needle": ["digit_at", "word_during"],
            "order": ["nth_shape"],
            "plotQA": ["colour_at", "colour_of", "digit_of"],
            "topic_reasoning": ["longest"],
        },
        options=4,
        columns=miniature_columns.mlvu,
        video=lambda film: f"video/{film.name}.mp4",
    ),
    "longvideobench": Plan(
        kinds={
            "S2A": ["colour_at", "digit_at"],
            "S2O": ["shape_at"],
            "S2E": ["motion_at"],
            "O2E": ["motion_of", "when"],
            "E2O": ["shape_of", "colour_of"],
            "T2A": ["word_during", "word_during"],
            "O3O": ["next_colour"],
            "SSS": ["nth_shape"],
            "SAA": ["largest"],
        },
        options=5,
        columns=miniature_columns.longvideobench,
        spoken_every=2,
    ),
    "videomathqa": Plan(
        kinds={
            "Arithmetic": ["sum", "sum"],
            "Statistics": ["difference", "largest"],
            "Geometry Length": ["duration"],
            "Chart": ["gap"],
            "Puzzle": ["next_digit"],
            "Counting": ["digit_of"],
        },
        options=5,
        columns=miniature_columns.videomathqa,
    ),
    "video_mmmu": Plan(
        kinds={
            "Perception": ["digit_at", "colour_at", "colour_of", "motion_of"],
            "Comprehension": ["next_colour", "longest", "largest", "duration"],
            "Adaptation": ["sum", "gap", "difference", "sum"],
        },
        options=4,
        columns=miniature_columns.video_mmmu,
        open_types=frozenset({"Adaptation"}),
        video=lambda film: f"Science/{film.name}.mp4",
        films="validation_Math_{number}",
        type_is_config=True,
    ),
    "mmvu": Plan(
        kinds={"": ["next_colour", "next_digit", "longest", "duration", "largest", "colour_at", "motion_at"]},
        options=5,
        columns=miniature_columns.mmvu,
        video=miniature_columns.mmvu_video,
    ),
    "vsibench": Plan(
        kinds={
            "object_counting": ["count"],
            "object_abs_distance": ["gap"],
            "object_size_estimation": ["duration"],
            "room_size_estimation": ["sum"],
            "object_rel_distance": ["longest"],
            "object_rel_direction_easy": ["motion_at"],
            "object_rel_direction_medium": ["motion_of"],
            "object_rel_direction_hard": ["next_colour"],
            "obj_appearance_order": ["nth_shape"],
            "route_planning": ["next_digit"],
        },
        options=4,
        columns=miniature_columns.vsibench,
        open_types=frozenset(
            {"object_counting", "object_abs_distance", "object_size_estimation", "room_size_estimation"}
        ),
        video=lambda film: f"scannet/{film.name}.mp4",
    ),
    "minerva": Plan(
        kinds={
            "Temporal Reasoning": ["next_colour", "gap"],
            "Numerical Reasoning": ["sum", "difference"],
            "Counting": ["duration"],
            "State Changes": ["next_digit"],
            "Counterfactual": ["largest"],
            "Goal Reasoning": ["longest"],
            "Reading (OCR)": ["digit_of"],
            "Situational Awareness": ["motion_of"],
        },
        options=5,
        columns=miniature_columns.minerva,
    ),
    "scivideobench": Plan(
        kinds={
            "Quantitative Reasoning": ["sum", "sum"],
            "Conceptual Reasoning": ["when"],
        },
        options=10,
        columns=miniature_columns.scivideobench,
        video=lambda film: f"jove_{film.name}.mp4",
    ),
}


@dataclass(frozen=True)
class BenchmarkSet:
    """A miniature benchmark: its questions by configuration, and its films with their place below the folder."""

    rows: dict[str, list[Row]]
    questions: list[Question]
    films: list[tuple[Film, str]]


def make_benchmark(name: str, benchmark: config.Benchmark, world: config.BenchmarkFilms) -> BenchmarkSet:
    """Draw a benchmark's films and questions.

    Raises:
        UserError: if no plan exists for the benchmark's adapter, or the films do not hold enough questions.
    """
    plan = PLANS.get(benchmark.adapter)
    if plan is None:
        raise UserError(
            f"benchmark {name!r} cannot be generated: there is no plan for the adapter {benchmark.adapter!r}",
            cure=f"use one of {', '.join(PLANS)}",
        )
    kinds = dict(plan.kinds)
    if plan.type_is_config:
        if unknown := [key for key in benchmark.configs if key not in kinds]:
            raise UserError(
                f"benchmark {name!r} cannot be generated: there is no plan for its configuration {unknown[0]!r}",
                cure=f"use some of {', '.join(kinds)}",
            )
        kinds = {key: kinds[key] for key in benchmark.configs}
    films = _benchmark_films(name, benchmark.adapter, plan, world)
    questions = list(_questions(plan, kinds, films, world))
    if len(questions) < world.benchmark_questions or {question.category for question in questions} != set(kinds):
        raise UserError(
            f"{world.benchmark_videos} videos hold {len(questions)} of the {world.benchmark_questions} questions of "
            f"{name!r}, which has {len(kinds)} types",
            cure="raise data.world.benchmark_videos"
            + (", or lower" if len(questions) < world.benchmark_questions else " and")
            + " data.world.benchmark_questions",
        )
    rows: dict[str, list[Row]] = defaultdict(list)
    for question in questions:
        rows[question.category if plan.type_is_config else benchmark.configs[0]].append(plan.columns(question))
    return BenchmarkSet(dict(rows), questions, [(film, plan.video(film)) for film in films])


def _benchmark_films(benchmark: str, adapter: str, plan: Plan, world: config.BenchmarkFilms) -> list[Film]:
    """Films of which a fixed share has subtitles and a third each is short, medium and long.

    A film is drawn by its name. Those of another benchmark with the same adapter have other names.
    """
    films = []
    # Some names hold a number alone.
    first = 0 if benchmark == adapter else FIRST_OF_OTHERS + zlib.crc32(benchmark.encode())
    for number in range(world.benchmark_videos):
        name = plan.films.format(adapter=adapter, number=first + number)
        spoken, third = number % plan.spoken_every == 0, THIRDS[number % len(THIRDS)]
        for draw in range(MAX_DRAWS):
            film = draw_film(world, name, draw)
            if bool(film.cues) == spoken and length_of(film, world) == third:
                break
        films.append(film)
    return films


def length_of(film: Film, world: config.BenchmarkFilms) -> str:
    """Third of the world's range of lengths that a film's length lies in."""
    shortest, longest = world.seconds
    return THIRDS[min(2, (film.seconds - shortest) * 3 // max(1, longest - shortest))]


def _questions(
    plan: Plan, kinds: Mapping[str, Sequence[str]], films: Sequence[Film], world: config.BenchmarkFilms
) -> Iterator[Question]:
    rng = random.Random(f"benchmark {world.seed} {films[0].name}")
    turns = [(kind, category) for category, group in kinds.items() for kind in group]
    places = Places(rng)
    taken: dict[str, int] = defaultdict(int)
    categories = {kind: [category for other, category in turns if other == kind] for kind, _ in turns}
    chosen = choose_items(films, [kind for kind, _ in turns], 2 * world.benchmark_questions, rng)
    number = 0
    for film, item in chosen:
        if number == world.benchmark_questions:
            return
        category = categories[item.kind][taken[item.kind] % len(categories[item.kind])]
        if category in plan.open_types and item.answer == "0":
            # A relative error has no meaning against 0; the real benchmarks never ask for it either.
            continue
        taken[item.kind] += 1
        options = places.options(item, 0 if category in plan.open_types else plan.options)
        length = length_of(film, world)
        yield Question(f"{item.kind}-{number:03d}", number, film, item, category, length, options)
        number += 1


def write_benchmark(folder: Path, made: BenchmarkSet, benchmark: config.Benchmark) -> None:
    """Write the tables as `datasets.load_dataset` reads them: a Parquet file a configuration, named in a README.

    The subtitles of LongVideoBench are JSON files of its own; other benchmarks have `.srt` files beside the videos.
    """
    described = []
    for name, rows in made.rows.items():
        place = f"{name}/{benchmark.split}-00000-of-00001.parquet"
        with replacing(folder / place) as temporary:
            pq.write_table(pa.Table.from_pylist(rows), temporary)
        described.append({"config_name": name, "data_files": [{"split": benchmark.split, "path": place}]})
    header = yaml.safe_dump({"configs": described}, sort_keys=False)
    with replacing(folder / "README.md") as temporary:
        temporary.write_text(f"---\n{header}---\n\nGenerated; not the benchmark of this name.\n", encoding="utf-8")
    if benchmark.adapter == "longvideobench":
        for film, _ in made.films:
            cues = [{"timestamp": [float(start), float(end)], "text": text} for start, end, text in film.cues]
            with replacing(folder / "subtitles" / f"{film.name}_en.json") as temporary:
                temporary.write_text(json.dumps(cues), encoding="utf-8")
