"""A generated world of films whose every moment is known: what is on screen, from when to when, and what can be asked.

A film is a row of scenes. In each scene one object of some colour and shape carries a digit and moves in some direction;
scenes begin and end at even seconds and may be apart. Some films have subtitles, one word a scene. Everything is drawn
from a seed, so that a film is the same on every machine.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, combinations
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from video_r2 import config

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
ORDINALS = ("first", "second", "third")

STEP = 2  # seconds: scenes begin and end on multiples of it
LENGTHS = (2, 4, 6, 8, 10)  # seconds that a scene may last
RADIUS = 0.32  # half an object's size as a share of the frame's
DIGIT = 1.5  # height of its digit as a share of the radius
TRAVEL = 0.12  # share of the frame's width that an object moves to either side of the centre
LETTERS = "ABCDEFGHIJ"

Looks = Literal["one", "several"]


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
        spoken = f' "{self.word}"' if self.word else ""
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


@dataclass(frozen=True)
class Item:
    """Something that can be asked about a film.

    Attributes:
        kind: what is asked; a key of `KINDS`.
        question: the text of the question.
        answer: the right answer, in words.
        values: every answer that a question of this kind could have; wrong options come from here.
        steps: what leads from the scenes to the answer, sentence by sentence.
    """

    kind: str
    question: str
    answer: str
    values: tuple[str, ...]
    steps: tuple[str, ...] = ()

    @property
    def looks(self) -> Looks:
        """Whether one moment of the film answers it, or several have to be put together."""
        return KINDS[self.kind]

    @property
    def is_number(self) -> bool:
        return all(value.isdigit() for value in self.values)


def clock(second: int) -> str:
    """Write a time as MM:SS."""
    return f"{second // 60:02d}:{second % 60:02d}"


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


def draw_film(world: config.World, name: str, draw: int = 0) -> Film:
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
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf", size)


# --- what can be asked ------------------------------------------------------------------------------------------------

KINDS: dict[str, Looks] = {
    "colour_at": "one",
    "shape_at": "one",
    "digit_at": "one",
    "motion_at": "one",
    "colour_of": "one",
    "shape_of": "one",
    "digit_of": "one",
    "motion_of": "one",
    "colour_during_word": "one",
    "when": "one",
    "next_colour": "several",
    "next_digit": "several",
    "nth_shape": "several",
    "longest": "several",
    "duration": "several",
    "gap": "several",
    "count": "several",
    "sum": "several",
    "difference": "several",
    "largest": "several",
}
TIMES = tuple(clock(second) for second in range(0, 22, STEP))


def items(film: Film) -> list[Item]:
    """Everything that can be asked about a film, with one answer each."""
    found: list[Item] = []
    for ask in (_single_looks, _order, _lengths, _arithmetic):
        found.extend(item for item in ask(film) if item.answer in item.values)
    return found


def _unique(scenes: Sequence[Scene], attribute: Callable[[Scene], str]) -> list[Scene]:
    counts = Counter(attribute(scene) for scene in scenes)
    return [scene for scene in scenes if counts[attribute(scene)] == 1]


def _single_looks(film: Film) -> Iterable[Item]:
    for scene in film.scenes:
        # One second into a scene and more, so that no boundary decides.
        for second in range(scene.start + 1, scene.end, 3):
            time = clock(second)
            yield Item(
                "colour_at", f"What colour is the object at {time}?", scene.colour, tuple(COLOURS), (scene.said,)
            )
            yield Item("shape_at", f"What shape is the object at {time}?", scene.shape, SHAPES, (scene.said,))
            yield Item("digit_at", f"Which digit is shown at {time}?", scene.digit, DIGITS, (scene.said,))
            yield Item("motion_at", f"How does the object move at {time}?", scene.motion, tuple(MOTIONS), (scene.said,))
        yield Item("when", f"When does the {scene.object} appear?", clock(scene.start), TIMES, (scene.said,))
        if scene.word:
            question = f'What colour is the object while the subtitle says "{scene.word}"?'
            yield Item("colour_during_word", question, scene.colour, tuple(COLOURS), (scene.said,))
    for scene in _unique(film.scenes, lambda scene: scene.shape):
        yield Item("colour_of", f"What colour is the {scene.shape}?", scene.colour, tuple(COLOURS), (scene.said,))
        yield Item("motion_of", f"How does the {scene.shape} move?", scene.motion, tuple(MOTIONS), (scene.said,))
    for scene in _unique(film.scenes, lambda scene: scene.colour):
        yield Item("shape_of", f"What shape is the {scene.colour} object?", scene.shape, SHAPES, (scene.said,))
        yield Item("digit_of", f"Which digit is on the {scene.colour} object?", scene.digit, DIGITS, (scene.said,))


def _order(film: Film) -> Iterable[Item]:
    for before, after in zip(film.scenes, film.scenes[1:], strict=False):
        question, steps = f"What colour is the object right after the {before.object}?", (before.said, after.said)
        # No colour comes twice in a film: the one in the question could be ruled out unseen.
        others = tuple(colour for colour in COLOURS if colour != before.colour)
        yield Item("next_colour", question, after.colour, others, steps)
        yield Item("next_digit", f"Which digit comes right after the {before.object}?", after.digit, DIGITS, steps)
    counted = [f"{ordinal} {scene.object}" for ordinal, scene in zip(ORDINALS, film.scenes, strict=False)]
    for at, (ordinal, scene) in enumerate(zip(ORDINALS, film.scenes, strict=False)):
        told = f"{', '.join(counted[: at + 1])}."
        yield Item("nth_shape", f"What shape is the {ordinal} object?", scene.shape, SHAPES, (told,))
    last = film.scenes[-1]
    yield Item("nth_shape", "What shape is the last object?", last.shape, SHAPES, (last.said,))
    digits = [int(scene.digit) for scene in film.scenes]
    if digits.count(max(digits)) == 1:
        scene = film.scenes[digits.index(max(digits))]
        question = "What colour is the object with the largest digit?"
        listed = ", ".join(f"{one.colour} {one.digit}" for one in film.scenes)
        yield Item("largest", question, scene.colour, tuple(COLOURS), (f"{listed}.",))


def _lengths(film: Film) -> Iterable[Item]:
    lengths = [scene.end - scene.start for scene in film.scenes]
    values = tuple(str(length) for length in LENGTHS)
    for scene, length in zip(film.scenes, lengths, strict=True):
        question = f"For how many seconds is the {scene.object} shown?"
        yield Item("duration", question, str(length), values, (scene.said, _minus(scene.end, scene.start)))
    if lengths.count(max(lengths)) == 1:
        scene = film.scenes[lengths.index(max(lengths))]
        listed = ", ".join(f"{one.colour} {length}" for one, length in zip(film.scenes, lengths, strict=True))
        steps = (*(_minus(one.end, one.start) for one in film.scenes), f"{listed}.")
        yield Item("longest", "What colour is the object that stays longest?", scene.colour, tuple(COLOURS), steps)
    gaps = tuple(str(second) for second in range(2, 14, STEP))
    for before, after in zip(film.scenes, film.scenes[1:], strict=False):
        question = f"How many seconds after the {before.object} does the {after.object} appear?"
        steps = (before.said, after.said, _minus(after.start, before.start))
        yield Item("gap", question, str(after.start - before.start), gaps, steps)


def _minus(late: int, early: int) -> str:
    return f"{clock(late)} minus {clock(early)} is {late - early}."


def _arithmetic(film: Film) -> Iterable[Item]:
    sums = tuple(str(total) for total in range(2, 13))
    differences = tuple(str(value) for value in range(6))
    first, *_, last = film.scenes
    pairs = [("first", first, "last object", last)]
    pairs += [(one.object, one, two.object, two) for one, two in combinations(film.scenes, 2)]
    for name, one, other_name, two in pairs:
        question = f"What is the sum of the digits of the {name} and the {other_name}?"
        total = int(one.digit) + int(two.digit)
        steps = (one.said, two.said, f"{one.digit} plus {two.digit} is {total}.")
        yield Item("sum", question, str(total), sums, steps)
        question = f"How far apart are the digits of the {name} and the {other_name}?"
        larger, smaller = max(one.digit, two.digit), min(one.digit, two.digit)
        difference = int(larger) - int(smaller)
        steps = (one.said, two.said, f"{larger} minus {smaller} is {difference}.")
        yield Item("difference", question, str(difference), differences, steps)
    counts = tuple(str(count) for count in range(4))
    for shape in SHAPES:
        # Counted along: each scene's shape, and how many of those asked for there have been.
        running = list(accumulate(int(scene.shape == shape) for scene in film.scenes))
        listed = ", ".join(f"{scene.shape} {so_far}" for scene, so_far in zip(film.scenes, running, strict=True))
        yield Item("count", f"In how many scenes is a {shape} shown?", str(running[-1]), counts, (f"{listed}.",))


def choose_items(
    films: Sequence[Film], kinds: Sequence[str], number: int, rng: random.Random
) -> list[tuple[Film, Item]]:
    """Pick `number` questions, the kinds in turn and every kind's answers as even as the films allow.

    With even answers, no answer is likelier than another for someone who has not seen the film.
    """
    pool: dict[str, dict[str, list[tuple[Film, Item]]]] = defaultdict(lambda: defaultdict(list))
    for film in films:
        for item in items(film):
            if item.kind in kinds:
                pool[item.kind][item.answer].append((film, item))
    for kind, answers in sorted(pool.items()):
        for answer in sorted(answers):
            rng.shuffle(answers[answer])
        pool[kind] = dict(sorted(answers.items()))
    chosen: list[tuple[Film, Item]] = []
    used: dict[str, Counter[str]] = defaultdict(Counter)
    uses: Counter[str] = Counter()
    turn = 0
    while len(chosen) < number and any(any(answers.values()) for answers in pool.values()):
        kind = kinds[turn % len(kinds)]
        turn += 1
        left = [answer for answer, found in pool[kind].items() if found]
        if not left:
            continue
        fewest = min(used[kind][answer] for answer in left)
        answer = rng.choice([answer for answer in left if used[kind][answer] == fewest])
        # Of the films that have this answer, one that has been asked about least.
        candidates = pool[kind][answer]
        at = min(range(len(candidates)), key=lambda index: uses[candidates[index][0].name])
        film, item = candidates.pop(at)
        used[kind][answer] += 1
        uses[film.name] += 1
        chosen.append((film, item))
    return chosen


def make_options(item: Item, number: int, position: int, rng: random.Random) -> list[str]:
    """At most `number` options with the right answer at `position` (modulo their number).

    The wrong ones are drawn evenly from the kind's other values, so that they look like answers.
    """
    wrong = rng.sample([value for value in item.values if value != item.answer], min(number, len(item.values)) - 1)
    position %= len(wrong) + 1
    return [*wrong[:position], item.answer, *wrong[position:]]


class Places:
    """Deals out the place of the right option, so that for every kind each place comes equally often."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._decks: dict[tuple[str, int], list[int]] = defaultdict(list)

    def options(self, item: Item, number: int) -> list[str]:
        """Options for `item`, at most `number`; none for 0."""
        if number == 0:
            return []
        number = min(number, len(item.values))
        deck = self._decks[item.kind, number]
        if not deck:
            deck.extend(self._rng.sample(range(number), number))
        return make_options(item, number, deck.pop(), self._rng)


def kind_of(question_id: str) -> str:
    """Kind of a question with the id "<kind>-<number>", as the generated sets have them.

    Raises:
        ValueError: if the question is not the world's.
    """
    kind = question_id.rpartition("-")[0].rpartition("/")[2]
    if kind not in KINDS:
        raise ValueError(f"{question_id!r} is not the id of a generated question")
    return kind


# --- what is said about it --------------------------------------------------------------------------------------------


def write_claim(seen: str, start: int, end: int) -> str:
    """What is seen from when to when. The times stand last: a scene that is found by its looks is told again from left to
    right."""
    return f"{seen} {clock(start)} to {clock(end)}."


def write_claims(scenes: Iterable[Scene]) -> str:
    """What is seen when, a sentence a scene; each after a space, so that its first word is the token it is elsewhere."""
    return "".join(f" {scene.claim}" for scene in scenes)


def write_answer(answer: str, options: Sequence[str]) -> str:
    """An answer in words, then its letter where there are options: "blue (B)"."""
    return f"{answer} ({LETTERS[options.index(answer)]})" if options else answer


def write_steps(steps: Iterable[str]) -> str:
    """What leads to an answer (`Item.steps`), written as `write_claims` does."""
    return "".join(f" {step}" for step in steps)


def write_trace(scenes: Sequence[Scene], steps: Iterable[str], concluded: str, options: Sequence[str]) -> str:
    """A reasoning trace: the scenes with their times, the steps, the conclusion."""
    return f"{write_claims(scenes)}{write_steps(steps)} So the answer is {write_answer(concluded, options)}."


def write_response(trace: str, answer: str, options: Sequence[str]) -> str:
    """A whole response: think block, then answer block with the letter, or the text where there are no options."""
    short = LETTERS[options.index(answer)] if options else answer
    return f"<think>{trace}</think><answer>{short}</answer>"


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
