"""The base model's corpus: films described, options echoed, written scenes read, questions answered directly."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from video_r2 import config
from video_r2.data.frames import Clip, make_clip
from video_r2.data.subtitles import Cue
from video_r2.data.videos import sample_times, sampling_rate
from video_r2.data.world import (
    COLOURS,
    LETTERS,
    MOTIONS,
    SHAPES,
    STEP,
    TIMES,
    WORDS,
    Film,
    Item,
    clock,
    items,
    make_film,
    make_options,
    render,
    write_answer,
    write_claims,
    write_response,
    write_trace,
)

DESCRIBE = "Describe the video with times."
GLANCE = "Describe the moment."
ECHO = "Name the options."
OPTION_COUNTS = (4, 4, 4, 5, 5, 10)
THOUGHT_SHARE = 0.5  # of the questions about films that are told in words
ECHOES = 16  # options given back in one answer
VALUES = (*COLOURS, *SHAPES, *MOTIONS, *WORDS, *TIMES, *(str(number) for number in range(13)))

Asker = Callable[[str, Sequence[str]], str]  # question and options to prompt
Branch = dict[str, str]  # kind, prompt, response


def make_rows(
    films: Sequence[Film],
    seconds: tuple[int, int],
    questions: int,
    ask: Asker,
    ask_to_think: Asker,
    rng: random.Random,
) -> list[dict[str, Any]]:
    """Draw one row per film of things to say about it, and as many rows of text alone.

    Args:
        films: the films that it is trained on.
        seconds: shortest and longest film that is told in words.
        questions: questions per row.
        ask: writes the prompt that asks a question directly.
        ask_to_think: writes the prompt that asks for a trace first. Only films told in words are asked about so: the base
            model knows the form, and what leads to an answer, but not to write down what it sees.

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
        written = make_film("", f"written {at} {rng.random()}", seconds, (film.fps,), film.size)
        read = [_read(_by_kind(written), ask, ask_to_think, rng) for _ in range(questions)]
        rows.append({"video": None, "prefix": write_claims(written.scenes), "branches": read})
        echo = [_echo(ask, rng) for _ in range(questions)]
        rows.append({"video": None, "prefix": "", "branches": echo})
    return rows


def sample_film(film: Film, frames: config.Frames, overlay: config.Overlay) -> Clip:
    """What a model sees of a film that is in no file."""
    times = sample_times(film.seconds, film.fps, frames)
    pictures = np.stack([render(film, time) for time in times.tolist()])
    fps = sampling_rate(len(times), film.seconds, frames)
    return make_clip(pictures, times, fps, [Cue(*cue) for cue in film.cues], frames, overlay)


def _moments(film: Film) -> list[Branch]:
    moments = []
    for second in range(0, film.seconds, STEP):
        scene = next((scene for scene in film.scenes if scene.start <= second < scene.end), None)
        seen = "nothing" if scene is None else scene.sentence
        moments.append({"kind": "glance", "prompt": GLANCE, "response": f"{clock(second)}: {seen}."})
    return moments


def _direct(found: dict[str, list[Item]], ask: Asker, rng: random.Random) -> Branch:
    item, options = _draw(found, rng)
    return {"kind": "see", "prompt": ask(item.question, options), "response": _say([item.answer], options)}


def _read(found: dict[str, list[Item]], ask: Asker, ask_to_think: Asker, rng: random.Random) -> Branch:
    item, options = _draw(found, rng)
    if rng.random() < THOUGHT_SHARE:
        prompt, trace = ask_to_think(item.question, options), write_trace([], item.steps, item.answer, options)
        response = write_response(trace, item.answer, options)
    else:
        prompt = ask(item.question, options)
        response = " ".join(part for part in (item.steps, _say([item.answer], options)) if part)
    return {"kind": "read", "prompt": "\n" + prompt, "response": response}


def _echo(ask: Asker, rng: random.Random) -> Branch:
    """Options of all kinds, some given back with their letters, each as often as it comes: what has been said does not tell
    what is left."""
    options = rng.sample(VALUES, rng.choice(OPTION_COUNTS))
    return {"kind": "echo", "prompt": ask(ECHO, options), "response": _say(rng.choices(options, k=ECHOES), options)}


def _say(answers: Sequence[str], options: Sequence[str]) -> str:
    """A direct answer. Its first word has a space before it, and so is the token that it is among the options."""
    return f"It is {', '.join(write_answer(answer, options) for answer in answers)}."


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
