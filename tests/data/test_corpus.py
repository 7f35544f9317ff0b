"""What is said about the generated films: questions whose steps lead to their answers, and the base model's corpus."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import pairwise

import pytest

from video_r2.config import RewardWeights, TemporalAlignment
from video_r2.data.corpus import make_rows
from video_r2.data.questions import KINDS, items, make_options
from video_r2.data.traces import LETTERS, write_response, write_steps, write_trace
from video_r2.data.world import Film, make_film
from video_r2.judge.rules import RuleJudge
from video_r2.rewards.combined import RewardModel

FILMS = [make_film(f"{at}", f"{at}", (8, 24), (8,), (112, 112)) for at in range(80)]


def ask(question: str, options: list[str]) -> str:
    return "\n".join([question, *(f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False))])


def explain(question: str, options: list[str]) -> str:
    return ask(question, options) + "\nDescribe, then answer."


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return make_rows(FILMS, (8, 24), 6, ask, explain, random.Random(0))


def shown_at(film: Film, second: int) -> str:
    return next((scene.sentence for scene in film.scenes if scene.start <= second < scene.end), "nothing")


def test_scenes_follow_each_other_and_no_colour_comes_twice() -> None:
    for film in FILMS:
        assert all(before.end <= after.start for before, after in pairwise(film.scenes))
        assert all(scene.start % 2 == scene.end % 2 == 0 for scene in film.scenes)
        assert len({scene.colour for scene in film.scenes}) == len(film.scenes)


def test_the_last_step_to_every_answer_holds_it() -> None:
    asked = Counter()
    for film in FILMS:
        for item in items(film):
            asked[item.kind] += 1
            said = write_steps(item.steps)
            assert item.answer in re.findall(r"\d\d:\d\d|\w+", said.rstrip(".").rpartition(". ")[2])
            if item.kind == "when":
                named = item.question.removeprefix("When does the ").removesuffix(" appear?")
                [scene] = [scene for scene in film.scenes if scene.object == named]
                assert said.endswith(f" {scene.start // 60:02d}:{scene.start % 60:02d} to 00:{scene.end:02d}.")
            for one, sign, two, result in re.findall(r"\b(\d) (plus|minus) (\d) is (\d+)", said):
                assert int(result) == (int(one) + int(two) if sign == "plus" else int(one) - int(two))
            if item.kind == "count":
                shape = item.question.split()[-2]
                assert [int(number) for number in re.findall(r"\d", said)] == [
                    sum(scene.shape == shape for scene in film.scenes[: at + 1]) for at in range(len(film.scenes))
                ]
            for start, end, seconds in re.findall(r"00:(\d\d) to 00:(\d\d) is (\d+)", said):
                assert int(seconds) == int(end) - int(start)
    assert set(asked) == set(KINDS)


def test_a_trace_without_errors_earns_every_reward() -> None:
    rng = random.Random(1)
    weights = RewardWeights(temporal_alignment=1.0, gate=True)
    rewards = RewardModel(weights, TemporalAlignment(similarity=0.9, buffer_seconds=1.0), RuleJudge())
    for film in FILMS[:20]:
        asked = [(item, make_options(item, 4, rng.randrange(4), rng)) for item in items(film)]
        made = rewards(
            [
                write_response(write_trace(film.scenes, item.steps, item.answer, options), item.answer, options)
                for item, options in asked
            ],
            [LETTERS[options.index(item.answer)] for item, options in asked],
            ["choice"] * len(asked),
            [options for _, options in asked],
            [film.grounding] * len(asked),
            [item.question for item, _ in asked],
        )
        for name in ("accuracy", "format", "f1", "consistency"):
            assert made[name] == [1.0] * len(asked), name


def test_a_moment_is_located_in_what_is_on_screen_then(rows: list[dict]) -> None:
    by_name = {row["video"]: row for row in rows if row["video"] is not None}
    for film in FILMS:
        located = [branch for branch in by_name[film.name]["branches"] if branch["kind"] == "locate"]
        assert len(located) == film.seconds // 2
        for branch in located:
            second = int(branch["prompt"][-3:-1])
            start, end = (int(time) for time in re.findall(r"00:(\d\d)", branch["response"]))
            assert start <= second < end
            assert branch["response"].startswith(f" {shown_at(film, second)} 00:")
            # The whole span: the picture is another before it and after it.
            assert all(shown_at(film, inside) == shown_at(film, second) for inside in range(start, end))
            assert start == 0 or shown_at(film, start - 1) != shown_at(film, second)


def test_exercises_are_solved(rows: list[dict]) -> None:
    exercises = [each for row in rows for each in row["branches"] if each["kind"] == "exercise"]
    tasks = Counter()
    for each in exercises:
        task, said = each["prompt"].rstrip("."), each["response"]
        tasks[task.split()[0]] += 1
        if task.startswith("Work out "):
            for asked, told in zip(task.removeprefix("Work out ").split(", "), said.strip().split(". "), strict=True):
                one, sign, two, _, result = told.rstrip(".").split()
                assert asked == f"{one} {sign} {two}"
                numbers = int(one[-2:]), int(two[-2:])
                assert int(result) == {"plus": sum(numbers), "to": numbers[1] - numbers[0]}.get(
                    sign, numbers[0] - numbers[1]
                )
        elif task.startswith("Find the most"):
            seen: list[tuple[int, str]] = []
            for colour, value, most, most_value in re.findall(r"(\w+) \w+ (\d+), most (\w+) (\d+)\.", said):
                seen.append((int(value), colour))
                assert (int(most_value), most) == max(seen, key=lambda pair: pair[0])
            assert len(seen) == task.count(",") + 1
        elif task.startswith("Count each "):
            shape = task.split()[2].rstrip(":")
            shapes = re.findall(r"\w+ (\w+) \d", said)
            assert [int(number) for number in re.findall(r"\d", said)] == [
                shapes[: at + 1].count(shape) for at in range(len(shapes))
            ]
        else:
            asked, told = task.partition(" ")[2].split(":", 2 if "Find" in task else 1)[0], said.strip().split(". ")
            assert all(claim.rstrip(".") in task for claim in told)
            if task.startswith("Repeat "):
                assert [" ".join(claim.split()[:2]) for claim in told] == asked.split(", ")
            else:
                seconds = [int(second) for second in re.findall(r"00:(\d\d)[,:]", task)][: len(told)]
                spans = [re.findall(r"00:(\d\d)", claim) for claim in told]
                assert all(int(start) <= second < int(end) for second, (start, end) in zip(seconds, spans, strict=True))
    assert set(tasks) == {"Work", "Repeat", "Find", "Count"}


def test_what_is_seen_of_a_film_in_words_is_given_and_the_answer_follows_from_it(rows: list[dict]) -> None:
    read = [each for row in rows for each in row["branches"] if each["kind"] == "read"]
    assert len(read) == 6 * len(FILMS)
    for each in read:
        claims = [claim.split() for claim in each["given"].strip().rstrip(".").split(". ")]
        answer = re.search(r" So the answer is ([\w:]+)( \(\w\))?\.$", each["response"])
        assert answer is not None
        if named := re.search(r"What shape is the (\w+) object", each["prompt"]):
            shapes = {claim[0]: claim[1] for claim in claims} | {"last": claims[-1][1]}
            shapes |= dict(zip(("first", "second", "third"), (claim[1] for claim in claims), strict=False))
            assert answer[1] == shapes[named[1]]
    assert all(not each["given"] for row in rows for each in row["branches"] if each["kind"] != "read")


def test_no_row_of_the_base_model_asks_for_a_trace_or_holds_one(rows: list[dict]) -> None:
    said = [branch["prompt"] + branch["given"] + branch["response"] for row in rows for branch in row["branches"]]
    assert not any("<think>" in text and "<answer>" in text for text in said)
    # Both tags are known, from rows that echo options.
    assert any("<think>" in text for text in said)
    assert any("<answer>" in text for text in said)


def test_answer_tags_hold_the_letter_that_was_said_or_else_the_answer(rows: list[dict]) -> None:
    tagged = [
        ("\nA. " in branch["prompt"], *each)
        for row in rows
        for branch in row["branches"]
        for each in re.findall(
            r"([\w:]+)(?: \((\w)\))?(?:\.? ?| so |, again: )<answer>(.*?)</answer>", branch["response"]
        )
    ]
    assert all(inside == (letter or answer) for _, answer, letter, inside in tagged)
    # Open questions have answers without letters: a model that has only met letters there goes on with letters.
    assert all(bool(letter) == with_options for with_options, _, letter, _ in tagged)
    assert 0.5 < sum(with_options for with_options, *_ in tagged) / len(tagged) < 0.9
