"""The generated raw data: balanced, complete, reproducible, in the real columns, and of no use to who sees no video."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean, stdev

import datasets
import pytest

from video_r2 import config
from video_r2.data import miniature_benchmarks, training_sets
from video_r2.data.conversations import parse_span, read_conversations
from video_r2.data.miniature_benchmarks import PLANS, BenchmarkSet, Question
from video_r2.data.questions import KINDS, kind_of
from video_r2.data.traces import LETTERS
from video_r2.data.world import Film
from video_r2.errors import UserError
from video_r2.metrics.accuracy import score_record
from video_r2.workflow import read_config

ROOT = Path(__file__).parents[2]
BENCHMARKS = {
    name: benchmark
    for name, benchmark in read_config([ROOT / "config.yaml"], {}).benchmarks.items()
    if benchmark.group != "heldout"
}
WORLD = config.World(training_videos=80, sft_rows=200, grpo_rows=60, validation_videos=6, validation_rows=20)


def ask(question: str, options: Sequence[str]) -> str:
    """A prompt as short as can be."""
    return "\n".join([question, *(f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False))])


def content(film: Film) -> tuple[object, ...]:
    return film.seconds, film.fps, film.background, film.scenes


@pytest.fixture(scope="module")
def made() -> dict[str, BenchmarkSet]:
    return {name: miniature_benchmarks.make_benchmark(name, benchmark, WORLD) for name, benchmark in BENCHMARKS.items()}


def test_there_is_a_plan_for_each_of_the_eleven_benchmarks() -> None:
    assert len(BENCHMARKS) == 11
    assert {benchmark.adapter for benchmark in BENCHMARKS.values()} == set(PLANS)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_has_its_questions_and_all_of_its_types(name: str, made: dict[str, BenchmarkSet]) -> None:
    questions = made[name].questions
    assert len(questions) == WORLD.benchmark_questions == 100
    assert {question.category for question in questions} == set(PLANS[name].kinds)
    assert len({question.id for question in questions}) == 100
    assert sum(len(rows) for rows in made[name].rows.values()) == 100
    assert len(made[name].films) == WORLD.benchmark_videos
    assert all(kind_of(question.id) == question.item.kind for question in questions)


def test_the_configurations_are_the_real_ones(made: dict[str, BenchmarkSet]) -> None:
    for name, benchmark in BENCHMARKS.items():
        assert set(made[name].rows) == set(benchmark.configs)
    assert len(made["mvbench"].rows) == 20


def test_generic_benchmarks_mostly_need_one_look_and_reasoning_benchmarks_several(
    made: dict[str, BenchmarkSet],
) -> None:
    for name, benchmark in BENCHMARKS.items():
        several = sum(question.item.looks == "several" for question in made[name].questions)
        assert several <= 35 if benchmark.group == "generic" else several >= 60, name


@pytest.mark.parametrize("name", BENCHMARKS)
def test_options_hold_the_answer_once_and_its_place_is_balanced(name: str, made: dict[str, BenchmarkSet]) -> None:
    places: dict[int, Counter[int]] = defaultdict(Counter)
    for question in made[name].questions:
        assert len(set(question.options)) == len(question.options)
        if question.options:
            assert question.options.count(question.item.answer) == 1
            assert question.options[question.place] == question.item.answer
            places[len(question.options)][question.place] += 1
    for number, counts in places.items():
        # Dealt from one deck a kind: a place is ahead by at most one card of every deck.
        decks = len({kind for kinds in PLANS[name].kinds.values() for kind in kinds})
        assert max(counts.values()) - min(counts[place] for place in range(number)) <= decks, (name, number)


def test_the_numbers_of_options_are_those_of_the_real_benchmarks(
    made: dict[str, BenchmarkSet],
) -> None:
    def numbers(name: str) -> set[int]:
        return {len(question.options) for question in made[name].questions}

    assert numbers("scivideobench") == {10}
    assert numbers("minerva") == numbers("videomathqa") == numbers("mmvu") == {5}
    assert numbers("longvideobench") == {4, 5}
    assert numbers("vsibench") == numbers("video_mmmu") == {0, 4}


def test_open_questions_are_numbers_other_than_zero(made: dict[str, BenchmarkSet]) -> None:
    answers = [question.item.answer for name in made for question in made[name].questions if not question.options]
    assert answers
    assert all(answer.isdigit() and int(answer) > 0 for answer in answers)


def test_films_are_of_all_lengths_and_some_have_subtitles(made: dict[str, BenchmarkSet]) -> None:
    for name, benchmark_set in made.items():
        lengths = Counter(miniature_benchmarks.length_of(film, WORLD) for film, _ in benchmark_set.films)
        spoken = sum(bool(film.cues) for film, _ in benchmark_set.films)
        assert lengths == {"short": 14, "medium": 13, "long": 13}, name
        assert spoken == (20 if name == "longvideobench" else 10), name


@pytest.mark.parametrize(
    ("seconds", "third"), [(8, "short"), (13, "short"), (14, "medium"), (19, "long"), (24, "long")]
)
def test_length_of_a_film(seconds: int, third: str) -> None:
    film = Film("", seconds, 8, (112, 112), (0, 0, 0), ())
    assert miniature_benchmarks.length_of(film, config.World(seconds=(8, 24))) == third


def test_training_never_sees_a_film_of_a_benchmark_or_of_the_validation_split(
    made: dict[str, BenchmarkSet],
) -> None:
    training = {content(film) for film in training_sets.training_films(config.World())}
    validation = {content(film) for film in training_sets.validation_films(config.World())}
    others = [content(film) for benchmark_set in made.values() for film, _ in benchmark_set.films]
    assert len(training) == 800
    base = {content(film) for film in training_sets.base_films(config.World(), config.Base().films)}
    assert not training & validation
    assert not (training | validation) & set(others)
    assert not base & (training | validation | set(others))
    assert len(set(others)) == len(others) == 11 * 40


@pytest.mark.parametrize("adapter", ["tempcompass", "video_mmmu"])
def test_another_benchmark_with_the_same_adapter_has_films_and_questions_of_its_own(
    made: dict[str, BenchmarkSet], adapter: str
) -> None:
    other = miniature_benchmarks.make_benchmark("more", BENCHMARKS[adapter], config.World())
    films = {content(film) for film, _ in other.films}
    assert not films & {content(film) for film, _ in made[adapter].films}
    assert len({film.name for film, _ in other.films} | {film.name for film, _ in made[adapter].films}) == 80
    asked = {(content(question.film), question.item.question) for question in other.questions}
    assert len(asked & {(content(question.film), question.item.question) for question in made[adapter].questions}) == 0


# --- what can be had without the video --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def blind() -> tuple[list[tuple[str, Question]], list[tuple[str, Question]]]:
    """Questions to learn priors from, and as many others, over other films; five times the usual number."""

    def draw(seed: int) -> list[tuple[str, Question]]:
        world = config.World(seed=seed, benchmark_videos=200, benchmark_questions=500)
        return [
            (name, question)
            for name, benchmark in BENCHMARKS.items()
            for question in miniature_benchmarks.make_benchmark(name, benchmark, world).questions
            if question.options
        ]

    return draw(1), draw(2)


def strategies(known: Sequence[tuple[str, Question]]) -> dict[str, Callable[[Question], str]]:
    """Ways of answering that do not look; those that learn, learn from `known`."""
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    places: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    worded: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for _, question in known:
        texts[question.item.kind][question.item.answer] += 1
        places[question.item.kind, len(question.options)][question.place] += 1
        for word in set(question.item.question.split()):
            worded[question.item.kind, word][question.item.answer] += 1

    def by_words(question: Question) -> str:
        words = [worded[question.item.kind, word] for word in set(question.item.question.split())]
        return max(question.options, key=lambda text: sum(word[text] / max(1, word.total()) for word in words))

    return {
        "likeliest text": lambda question: max(question.options, key=lambda text: texts[question.item.kind][text]),
        "rarest text": lambda question: min(question.options, key=lambda text: texts[question.item.kind][text]),
        "likeliest place": lambda question: question.options[
            places[question.item.kind, len(question.options)].most_common(1)[0][0]
        ],
        "likeliest for the question's words": by_words,
        "longest": lambda question: max(question.options, key=len),
        "shortest": lambda question: min(question.options, key=len),
        "first in the alphabet": lambda question: min(question.options),
        "last in the alphabet": lambda question: max(question.options),
        "middle": lambda question: sorted(question.options)[len(question.options) // 2],
        "in the question": lambda question: next(
            (text for text in question.options if text in question.item.question), question.options[0]
        ),
        "not in the question": lambda question: next(
            (text for text in question.options if text not in question.item.question), question.options[-1]
        ),
    }


def gains(strategy: Callable[[Question], str], asked: Sequence[tuple[str, Question]]) -> dict[str, tuple[float, float]]:
    """Points above chance, and their standard error: of all questions, of each benchmark and of each kind."""
    found: dict[str, list[float]] = defaultdict(list)
    for benchmark, question in asked:
        right = float(strategy(question) == question.item.answer)
        for group in ("all", f"benchmark {benchmark}", f"kind {question.item.kind}"):
            found[group].append(100 * (right - 1 / len(question.options)))
    return {group: (fmean(values), stdev(values) / len(values) ** 0.5) for group, values in found.items()}


def test_no_prior_is_more_than_five_points_above_chance(
    blind: tuple[list[tuple[str, Question]], list[tuple[str, Question]]],
) -> None:
    known, asked = blind
    for name, strategy in strategies(known).items():
        found = gains(strategy, asked)
        assert set(KINDS) <= {group.removeprefix("kind ") for group in found}
        for group, (gain, error) in found.items():
            # A kind has few questions: more than five points may be chance.
            allowed = max(5.0, 2.5 * error) if group.startswith("kind") else 5.0
            assert gain <= allowed, (name, group)
        assert abs(found["all"][0]) < 2.5, name


def test_a_prior_that_does_help_is_found(
    blind: tuple[list[tuple[str, Question]], list[tuple[str, Question]]],
) -> None:
    known, asked = blind
    # One answer of a kind comes more often, or the answer stands in one place.
    usual = {question.item.kind: question.item.answer for _, question in known}
    skewed = [(name, question) for name, question in known if question.item.answer == usual[question.item.kind]]
    tested = [(name, question) for name, question in asked if question.item.answer == usual[question.item.kind]]
    assert gains(strategies(skewed)["likeliest text"], tested)["all"][0] > 50
    first = [(name, question) for name, question in asked if question.place == 0]
    assert gains(strategies(first)["likeliest place"], first)["all"][0] > 50


def test_no_fixed_answer_to_open_questions_is_far_above_chance() -> None:
    """Above a draw from the type's answers; where numbers are graded by nearness, the middle is (docs/data.md)."""
    world = config.World(seed=1, benchmark_videos=200, benchmark_questions=500)
    allowed = {"vsibench": 10.0, "video_mmmu": 2.0}
    assert {name for name, plan in PLANS.items() if plan.open_types} == set(allowed)
    for name, points in allowed.items():
        made = miniature_benchmarks.make_benchmark(name, BENCHMARKS[name], world).questions
        by_type: dict[tuple[str, str], list[str]] = defaultdict(list)
        for question in made:
            if not question.options:
                by_type[question.category, question.item.kind].append(question.item.answer)
        gained, asked = 0.0, 0
        for answers in by_type.values():
            graded = {given: fmean(grade(given, answer, name) for answer in answers) for given in map(str, range(25))}
            gained += len(answers) * (max(graded.values()) - fmean(graded[answer] for answer in answers))
            asked += len(answers)
        assert asked > 100
        assert gained <= points * asked


@cache
def grade(given: str, target: str, adapter: str) -> float:
    record = {"id": "", "question": "", "options": [], "answer_type": "number", "target": target}
    score = score_record({**record, "response": given, "think": "", "answer": given}, adapter).value
    assert score is not None
    return score


# --- training sets ----------------------------------------------------------------------------------------------------


def test_errors_are_put_into_the_share_of_traces_that_is_configured() -> None:
    films = training_sets.training_films(WORLD)
    world = WORLD.model_copy(update={"sft_rows": 600, "claim_error_rate": 0.25, "hedge_rate": 0.4, "hedged_options": 2})
    noisy, clean = training_sets.sft_rows(films, world, ask)
    traces = [
        (row["conversations"][1]["value"], other["conversations"][1]["value"])
        for row, other in zip(noisy, clean, strict=True)
    ]
    claims = sum(one.split("So the answer")[0] != other.split("So the answer")[0] for one, other in traces)
    hedges = [one.split("So the answer")[1] != other.split("So the answer")[1] for one, other in traces]
    first = [other.endswith(("<answer>A</answer>", "<answer>B</answer>")) for _, other in traces]
    # Within four standard deviations of a binomial.
    assert abs(claims / 600 - 0.25) < 4 * (0.25 * 0.75 / 600) ** 0.5
    assert abs(sum(hedges) / sum(first) - 0.4) < 4 * (0.4 * 0.6 / sum(first)) ** 0.5
    assert all(asked for asked, hedged in zip(first, hedges, strict=True) if hedged)
    # A hedge names the right answer and another.
    assert [one.split("So the answer")[1].count(", ") for one, _ in traces] == hedges
    # The answer block stays right; only the trace before it errs.
    assert all(one.split("<answer>")[1] == other.split("<answer>")[1] for one, other in traces)
    assert [row["temporal_grounding"] for row in noisy] == [row["temporal_grounding"] for row in clean]


def test_without_errors_both_sets_are_the_same() -> None:
    world = WORLD.model_copy(update={"claim_error_rate": 0.0, "hedge_rate": 0.0})
    noisy, clean = training_sets.sft_rows(training_sets.training_films(world), world, ask)
    assert noisy == clean


def test_the_training_sets_are_read_as_the_release_is(tmp_path: Path) -> None:
    films = training_sets.training_films(WORLD)
    rows = training_sets.grpo_rows(films, WORLD, ask)
    for film in films:
        (tmp_path / "videos").mkdir(exist_ok=True)
        (tmp_path / "videos" / f"{film.name}.mp4").touch()
    training_sets.write_training(tmp_path / "grpo.json", rows)
    conversations, rejected = read_conversations(tmp_path / "grpo.json", tmp_path)
    assert not rejected
    assert len(conversations) == len(rows) == 60
    assert {kind_of(conversation.id) for conversation in conversations} == set(KINDS)
    by_name = {film.name: film for film in films}
    for conversation in conversations:
        film = by_name[Path(conversation.media[0].path).stem]
        spans = [parse_span(span) for span in conversation.grounding]
        assert spans == [(scene.start, scene.end) for scene in film.scenes]
        assert conversation.answer in conversation.think


def test_everything_is_the_same_on_every_run(tmp_path: Path) -> None:
    def write(folder: Path) -> dict[str, bytes]:
        noisy, clean = training_sets.sft_rows(training_sets.training_films(WORLD), WORLD, ask)
        training_sets.write_training(folder / "noisy.json", noisy)
        training_sets.write_training(folder / "clean.json", clean)
        for name in ("mvbench", "longvideobench"):
            made = miniature_benchmarks.make_benchmark(name, BENCHMARKS[name], WORLD)
            miniature_benchmarks.write_benchmark(folder / name, made, BENCHMARKS[name])
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    first, second = write(tmp_path / "one"), write(tmp_path / "two")
    assert first == second
    assert len(first) > 40


def test_another_seed_gives_another_world() -> None:
    films, others = (training_sets.training_films(WORLD.model_copy(update={"seed": seed})) for seed in (0, 1))
    assert not {content(film) for film in films} & {content(film) for film in others}


# --- files and errors -------------------------------------------------------------------------------------------------


def test_datasets_reads_every_configuration(made: dict[str, BenchmarkSet], tmp_path: Path) -> None:
    miniature_benchmarks.write_benchmark(tmp_path / "mvbench", made["mvbench"], BENCHMARKS["mvbench"])
    miniature_benchmarks.write_benchmark(tmp_path / "video_mmmu", made["video_mmmu"], BENCHMARKS["video_mmmu"])
    cache = str(tmp_path / "cache")
    assert len(datasets.get_dataset_config_names(str(tmp_path / "mvbench"))) == 20
    table = datasets.load_dataset(str(tmp_path / "mvbench"), "moving_count", split="train", cache_dir=cache)
    assert {"video", "question", "candidates", "answer"} <= set(table.column_names)
    track = datasets.load_dataset(str(tmp_path / "video_mmmu"), "Adaptation", split="test", cache_dir=cache)
    assert set(track["question_type"]) == {"open"}


def test_subtitles_of_longvideobench_are_its_own_json(made: dict[str, BenchmarkSet], tmp_path: Path) -> None:
    miniature_benchmarks.write_benchmark(tmp_path, made["longvideobench"], BENCHMARKS["longvideobench"])
    for film, _ in made["longvideobench"].films:
        cues = json.loads((tmp_path / "subtitles" / f"{film.name}_en.json").read_text())
        assert [(*cue["timestamp"], cue["text"]) for cue in cues] == film.cues


def test_an_adapter_without_a_plan_is_refused() -> None:
    with pytest.raises(UserError, match="no plan for the adapter 'conversations'"):
        miniature_benchmarks.make_benchmark(
            "new", config.Benchmark(label="New", group="generic", adapter="conversations"), WORLD
        )


def test_a_configuration_without_a_plan_is_refused() -> None:
    benchmark = BENCHMARKS["mvbench"].model_copy(update={"configs": ["action_sequence", "nothing"]})
    with pytest.raises(
        UserError, match=r"no plan for its configuration 'nothing' .cure: use some of action_antonym, action_count"
    ):
        miniature_benchmarks.make_benchmark("mvbench", benchmark, WORLD)


def test_too_few_questions_are_refused_with_the_cure() -> None:
    world = config.World(benchmark_videos=2, benchmark_questions=100)
    with pytest.raises(
        UserError, match=r"2 videos hold .*raise data.world.benchmark_videos, or lower data.world.bench"
    ):
        miniature_benchmarks.make_benchmark("scivideobench", BENCHMARKS["scivideobench"], world)


@pytest.mark.parametrize("other", ["001-1", "tempcompass-3", "sum"])
def test_the_id_of_a_real_question_has_no_kind(other: str) -> None:
    with pytest.raises(ValueError, match="not the id of a generated question"):
        kind_of(other)
