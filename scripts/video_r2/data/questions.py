"""What can be asked about a film of the generated world, with answers, steps and options."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations
from typing import Literal

from video_r2.data.world import COLOURS, DIGITS, LENGTHS, MOTIONS, SHAPES, STEP, Film, Scene, clock

Looks = Literal["one", "several"]

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
ORDINALS = ("first", "second", "third")


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
