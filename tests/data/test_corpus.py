"""What is said about the generated films: questions whose steps lead to their answers, and the base model's corpus."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import pairwise

import pytest

from video_r2.data.corpus import make_rows
from video_r2.data.world import KINDS, LETTERS, Film, items, make_film, write_steps

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
            said = write_steps(item.steps, film.scenes)
            if item.kind == "count":
                shape = item.question.split()[-2]
                assert said.count(shape) == int(item.answer)
            else:
                assert item.answer in re.findall(r"\d\d:\d\d|\w+", said.rstrip(".").rpartition(". ")[2])
            for one, sign, two, result in re.findall(r"\b(\d) (plus|minus) (\d) is (\d+)", said):
                assert int(result) == (int(one) + int(two) if sign == "plus" else int(one) - int(two))
            for late, early, seconds in re.findall(r"00:(\d\d) minus 00:(\d\d) is (\d+)", said):
                assert int(seconds) == int(late) - int(early)
    assert set(asked) == set(KINDS)


def test_a_moment_is_located_in_what_is_on_screen_then(rows: list[dict]) -> None:
    by_name = {row["video"]: row for row in rows if row["video"] is not None}
    for film in FILMS:
        located = [branch for branch in by_name[film.name]["branches"] if branch["kind"] == "locate"]
        assert len(located) == film.seconds // 2
        for branch in located:
            second = int(branch["prompt"][-3:-1])
            start, end = (int(time) for time in re.findall(r"00:(\d\d)", branch["response"]))
            assert start <= second < end
            assert branch["response"].endswith(f"{shown_at(film, second)}.")
            # The whole span: the picture is another before it and after it.
            assert all(shown_at(film, inside) == shown_at(film, second) for inside in range(start, end))
            assert start == 0 or shown_at(film, start - 1) != shown_at(film, second)


def test_no_row_of_the_base_model_asks_for_a_trace_or_holds_one(rows: list[dict]) -> None:
    said = [branch["prompt"] + branch["response"] for row in rows for branch in row["branches"]]
    assert not any("<think>" in text and "<answer>" in text for text in said)
    # Both tags are known, from rows that echo options.
    assert any("<think>" in text for text in said)
    assert any("<answer>" in text for text in said)
