"""The base model's corpus: films described, asked about directly or after a description, told in words; text exercises."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from video_r2 import config
from video_r2.data.exercises import draw_exercise
from video_r2.data.frames import Clip, make_clip
from video_r2.data.questions import TIMES, Item, items, make_options
from video_r2.data.subtitles import Cue
from video_r2.data.traces import LETTERS, short_answer, write_answer, write_claims, write_trace
from video_r2.data.videos import sample_times, sampling_rate
from video_r2.data.world import COLOURS, MOTIONS, SHAPES, STEP, WORDS, Film, clock, make_film, render, write_claim

DESCRIBE = "Describe the video."
EXPLAIN = "Describe, then answer."
GLANCE = "Describe the moment."
LOCATE = "Describe the moment at {time}."
ECHO = "Name the options."
TAGS = ("", "think", "answer")
OPTION_COUNTS = (4, 4, 4, 5, 5, 10)
ECHOES = 16  # options given back in one answer
JOINTS = ("", " ", ".", ". ", " so ", ", again: ")  # between an answer and its tags
OPEN_ECHOES = 0.3  # share of those in answer tags that have no letters
VALUES = (*COLOURS, *SHAPES, *MOTIONS, *WORDS, *TIMES, *(str(number) for number in range(13)))

Asker = Callable[[str, Sequence[str]], str]  # question and options to prompt
Branch = dict[str, str]  # kind, prompt, given, response


def make_rows(
    films: Sequence[Film],
    seconds: tuple[int, int],
    questions: int,
    ask: Asker,
    ask_to_explain: Asker,
    rng: random.Random,
) -> list[dict[str, Any]]:
    """Draw one row per film of things to say about it, and as many rows of text alone.

    Args:
        films: the films that it is trained on.
        seconds: shortest and longest film that is told in words.
        questions: questions per row.
        ask: writes the prompt that asks a question directly.
        ask_to_explain: writes the prompt that asks for a description first (EXPLAIN).

    Returns:
        Rows {video, branches}: `video` is a film's name, or None where there is text alone; each branch is {kind, prompt,
        given, response}, the response going on from what is given of it. A glance is of one moment of two seconds by
        itself, in order. No row asks for a trace in the think form.
    """
    rows: list[dict[str, Any]] = []
    for at, film in enumerate(films):
        found = _by_kind(film)
        branches = [_branch("describe", DESCRIBE, write_claims(film.scenes))]
        branches += [_explained(film, found, ask_to_explain, rng) for _ in range(questions)]
        branches += [_direct(found, ask, rng) for _ in range(questions)]
        rows.append({"video": film.name, "branches": [*branches, *_glances(film), *_located(film)]})
        written = make_film("", f"written {at} {rng.random()}", seconds, (film.fps,), film.size)
        read = [_read(written, _by_kind(written), ask_to_explain, rng) for _ in range(questions)]
        rows.append({"video": None, "branches": read})
        alone = [_echo(ask, rng) for _ in range(questions)]
        alone += [_exercise(seconds[1], ask, rng) for _ in range(questions)]
        rows.append({"video": None, "branches": alone})
    return rows


def sample_film(film: Film, frames: config.Frames, overlay: config.Overlay) -> Clip:
    """What a model sees of a film that is in no file."""
    times = sample_times(film.seconds, film.fps, frames)
    pictures = np.stack([render(film, time) for time in times.tolist()])
    fps = sampling_rate(len(times), film.seconds, frames)
    return make_clip(pictures, times, fps, [Cue(*cue) for cue in film.cues], frames, overlay)


def _glances(film: Film) -> list[Branch]:
    glances = []
    for second in range(0, film.seconds, STEP):
        scene = next((scene for scene in film.scenes if scene.start <= second < scene.end), None)
        seen = "nothing" if scene is None else scene.sentence
        glances.append(_branch("glance", GLANCE, f" {seen} {clock(second)}."))
    return glances


def _located(film: Film) -> list[Branch]:
    """What is on screen at each time, with the whole span of it, asked of the whole film."""
    edges = [0, *(edge for scene in film.scenes for edge in (scene.start, scene.end)), film.seconds]
    seen = [(scene.start, scene.end, scene.claim) for scene in film.scenes]
    seen += [
        (start, end, write_claim("nothing", start, end)) for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]
    return [
        _branch("locate", LOCATE.format(time=clock(second)), f" {claim}")
        for start, end, claim in seen
        for second in range(start, end, STEP)
    ]


def _direct(found: dict[str, list[Item]], ask: Asker, rng: random.Random) -> Branch:
    item, options = _draw(found, rng)
    return _branch("see", ask(item.question, options), _say([write_answer(item.answer, options)]))


def _explained(film: Film, found: dict[str, list[Item]], ask: Asker, rng: random.Random) -> Branch:
    item, options = _draw(found, rng)
    response = write_trace(film.scenes, item.steps, item.answer, options)
    return _branch("explain", ask(item.question, options), response)


def _read(film: Film, found: dict[str, list[Item]], ask: Asker, rng: random.Random) -> Branch:
    """As if the film had been seen: what is said of it is given."""
    item, options = _draw(found, rng)
    response = write_trace([], item.steps, item.answer, options)
    return _branch("read", ask(item.question, options), response, write_claims(film.scenes))


def _echo(ask: Asker, rng: random.Random) -> Branch:
    """Options of all kinds, some given back with their letters, each as often as it comes: what has been said does not tell
    what is left. Some in the tags of the think form, so that these are known, though not what they are for."""
    options = rng.sample(VALUES, rng.choice(OPTION_COUNTS))
    tag = rng.choice(TAGS)
    echoed = rng.choices(options, k=ECHOES if tag != "answer" else ECHOES // 2)
    prompt = f"{ECHO[:-1]} with <{tag}> </{tag}>." if tag else ECHO
    if tag == "answer" and rng.random() < OPEN_ECHOES:
        # Where nothing has a letter, the answer itself stands in the tags.
        prompt, options = f"{prompt} {', '.join(options)}.", []
    said = [write_answer(answer, options) for answer in echoed]
    if tag == "answer":
        # Now near and now farther off, so that the letter is copied from what was said and not from a place.
        said = [
            f"{each}{rng.choice(JOINTS)}<answer>{short_answer(answer, options)}</answer>"
            for each, answer in zip(said, echoed, strict=True)
        ]
    response = f"<think>{_say(said)}</think>" if tag == "think" else _say(said)
    return _branch("echo", ask(prompt, options), response)


def _exercise(seconds: int, ask: Asker, rng: random.Random) -> Branch:
    task, steps = draw_exercise(seconds, rng)
    return _branch("exercise", ask(task, []), steps)


def _branch(kind: config.RowKind, prompt: str, response: str, given: str = "") -> Branch:
    return {"kind": kind, "prompt": prompt, "given": given, "response": response}


def _say(answers: Iterable[str]) -> str:
    """A direct answer. It has a space before it, as what is told has."""
    return f" It is {', '.join(answers)}."


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
