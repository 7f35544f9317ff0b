"""The base model's corpus: films described, options echoed, written scenes read, questions answered directly."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from video_r2.data.world import (
    LETTERS,
    STEP,
    Film,
    Item,
    clock,
    items,
    make_film,
    make_options,
    write_answer,
    write_claims,
)

DESCRIBE = "Describe the video with times."
GLANCE = "Describe the moment."
OPTION_COUNTS = (4, 4, 4, 5, 5, 10)

Asker = Callable[[str, Sequence[str]], str]  # question and options to prompt
Branch = dict[str, str]  # kind, prompt, response


def make_rows(films: Sequence[Film], questions: int, ask: Asker, rng: random.Random) -> list[dict[str, Any]]:
    """Draw one row per film of things to say about it, and as many rows of text alone.

    Args:
        films: the training films.
        questions: questions per row.
        ask: writes the prompt that asks a question directly.

    Returns:
        Rows {video, prefix, branches, moments}: `video` is a film's name, or None where `prefix` describes a film in words;
        each branch is {kind, prompt, response}, its prompt following the prefix; `moments` describe every two seconds
        of a film by themselves.
    """
    rows: list[dict[str, Any]] = []
    for at, film in enumerate(films):
        branches = [{"kind": "describe", "prompt": DESCRIBE, "response": write_claims(film.scenes)}]
        branches += [_direct(_by_kind(film), ask, rng) for _ in range(questions)]
        rows.append({"video": film.name, "prefix": "", "branches": branches, "moments": _moments(film)})
        written = make_film("", f"written {at} {rng.random()}", (8, 24), (10,), film.size)
        read = [_read(_by_kind(written), ask, rng) for _ in range(questions)]
        rows.append({"video": None, "prefix": write_claims(written.scenes), "branches": read})
        echo = [_echo(_by_kind(written), ask, rng) for _ in range(questions)]
        rows.append({"video": None, "prefix": "", "branches": echo})
    return rows


def _moments(film: Film) -> list[Branch]:
    moments = []
    for second in range(0, film.seconds, STEP):
        scene = next((scene for scene in film.scenes if scene.start <= second < scene.end), None)
        seen = "nothing" if scene is None else scene.sentence
        moments.append({"kind": "glance", "prompt": GLANCE, "response": f"{clock(second)}: {seen}."})
    return moments


def _direct(found: dict[str, list[Item]], ask: Asker, rng: random.Random) -> Branch:
    item, options = _draw(found, rng)
    return {"kind": "see", "prompt": ask(item.question, options), "response": write_answer(item.answer, options)}


def _read(found: dict[str, list[Item]], ask: Asker, rng: random.Random) -> Branch:
    item, options = _draw(found, rng)
    response = " ".join(part for part in (item.steps, write_answer(item.answer, options)) if part)
    return {"kind": "read", "prompt": "\n" + ask(item.question, options), "response": response}


def _echo(found: dict[str, list[Item]], ask: Asker, rng: random.Random) -> Branch:
    """Options named in some order, to be given back with their letters."""
    item = rng.choice(found[rng.choice(sorted(found))])
    options = make_options(item, rng.choice(OPTION_COUNTS), rng.randrange(len(LETTERS)), rng)
    named = rng.sample(options, min(len(options), 5))
    response = ". ".join(write_answer(value, options) for value in named)
    return {"kind": "echo", "prompt": ask(f"Say {', '.join(named)}.", options), "response": response}


def _by_kind(film: Film) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items(film):
        found.setdefault(item.kind, []).append(item)
    return found


def _draw(found: dict[str, list[Item]], rng: random.Random) -> tuple[Item, list[str]]:
    item = rng.choice(found[rng.choice(sorted(found))])
    if item.is_number and rng.random() < 0.3:
        return item, []
    return item, make_options(item, rng.choice(OPTION_COUNTS), rng.randrange(len(LETTERS)), rng)
