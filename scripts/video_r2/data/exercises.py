"""Exercises in text alone for the base model: the steps that lead to answers, many in a row."""

from __future__ import annotations

import random
from collections.abc import Callable

from video_r2.data.questions import all_sums, count_along, most_so_far
from video_r2.data.traces import write_claims, write_steps
from video_r2.data.world import COLOURS, DIGITS, LENGTHS, MOTIONS, SHAPES, STEP, Scene, clock

SUMS = 12  # worked out in one exercise
SCENES = (3, 6)  # looked at in one exercise, fewest and most
LOOKED_UP = 3  # of them in one exercise
VALUES = sorted({*LENGTHS, *(int(digit) for digit in DIGITS)})


def draw_exercise(seconds: int, rng: random.Random) -> tuple[str, str]:
    """Draw a task and the steps that solve it.

    Args:
        seconds: no time is later than this.
    """
    if rng.random() < 1 / (1 + len(TASKS)):
        told = rng.choices(all_sums(seconds), k=SUMS)
        return f"Work out {', '.join(one.partition(' is ')[0] for one in told)}.", write_steps(told)
    return rng.choice(TASKS)(_draw_scenes(seconds, rng), rng)


def _draw_scenes(seconds: int, rng: random.Random) -> list[Scene]:
    """One after the other, as in a film, but more of them; no colour comes twice."""
    moments = range(0, seconds + 1, STEP)
    number = min(rng.randint(*SCENES), len(moments) // 2)
    edges = sorted(rng.sample(moments, 2 * number))
    return [
        Scene(start, end, colour, rng.choice(SHAPES), rng.choice(DIGITS), rng.choice(sorted(MOTIONS)))
        for start, end, colour in zip(edges[::2], edges[1::2], rng.sample(sorted(COLOURS), number), strict=True)
    ]


def _repeat(scenes: list[Scene], rng: random.Random) -> tuple[str, str]:
    asked = rng.choices(scenes, k=LOOKED_UP)
    named = ", ".join(scene.object for scene in asked)
    return f"Repeat {named}:{write_claims(scenes)}", write_claims(asked)


def _find(scenes: list[Scene], rng: random.Random) -> tuple[str, str]:
    asked = rng.choices(scenes, k=LOOKED_UP)
    times = ", ".join(clock(rng.randrange(scene.start, scene.end)) for scene in asked)
    return f"Find {times}:{write_claims(scenes)}", write_claims(asked)


def _most(scenes: list[Scene], rng: random.Random) -> tuple[str, str]:
    values = rng.choices(VALUES, k=len(scenes))
    told = [f"{scene.object} {value}" for scene, value in zip(scenes, values, strict=True)]
    most = most_so_far([scene.colour for scene in scenes], values)
    steps = [f"{one}, {so_far}." for one, so_far in zip(told, most, strict=True)]
    return f"Find the most: {', '.join(told)}.", write_steps(steps)


def _count(scenes: list[Scene], rng: random.Random) -> tuple[str, str]:
    objects, shape = [scene.object for scene in scenes], rng.choice(SHAPES)
    counted = count_along(objects, [scene.shape == shape for scene in scenes])
    return f"Count each {shape}: {', '.join(objects)}.", write_steps([counted])


TASKS: tuple[Callable[[list[Scene], random.Random], tuple[str, str]], ...] = (_repeat, _find, _most, _count)
