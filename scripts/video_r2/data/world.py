"""A generated world of films whose every moment is known: what is on screen, from when to when.

A film is a row of scenes. In each scene one object of some colour and shape carries a digit and moves in some direction;
scenes begin and end at even seconds and may be apart. Some films have subtitles, one word a scene. Everything is drawn
from a seed, so that a film is the same on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from video_r2 import config
from video_r2.data.fonts import shipped_font

COLOURS = {
    "red": (225, 40, 40),
    "green": (30, 170, 60),
    "blue": (50, 90, 235),
    "yellow": (245, 220, 50),
    "purple": (165, 60, 205),
    "white": (240, 240, 240),
}
SHAPES = ("circle", "square", "triangle", "cross")
DIGITS = tuple(str(digit) for digit in range(1, 7))
MOTIONS = {"resting": (0, 0), "rising": (0, -1), "falling": (0, 1), "leftward": (-1, 0), "rightward": (1, 0)}
WORDS = ("sun", "fox", "map", "key", "jam", "owl")

STEP = 2  # seconds: scenes begin and end on multiples of it
LENGTHS = (2, 4, 6, 8, 10)  # seconds that a scene may last
RADIUS = 0.32  # half an object's size as a share of the frame's
DIGIT = 1.5  # height of its digit as a share of the radius
TRAVEL = 0.12  # share of the frame's width that an object moves to either side of the centre


@dataclass(frozen=True)
class Scene:
    """One object on screen from `start` to `end`, in seconds."""

    start: int
    end: int
    colour: str
    shape: str
    digit: str
    motion: str
    word: str = ""

    @property
    def object(self) -> str:
        return f"{self.colour} {self.shape}"

    @property
    def span(self) -> str:
        return f"{clock(self.start)}-{clock(self.end)}"

    @property
    def sentence(self) -> str:
        """What is seen in as few words as will do, what belongs together side by side: a small model pays for every token."""
        spoken = f" with {self.word}" if self.word else ""
        return f"{self.object} {self.digit} {self.motion}{spoken}"

    @property
    def claim(self) -> str:
        """The scene told with its times."""
        return write_claim(self.sentence, self.start, self.end)

    @property
    def said(self) -> str:
        """The scene told again without its times."""
        return f"{self.sentence}."


@dataclass(frozen=True)
class Film:
    """A video of the world: its scenes in order, its length in seconds and its frames per second."""

    name: str
    seconds: int
    fps: int
    size: tuple[int, int]
    background: tuple[int, int, int]
    scenes: tuple[Scene, ...]

    @property
    def grounding(self) -> dict[str, str]:
        """What happens when, as in the release's `temporal_grounding`."""
        return {scene.span: scene.sentence for scene in self.scenes}

    @property
    def cues(self) -> list[tuple[int, int, str]]:
        """Subtitles: start and end in seconds, and the word; empty for a film without."""
        return [(scene.start, scene.end, scene.word) for scene in self.scenes if scene.word]


def clock(second: int) -> str:
    """Write a time as MM:SS."""
    return f"{second // 60:02d}:{second % 60:02d}"


def write_claim(seen: str, start: int, end: int) -> str:
    """What is seen from when to when. The times stand last: a scene that is found by its looks is told again from left to
    right."""
    return f"{seen} {clock(start)} to {clock(end)}."


def make_film(name: str, seed: str, seconds: tuple[int, int], fps: Sequence[int], size: tuple[int, int]) -> Film:
    """Draw a film from `seed`; its length in seconds lies within `seconds`."""
    rng = random.Random(f"film {seed}")
    length = rng.randrange(seconds[0], seconds[1] + 1, STEP)
    spoken = rng.random() < 0.25
    shade = rng.randrange(10, 50)
    background = (shade + rng.randrange(12), shade + rng.randrange(12), shade + rng.randrange(12))
    spans = _spans(rng, length)
    words = rng.sample(WORDS, len(spans))
    colours = rng.sample(list(COLOURS), len(spans))
    scenes: list[Scene] = []
    for (start, end), colour, word in zip(spans, colours, words, strict=True):
        shape, digit = rng.choice(SHAPES), rng.choice(DIGITS)
        if scenes and scenes[-1].end == start and rng.random() < 0.15:
            # The object stays and only its colour changes.
            shape, digit = scenes[-1].shape, scenes[-1].digit
        motion = rng.choice(list(MOTIONS))
        scenes.append(Scene(start, end, colour, shape, digit, motion, word if spoken else ""))
    return Film(name, length, rng.choice(list(fps)), size, background, tuple(scenes))


def draw_film(world: config.Films, name: str, draw: int = 0) -> Film:
    """The film of a name in this world; `draw` numbers the tries at one with some property."""
    return make_film(name, f"{world.seed} {name} {draw}", world.seconds, world.fps, world.size)


def _spans(rng: random.Random, seconds: int) -> list[tuple[int, int]]:
    """Two or three stretches of the film, in order, some apart."""
    number = 2 if seconds < 10 else 3 if seconds > 20 else rng.choice([2, 3])
    while True:
        start, spans = rng.choice([0, 0, STEP]), []
        for _ in range(number):
            end = start + rng.choice(LENGTHS)
            spans.append((start, end))
            start = end + rng.choice([0, 0, STEP])
        if seconds - STEP <= spans[-1][1] <= seconds:
            return spans


def render(film: Film, time: float) -> np.ndarray:
    """Draw the film at `time` seconds: height x width x 3, uint8."""
    image = Image.new("RGB", film.size, film.background)
    scene = next((scene for scene in film.scenes if scene.start <= time < scene.end), None)
    if scene is not None:
        _draw_object(ImageDraw.Draw(image), scene, film.size, (time - scene.start) / (scene.end - scene.start))
    return np.asarray(image)


def _draw_object(draw: ImageDraw.ImageDraw, scene: Scene, size: tuple[int, int], progress: float) -> None:
    width, height = size
    step_x, step_y = MOTIONS[scene.motion]
    x = width * (0.5 + step_x * TRAVEL * (2 * progress - 1))
    y = height * (0.55 + step_y * TRAVEL * (2 * progress - 1))
    radius = RADIUS * min(width, height)
    fill = COLOURS[scene.colour]
    if scene.shape == "circle":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill)
    elif scene.shape == "square":
        draw.rectangle((x - 0.85 * radius, y - 0.85 * radius, x + 0.85 * radius, y + 0.85 * radius), fill)
    elif scene.shape == "triangle":
        corners = [(x, y - 1.2 * radius), (x - 1.15 * radius, y + 0.9 * radius), (x + 1.15 * radius, y + 0.9 * radius)]
        draw.polygon(corners, fill)
    else:
        arm = 0.45 * radius
        draw.rectangle((x - radius, y - arm, x + radius, y + arm), fill)
        draw.rectangle((x - arm, y - radius, x + arm, y + radius), fill)
    ink = (0, 0, 0) if sum(fill) > 420 else (255, 255, 255)
    draw.text((x, y), scene.digit, ink, font=_font(round(DIGIT * radius)), anchor="mm")


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(shipped_font("DejaVuSans-Bold"), size)
