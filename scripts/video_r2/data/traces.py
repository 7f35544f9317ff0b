"""What is said about films of the generated world: claims, steps, answers, traces, and the errors of annotators."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from video_r2.data.world import STEP, Scene

LETTERS = "ABCDEFGHIJ"


def write_claims(scenes: Iterable[Scene]) -> str:
    """What is seen when, a sentence a scene; each after a space, so that its first word is the token it is elsewhere."""
    return "".join(f" {scene.claim}" for scene in scenes)


def write_answer(answer: str, options: Sequence[str]) -> str:
    """An answer in words, then its letter where there are options: "blue (B)"."""
    return f"{answer} ({short_answer(answer, options)})" if options else answer


def short_answer(answer: str, options: Sequence[str]) -> str:
    """What stands in the answer block: the answer's letter where there are options, else the answer."""
    return LETTERS[options.index(answer)] if options else answer


def write_steps(steps: Iterable[str]) -> str:
    """What leads to an answer (`Item.steps`), written as `write_claims` does."""
    return "".join(f" {step}" for step in steps)


def write_trace(
    scenes: Sequence[Scene], steps: Iterable[str], concluded: str, options: Sequence[str], hedge: str | None = None
) -> str:
    """A reasoning trace: the scenes with their times, the steps, the conclusion; a hedge is a second answer in it."""
    answers = ", ".join(write_answer(answer, options) for answer in (concluded, hedge) if answer is not None)
    return f"{write_claims(scenes)}{write_steps(steps)} So the answer is {answers}."


def write_response(trace: str, answer: str, options: Sequence[str]) -> str:
    """A whole response: think block, then answer block."""
    return f"<think>{trace}</think><answer>{short_answer(answer, options)}</answer>"


def misplace(scenes: Sequence[Scene], rng: random.Random) -> list[Scene]:
    """The scenes with the times of one of them wrong by two to three scene steps, as a careless annotator leaves them."""
    wrong = rng.randrange(len(scenes))
    shift = rng.choice([2, 3]) * STEP
    late = scenes[wrong].start < shift or rng.random() < 0.5
    moved = shift if late else -shift
    return [
        replace(scene, start=scene.start + moved, end=scene.end + moved) if at == wrong else scene
        for at, scene in enumerate(scenes)
    ]
