"""Exercises in text alone for the base model: the steps that lead to answers, many in a row."""

from __future__ import annotations

import random

from video_r2.data.questions import all_sums, count_along, most_so_far
from video_r2.data.traces import write_steps
from video_r2.data.world import COLOURS, DIGITS, LENGTHS, SHAPES

SUMS = 12  # worked out in one exercise
OBJECTS = (3, 6)  # looked at in one exercise, fewest and most
VALUES = sorted({*LENGTHS, *(int(digit) for digit in DIGITS)})


def draw_exercise(seconds: int, rng: random.Random) -> tuple[str, str]:
    """Draw a task and the steps that solve it: sums, the most of several, or a count.

    Args:
        seconds: no time is later than this.
    """
    form = rng.randrange(3)
    if form == 0:
        told = rng.choices(all_sums(seconds), k=SUMS)
        return f"Work out {', '.join(one.partition(' is ')[0] for one in told)}.", write_steps(told)
    number = rng.randint(*OBJECTS)
    colours = rng.sample(sorted(COLOURS), number)
    shapes = rng.choices(SHAPES, k=number)
    objects = [f"{colour} {shape}" for colour, shape in zip(colours, shapes, strict=True)]
    if form == 1:
        values = rng.choices(VALUES, k=number)
        told = [f"{one} {value}" for one, value in zip(objects, values, strict=True)]
        most = most_so_far(colours, values)
        steps = [f"{one}, {so_far}." for one, so_far in zip(told, most, strict=True)]
        return f"Find the most: {', '.join(told)}.", write_steps(steps)
    shape = rng.choice(SHAPES)
    counted = count_along(objects, [one == shape for one in shapes])
    return f"Count each {shape}: {', '.join(objects)}.", write_steps([counted])
