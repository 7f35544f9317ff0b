"""The temporal alignment reward (paper section 3.3): do a trace's claims say what happens when it happens?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from video_r2.config import Semantics, TemporalAlignment
from video_r2.reading.claims import Claim
from video_r2.reading.times import Interval, parse_time

Embed = Callable[[Sequence[str]], np.ndarray]
"""Maps n sentences to an n x d array of unit vectors."""


@dataclass(frozen=True)
class Match:
    """A claim and the event that it was matched with, by their positions, and the cosine similarity of their texts."""

    claim: int
    event: int
    similarity: float


@dataclass(frozen=True)
class Alignment:
    """How well claims and events agree; every figure is 0 to 1.

    Attributes:
        precision: matches / claims.
        recall: matches / events.
        f1: their harmonic mean.
        reward: what training rewards: F1, or as released the precision.
        claims: claims that counted.
        events: events that counted.
        matches: which claim was matched with which event.
    """

    precision: float = 0.0
    recall: float = 0.0
    f1: float = 0.0
    reward: float = 0.0
    claims: int = 0
    events: int = 0
    matches: list[Match] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    """A claim or an event that can take part: its position among those given, its interval and its text."""

    position: int
    interval: Interval
    text: str


def temporal_alignment(
    claims: Sequence[Claim],
    grounding: Mapping[str, str],
    settings: TemporalAlignment,
    embed: Embed,
    semantics: Semantics = "corrected",
) -> Alignment:
    """Match claims with events, one to one.

    A claim can match an event if their times are near and their texts similar. Released (training,
    `temporal_grounding_reward`): both intervals are widened by the buffer, so that the tolerance is twice the buffer;
    claims in time order each take the most similar event that is left; the reward is the precision. Corrected: the
    buffer counts once; of all assignments the one with most matches, then the highest similarity, counts; the reward
    is F1. A claim with an impossible time counts as a claim that matches nothing; one that is made again, with the same
    time and text, counts once: going back to what was seen is no second claim.

    Args:
        claims: what the trace says happens when.
        grounding: what happens when: a sentence by its time.
        settings: buffer in seconds and least cosine similarity.
        embed: gives the unit vectors of sentences; asked only about those whose times allow a match.
        semantics: as released or corrected.
    """
    if semantics == "reference":
        return _released(claims, grounding, settings, embed)
    told: dict[tuple[Interval | str, str], Claim] = {}
    for claim in claims:
        if text := claim.text.strip():
            key = (claim.interval or claim.time, text.casefold())
            told[key] = min(told.get(key, claim), claim, key=lambda one: one.text)  # whichever was made first
    made = list(told.values())
    entries = [_Entry(at, claim.interval, claim.text) for at, claim in enumerate(made) if claim.interval is not None]
    events = _events(grounding)
    near = [[claim.interval.gap(event.interval) <= settings.buffer_seconds for event in events] for claim in entries]
    similar = _similarities(entries, events, np.array(near, dtype=bool).reshape(len(entries), len(events)), embed)
    possible = similar >= settings.similarity
    # One match more outweighs any similarity, which is at most 1 for each match.
    rows, columns = linear_sum_assignment(np.where(possible, similar + len(made) + 1.0, 0.0), maximize=True)
    matches = [
        Match(entries[row].position, events[column].position, float(similar[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if possible[row, column]
    ]
    return _alignment(matches, len(made), len(events), semantics)


def sentences_needed(claims: Sequence[Claim], grounding: Mapping[str, str], settings: TemporalAlignment) -> list[str]:
    """Sentences that `temporal_alignment` would ask to embed, so that many completions can be embedded in one batch."""
    events = _events(grounding)
    # Twice the buffer, which is what the released matching allows.
    pairs = [
        (claim.text, event.text)
        for claim in claims
        if claim.interval is not None
        for event in events
        if claim.interval.gap(event.interval) <= 2 * settings.buffer_seconds and claim.text != event.text
    ]
    return [text for pair in pairs for text in pair]


def _events(grounding: Mapping[str, str]) -> list[_Entry]:
    parsed = [(parse_time(time), text.strip()) for time, text in grounding.items()]
    return [_Entry(at, interval, text) for at, (interval, text) in enumerate(parsed) if interval is not None and text]


def _similarities(claims: Sequence[_Entry], events: Sequence[_Entry], near: np.ndarray, embed: Embed) -> np.ndarray:
    """Cosine similarities, claims x events; -1 where the times do not allow a match."""
    similar = np.full((len(claims), len(events)), -1.0)
    pairs = []
    for row, column in zip(*np.nonzero(near), strict=True):
        if claims[row].text == events[column].text:
            similar[row, column] = 1.0
        else:
            pairs.append((row, column))
    if pairs:
        sentences = list(
            dict.fromkeys(text for row, column in pairs for text in (claims[row].text, events[column].text))
        )
        vectors = dict(zip(sentences, embed(sentences), strict=True))
        for row, column in pairs:
            similar[row, column] = float(np.dot(vectors[claims[row].text], vectors[events[column].text]))
    return similar


def _alignment(matches: list[Match], claims: int, events: int, semantics: Semantics) -> Alignment:
    precision = len(matches) / claims if claims else 0.0
    recall = len(matches) / events if events else 0.0
    f1 = 2 * len(matches) / (claims + events) if matches else 0.0
    reward = precision if semantics == "reference" else f1
    return Alignment(precision, recall, f1, reward, claims, events, matches)


# --- as released ------------------------------------------------------------------------------------------------------

_RELEASED_RANGE = re.compile(r"\s*(?:-|–|—|to)\s*", re.IGNORECASE)


def _released(
    claims: Sequence[Claim], grounding: Mapping[str, str], settings: TemporalAlignment, embed: Embed
) -> Alignment:
    try:
        made = _released_entries({claim.time: claim.text for claim in claims})
        events = _released_entries(dict(grounding))
    except OverflowError:
        return Alignment()  # the release turns any exception into a reward of 0
    if not made or not events:
        return Alignment(claims=len(made), events=len(events))
    tolerance = 2 * settings.buffer_seconds
    near = np.array([[claim.interval.gap(event.interval) <= tolerance for event in events] for claim in made])
    similar = _similarities(made, events, near, embed)
    matches = []
    for row in range(len(made)):
        column = int(similar[row].argmax())
        if similar[row, column] >= settings.similarity:
            matches.append(Match(row, column, float(similar[row, column])))
            similar[:, column] = -1.0  # taken
    return _alignment(matches, len(made), len(events), "reference")


def _released_entries(sentences: Mapping[str, str]) -> list[_Entry]:
    """Claims by their normalised time, of which the last of each wins, in the order of the intervals' mid-points."""
    by_time: dict[tuple[int, int], str] = {}
    for time, text in sentences.items():
        if (span := _released_span(time)) is not None:
            by_time[span] = text
    entries = [(Interval(*span), text.strip()) for span, text in by_time.items() if text.strip()]
    entries.sort(key=lambda entry: (entry[0].start + entry[0].end) / 2)
    return [_Entry(at, interval, text) for at, (interval, text) in enumerate(entries)]


def _released_span(time: str) -> tuple[int, int] | None:
    """Whole seconds of a time or a range as the release reads them; None if it drops the time."""
    parts = [_released_seconds(part) for part in _RELEASED_RANGE.split(time.strip())]
    if len(parts) > 2 or None in parts:
        return None
    seconds = [part for part in parts if part is not None]
    return min(seconds), max(seconds)


def _released_seconds(time: str) -> int | None:
    parts = time.strip().strip("+.,").lower().split(":")
    try:
        if len(parts) == 1:
            return round(float(parts[0]))
        *hours, minutes, seconds = parts
        if len(hours) > 1:
            return None
        return round(3600 * sum(int(hour) for hour in hours) + 60 * int(minutes) + float(seconds))
    except ValueError:
        return None
