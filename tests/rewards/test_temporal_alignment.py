"""Temporal alignment with hand-made sentences whose similarities are set, so that every figure can be worked out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_r2.config import TemporalAlignment
from video_r2.reading.claims import Claim
from video_r2.reading.times import parse_time
from video_r2.rewards.temporal_alignment import Embed, temporal_alignment

SETTINGS = TemporalAlignment(buffer_seconds=2.0, similarity=0.75)


def claim(time: str, text: str) -> Claim:
    return Claim(time, parse_time(time), text)


def embedding(**cosines: float) -> Embed:
    """Vectors in which a claim and an event, named `claim__event`, have the given cosine; all other pairs have 0."""
    claims, events = ([pair.split("__")[side] for pair in cosines] for side in (0, 1))
    vectors = {name: np.eye(len(cosines))[at] for at, name in enumerate(dict.fromkeys(claims))}
    for event in events:
        vectors[event] = sum(cosine * vectors[one] for (one, other), cosine in _pairs(cosines) if other == event)
    return lambda sentences: np.array([vectors.get(sentence, np.zeros(len(cosines))) for sentence in sentences])


def _pairs(cosines: dict[str, float]) -> list[tuple[list[str], float]]:
    return [(pair.split("__"), cosine) for pair, cosine in cosines.items()]


def test_an_hour_has_sixty_minutes_as_released() -> None:
    found = temporal_alignment([claim("60:05", "x")], {"1:00:05": "x"}, SETTINGS, embedding(), "reference")
    assert found.precision == 1
    assert (
        temporal_alignment([claim("01:05", "x")], {"1:00:05": "x"}, SETTINGS, embedding(), "reference").precision == 0
    )


def test_more_matches_count_more_than_nearer_ones() -> None:
    """The nearest pair alone is nearer, 1.0, than the two others together, 0.8."""
    settings = SETTINGS.model_copy(update={"similarity": 0.3})
    embed = embedding(a__e=0.99, a__f=0.4, b__e=0.4)
    found = temporal_alignment([claim("0:01", "a"), claim("0:02", "b")], {"0:01": "e", "0:02": "f"}, settings, embed)
    assert {(match.claim, match.event) for match in found.matches} == {(0, 1), (1, 0)}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_claim_that_is_made_again_in_another_spelling_counts_once(order: tuple[int, ...]) -> None:
    said = [claim("00:04", "a Dog"), claim("0:04", "a dog"), claim("4 s", "A dog ")]
    found = temporal_alignment([said[at] for at in order], {"0:04": "a dog"}, SETTINGS, embedding())
    assert (found.claims, found.events) == (1, 1)


def test_equal_claims_match_without_asking_for_embeddings() -> None:
    def fail(sentences: Sequence[str]) -> np.ndarray:
        raise AssertionError(sentences)

    found = temporal_alignment([claim("0:04-0:08", "a dog")], {"00:05": "a dog"}, SETTINGS, fail)
    assert (found.precision, found.recall, found.f1, found.reward) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("time", "reference", "corrected"),
    [("0:12", 1, 1), ("0:13", 1, 0), ("0:14", 1, 0), ("0:15", 0, 0)],
)
def test_buffer_counts_twice_as_released_and_once_corrected(time: str, reference: float, corrected: float) -> None:
    """The event ends at second 10 and the buffer is 2 s."""
    arguments = ([claim(time, "a")], {"0:08-0:10": "b"}, SETTINGS, embedding(a__b=0.9))
    assert temporal_alignment(*arguments, "reference").reward == reference
    assert temporal_alignment(*arguments, "corrected").reward == corrected


@pytest.mark.parametrize(("cosine", "matches"), [(0.76, 1), (0.74, 0)])
def test_similarity_decides(cosine: float, matches: int) -> None:
    for semantics in ("reference", "corrected"):
        found = temporal_alignment([claim("0:08", "a")], {"0:08": "b"}, SETTINGS, embedding(a__b=cosine), semantics)
        assert len(found.matches) == matches


def test_one_safe_claim_is_full_precision_but_not_full_f1() -> None:
    grounding = {"0:02": "a", "0:10": "b", "0:20": "c"}
    reference = temporal_alignment([claim("0:02", "a")], grounding, SETTINGS, embedding(a__b=0.0), "reference")
    corrected = temporal_alignment([claim("0:02", "a")], grounding, SETTINGS, embedding(a__b=0.0))
    assert reference.reward == 1.0
    assert corrected.reward == corrected.f1 == pytest.approx(2 * 1 * (1 / 3) / (1 + 1 / 3))


def test_greedy_matching_misses_what_the_best_assignment_finds() -> None:
    """The first claim is nearest the event that alone fits the second."""
    claims = [claim("0:10", "p"), claim("0:11", "q")]
    grounding = {"0:10": "x", "0:11": "y"}
    embed = embedding(p__x=0.80, p__y=0.78, q__x=0.79, q__y=0.5)
    reference = temporal_alignment(claims, grounding, SETTINGS, embed, "reference")
    corrected = temporal_alignment(claims, grounding, SETTINGS, embed)
    assert reference.reward == 0.5
    assert corrected.reward == 1.0
    assert {(match.claim, match.event) for match in corrected.matches} == {(0, 1), (1, 0)}


def test_of_assignments_with_most_matches_the_most_similar_counts() -> None:
    claims, grounding = [claim("0:10", "p"), claim("0:10", "q")], {"0:10": "x"}
    found = temporal_alignment(claims, grounding, SETTINGS, embedding(p__x=0.8, q__x=0.9))
    assert [(match.claim, match.event) for match in found.matches] == [(1, 0)]
    assert (found.precision, found.recall) == (0.5, 1.0)


@pytest.mark.parametrize("time", ["~00:16", "around 00:16", "00:16s"])
def test_release_drops_times_that_are_now_read(time: str) -> None:
    arguments = ([claim(time, "a")], {"00:16": "a"}, SETTINGS, embedding(a__b=0.0))
    assert temporal_alignment(*arguments, "reference").claims == 0
    assert temporal_alignment(*arguments, "corrected").reward == 1.0


def test_release_reads_an_impossible_time_that_now_matches_nothing() -> None:
    arguments = ([claim("00:70", "a")], {"01:10": "a"}, SETTINGS, embedding(a__b=0.0))
    assert temporal_alignment(*arguments, "reference").reward == 1.0
    corrected = temporal_alignment(*arguments, "corrected")
    assert (corrected.reward, corrected.claims) == (0.0, 1)


def test_of_two_claims_at_one_time_the_release_keeps_the_last() -> None:
    claims = [claim("00:05", "a"), claim("0:05", "z")]
    arguments = (claims, {"00:05": "a"}, SETTINGS, embedding(a__z=0.0))
    assert temporal_alignment(*arguments, "reference").reward == 0.0
    assert temporal_alignment(*arguments, "corrected").precision == 0.5


def test_release_takes_claims_in_the_order_of_their_middles() -> None:
    """0:00-0:20 has its middle at 10 and so comes after 0:09, though it begins before."""
    claims = [claim("0:00-0:20", "p"), claim("0:09", "q")]
    found = temporal_alignment(claims, {"0:09": "x"}, SETTINGS, embedding(p__x=0.95, q__x=0.8), "reference")
    assert [match.similarity for match in found.matches] == [pytest.approx(0.8)]


@pytest.mark.parametrize("semantics", ["reference", "corrected"])
def test_nothing_on_either_side_is_0(semantics: str) -> None:
    embed = embedding(a__b=0.0)
    assert temporal_alignment([], {"0:05": "a"}, SETTINGS, embed, semantics).reward == 0.0
    assert temporal_alignment([claim("0:05", "a")], {}, SETTINGS, embed, semantics).reward == 0.0
    assert temporal_alignment([], {}, SETTINGS, embed, semantics).reward == 0.0


TIMES = st.integers(0, 30).map(lambda second: f"00:{second:02d}")
TEXTS = st.sampled_from("abcdef")
CLAIMS = st.lists(st.builds(claim, TIMES, TEXTS), max_size=5)
GROUNDINGS = st.dictionaries(TIMES, TEXTS, max_size=5)
GRAM = np.full((6, 6), 0.77)  # every two of the six sentences are similar enough, but for a and b
GRAM[0, 1] = GRAM[1, 0] = 0.6
np.fill_diagonal(GRAM, 1.0)
VECTORS = dict(zip("abcdef", np.linalg.cholesky(GRAM), strict=True))


def near(sentences: Sequence[str]) -> np.ndarray:
    return np.array([VECTORS[sentence] for sentence in sentences])


@settings(max_examples=200)
@given(CLAIMS, GROUNDINGS)
def test_properties(claims: list[Claim], grounding: dict[str, str]) -> None:
    corrected = temporal_alignment(claims, grounding, SETTINGS, near)
    reference = temporal_alignment(claims, grounding, SETTINGS, near, "reference")
    for found in (corrected, reference):
        for figure in (found.reward, found.precision, found.recall, found.f1):
            assert 0 <= figure <= 1
        assert min(found.precision, found.recall) <= found.f1 + 1e-12
        assert found.f1 <= max(found.precision, found.recall) + 1e-12
        assert (
            len({match.event for match in found.matches}) == len(found.matches) == len({m.claim for m in found.matches})
        )
    turned = temporal_alignment(claims[::-1], dict(reversed(grounding.items())), SETTINGS, near)
    assert (turned.precision, turned.recall, turned.f1) == (corrected.precision, corrected.recall, corrected.f1)
    # Under one tolerance, the best assignment finds at least as many matches as the greedy one.
    if len({item.time for item in claims}) == len(claims):
        wide = SETTINGS.model_copy(update={"buffer_seconds": 4.0})
        assert len(temporal_alignment(claims, grounding, wide, near).matches) >= len(reference.matches)


def test_a_claim_that_is_made_again_is_no_second_claim() -> None:
    grounding = {"00:02": "a", "00:10": "b"}
    once = [claim("00:02", "a"), claim("00:10", "b")]
    again = temporal_alignment([*once, claim("00:02", "a")], grounding, SETTINGS, near)
    assert (again.claims, again.precision, again.recall, again.f1) == (2, 1.0, 1.0, 1.0)
    # At another time it is one, and it matches nothing: 2 of 3 claims, 2 of 2 events.
    elsewhere = temporal_alignment([*once, claim("00:06", "a")], grounding, SETTINGS, near)
    assert (elsewhere.claims, elsewhere.f1) == (3, pytest.approx(0.8))


@settings(max_examples=100)
@given(CLAIMS, GROUNDINGS)
def test_best_assignment_is_the_best_of_all(claims: list[Claim], grounding: dict[str, str]) -> None:
    """Against every assignment there is, tried out."""
    events = [(parse_time(time), text) for time, text in grounding.items()]

    def possible(made: Claim, event: tuple) -> bool:
        vectors = near([made.text, event[1]])
        alike = made.text == event[1] or vectors[0] @ vectors[1] >= SETTINGS.similarity
        return alike and abs(made.interval.start - event[0].start) <= SETTINGS.buffer_seconds

    best = 0
    claims = list({(claim.time, claim.text): claim for claim in claims}.values())
    slots = [*range(len(events)), *[None] * len(claims)]
    for order in itertools.islice(itertools.permutations(slots, len(claims)), 4000):
        pairs = [(made, events[slot]) for made, slot in zip(claims, order, strict=True) if slot is not None]
        best = max(best, sum(possible(made, event) for made, event in pairs))
    assert len(temporal_alignment(claims, grounding, SETTINGS, near).matches) >= best
