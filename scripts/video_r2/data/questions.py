"""What can be asked about a film of the generated world, with answers, steps and options."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations, product
from typing import Literal

from video_r2.data.world import COLOURS, DIGITS, LENGTHS, MOTIONS, SHAPES, STEP, WORDS, Film, Scene, clock

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
    "word_during": "one",
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
GAPS = range(STEP, 14, STEP)  # seconds from one scene's start to the next one's
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
    for at, scene in enumerate(film.scenes):
        # One second into a scene and more, so that no boundary decides.
        for second in range(scene.start + 1, scene.end, 3):
            time = clock(second)
            yield Item(
                "colour_at", f"What colour is the object at {time}?", scene.colour, tuple(COLOURS), (scene.said,)
            )
            yield Item("shape_at", f"What shape is the object at {time}?", scene.shape, SHAPES, (scene.said,))
            yield Item("digit_at", f"Which digit is shown at {time}?", scene.digit, DIGITS, (scene.said,))
            yield Item("motion_at", f"How does the object move at {time}?", scene.motion, tuple(MOTIONS), (scene.said,))
        yield Item("when", f"When does the {scene.object} appear?", clock(scene.start), TIMES, (scene.claim,))
        if scene.word:
            question = f"Which word do the subtitles say while the {scene.object} is shown?"
            yield Item("word_during", question, scene.word, WORDS, (scene.said,))
        if scene in _unique(film.scenes, lambda one: one.shape):
            # Looked for along the scenes: a small model goes from colour to shape, and not back.
            looked_at = film.scenes[: at + 1]
            found = count_along([one.object for one in looked_at], [one.shape == scene.shape for one in looked_at])
            yield Item("colour_of", f"What colour is the {scene.shape}?", scene.colour, tuple(COLOURS), (found,))
            steps = (found, scene.said)
            yield Item("motion_of", f"How does the {scene.shape} move?", scene.motion, tuple(MOTIONS), steps)
        # No colour comes twice in a film.
        yield Item("shape_of", f"What shape is the {scene.colour} object?", scene.shape, SHAPES, (scene.said,))
        yield Item("digit_of", f"Which digit is on the {scene.colour} object?", scene.digit, DIGITS, (scene.said,))


def _order(film: Film) -> Iterable[Item]:
    for before, after in zip(film.scenes, film.scenes[1:], strict=False):
        question = f"What colour is the object right after the {before.object}?"
        steps: tuple[str, ...] = (before.claim, after.claim)
        # No colour comes twice in a film: the one in the question could be ruled out unseen.
        others = tuple(colour for colour in COLOURS if colour != before.colour)
        yield Item("next_colour", question, after.colour, others, steps)
        yield Item("next_digit", f"Which digit comes right after the {before.object}?", after.digit, DIGITS, steps)
    counted = [f"{ordinal} {scene.object}" for ordinal, scene in zip(ORDINALS, film.scenes, strict=False)]
    for at, (ordinal, scene) in enumerate(zip(ORDINALS, film.scenes, strict=False)):
        told = f"{', '.join(counted[: at + 1])}."
        yield Item("nth_shape", f"What shape is the {ordinal} object?", scene.shape, SHAPES, (told,))
    last = film.scenes[-1]
    yield Item("nth_shape", "What shape is the last object?", last.shape, SHAPES, (f"{', '.join(counted)}.",))
    digits = [int(scene.digit) for scene in film.scenes]
    if digits.count(max(digits)) == 1:
        question = "What colour is the object with the largest digit?"
        most = most_so_far([scene.colour for scene in film.scenes], digits)
        steps = tuple(
            f"{scene.object} {scene.digit}, {so_far}." for scene, so_far in zip(film.scenes, most, strict=True)
        )
        yield Item("largest", question, film.scenes[digits.index(max(digits))].colour, tuple(COLOURS), steps)


def _lengths(film: Film) -> Iterable[Item]:
    lengths = [scene.end - scene.start for scene in film.scenes]
    values = tuple(str(length) for length in LENGTHS)
    for scene, length in zip(film.scenes, lengths, strict=True):
        question = f"For how many seconds is the {scene.object} shown?"
        yield Item("duration", question, str(length), values, (scene.claim, _length(scene.start, scene.end)))
    if lengths.count(max(lengths)) == 1:
        most = most_so_far([scene.colour for scene in film.scenes], lengths)
        along = [
            step
            for scene, so_far in zip(film.scenes, most, strict=True)
            for step in (scene.claim, _length(scene.start, scene.end), f"{so_far}.")
        ]
        answer = film.scenes[lengths.index(max(lengths))].colour
        yield Item("longest", "What colour is the object that stays longest?", answer, tuple(COLOURS), tuple(along))
    gaps = tuple(str(second) for second in GAPS)
    for before, after in zip(film.scenes, film.scenes[1:], strict=False):
        question = f"How many seconds after the {before.object} does the {after.object} appear?"
        steps = (before.claim, after.claim, _length(before.start, after.start))
        yield Item("gap", question, str(after.start - before.start), gaps, steps)


def _arithmetic(film: Film) -> Iterable[Item]:
    totals = tuple(str(total) for total in range(2, 13))
    differences = tuple(str(value) for value in range(6))
    first, *_, last = film.scenes
    pairs = [("first", first, "last object", last)]
    pairs += [(one.object, one, two.object, two) for one, two in combinations(film.scenes, 2)]
    for name, one, other_name, two in pairs:
        digits = int(one.digit), int(two.digit)
        looks = f"{one.object} {one.digit}.", f"{two.object} {two.digit}."
        question = f"What is the sum of the digits of the {name} and the {other_name}?"
        yield Item("sum", question, str(sum(digits)), totals, (*looks, _sum(*digits)))
        question = f"How far apart are the digits of the {name} and the {other_name}?"
        yield Item("difference", question, str(abs(digits[0] - digits[1])), differences, (*looks, _difference(*digits)))
    counts = tuple(str(count) for count in range(4))
    for shape in SHAPES:
        steps = (count_along([scene.object for scene in film.scenes], [scene.shape == shape for scene in film.scenes]),)
        total = sum(scene.shape == shape for scene in film.scenes)
        yield Item("count", f"In how many scenes is a {shape} shown?", str(total), counts, steps)


def most_so_far(names: Sequence[str], values: Sequence[int]) -> list[str]:
    """For each, which one has most until then; the earlier of two that have as much."""
    best = [max(range(at + 1), key=values.__getitem__) for at in range(len(values))]
    return [f"most {names[at]} {values[at]}" for at in best]


def count_along(names: Sequence[str], counted: Sequence[bool]) -> str:
    """A step that goes through all, and how many have counted until each."""
    so_far = accumulate(int(one) for one in counted)
    return f"{', '.join(f'{name} {number}' for name, number in zip(names, so_far, strict=True))}."


def _length(start: int, end: int) -> str:
    return f"{clock(start)} to {clock(end)} is {end - start}."


def _sum(one: int, two: int) -> str:
    return f"{one} plus {two} is {one + two}."


def _difference(one: int, two: int) -> str:
    return f"{max(one, two)} minus {min(one, two)} is {abs(one - two)}."


def all_sums(seconds: int) -> list[str]:
    """Everything that is worked out in the steps to an answer about a film of at most `seconds`."""
    digits = [int(digit) for digit in DIGITS]
    pairs = list(product(digits, digits))
    times = [pair for pair in combinations(range(0, seconds + 1, STEP), 2) if pair[1] - pair[0] in GAPS]
    return [
        *(_sum(one, two) for one, two in pairs),
        *(_difference(one, two) for one, two in pairs if one >= two),
        *(_length(start, end) for start, end in times),
    ]


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
