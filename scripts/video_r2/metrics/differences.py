"""Where the release's rewards and metrics differ from those of this project: one table, in code.

docs/differences.md is generated from it, the exhibit `differences` names its entries beside the scores that they change, and
tests/metrics/test_differences.py holds a case in both semantics for every entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Place = Literal["format", "accuracy_reward", "temporal", "gate", "accuracy", "tac", "vas_judge"]

RELEASE = "mbzuai-oryx/Video-R2, commit c9e6743"
_FIRST, _REPEATED, _GATE_AND_VAS, _BLOCKS = "e07cf39", "0389e2b", "0907914", "da4ac01"


@dataclass(frozen=True)
class Difference:
    """Something that the release does in one way and this project in another.

    Attributes:
        key: names it in code.
        name: names it for readers.
        places: rewards and metrics that it changes.
        released: what the release does, and `semantics: reference`.
        corrected: what is right, and `semantics: corrected`.
        since: commit of this repository since which both can be had.
    """

    key: str
    name: str
    places: tuple[Place, ...]
    released: str
    corrected: str
    since: str = _FIRST


@dataclass(frozen=True)
class Mended:
    """A defect of the release that this project has in neither semantics.

    Attributes:
        name: names it for readers.
        released: what the release does.
        here: what is done here.
        test: the test that shows it, as "tests/….py::function".
    """

    name: str
    released: str
    here: str
    test: str


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "format_edges",
        "format: white space",
        ("format",),
        "a new line after the answer block gives 0",
        "white space around the blocks is allowed",
    ),
    Difference(
        "format_blocks",
        "format: blocks",
        ("format",),
        "empty blocks and repeated tags give 1",
        "one think block, then one answer block, neither empty",
    ),
    Difference(
        "reward_type",
        "accuracy reward: type",
        ("accuracy_reward",),
        'guessed from the target, where anything that begins with A to E is a letter: "blue" for "black" gives 1',
        "known from the data",
    ),
    Difference(
        "reward_letters",
        "accuracy reward: letters",
        ("accuracy_reward",),
        'first characters: "Answer: B" for A gives 1, "(A)" for A and "F." for F give 0',
        "by label, else by the option's words",
    ),
    Difference(
        "reward_numbers",
        "accuracy reward: numbers",
        ("accuracy_reward",),
        '"1,000" for "1000" and "5.0" for "5" give 0',
        "by value and unit",
    ),
    Difference(
        "reward_texts",
        "accuracy reward: texts",
        ("accuracy_reward",),
        'case and punctuation count: "Yes." for "yes" gives 0',
        "by the words without case, punctuation and articles; times by what they mean",
    ),
    Difference(
        "reward_untagged",
        "accuracy reward: no tags",
        ("accuracy_reward",),
        "a completion without an answer block is wrong",
        "a completion without any tag is the answer itself; the format reward is for its form",
        _BLOCKS,
    ),
    Difference(
        "answer_block",
        "which of several blocks",
        ("accuracy_reward", "accuracy", "temporal", "gate", "vas_judge"),
        "the first, with tags in small letters; TAC the last",
        "the last",
    ),
    Difference(
        "no_answer_block",
        "no answer block",
        ("accuracy",),
        "the whole response, trace included, is searched for an answer",
        "wrong, and counted",
    ),
    Difference(
        "times_read",
        "times: ways of writing",
        ("temporal",),
        '"~00:16", "around 00:16", "00:16s" and open ranges such as "00:16-end" are dropped',
        "every sensible way of writing is read",
    ),
    Difference(
        "times_impossible",
        "times: impossible ones",
        ("temporal",),
        '"00:70" is taken for 01:10',
        "matches nothing and counts as a claim",
    ),
    Difference(
        "times_reversed",
        "times: ranges that end before they begin",
        ("temporal",),
        "turned round",
        "impossible: the claim matches nothing",
        _BLOCKS,
    ),
    Difference(
        "times_rounded",
        "times: fractions of a second",
        ("temporal",),
        "rounded to whole seconds",
        "as they are",
        _BLOCKS,
    ),
    Difference(
        "buffer",
        "buffer",
        ("temporal",),
        "widens claim and event: a tolerance of 4 s for a buffer of 2 s",
        "counts once: 2 s",
    ),
    Difference(
        "one_time",
        "two claims at one time",
        ("temporal",),
        "the last one counts",
        "both count; the same claim made again counts once",
        _REPEATED,
    ),
    Difference(
        "matching",
        "matching",
        ("temporal",),
        "claims in the order of their middles, each taking the most similar event that is left",
        "the best assignment",
    ),
    Difference(
        "alignment_reward",
        "alignment reward",
        ("temporal",),
        "precision: one safe claim gives 1",
        "F1",
    ),
    Difference(
        "gate_reply",
        "consistency gate: a model's reply",
        ("gate",),
        'in words: whatever begins with TRUE says yes, "TRUE/FALSE: FALSE" included, and a first line with TRUE and no FALSE',
        "a JSON truth value; anything else is asked again, then missing",
        _GATE_AND_VAS,
    ),
    Difference(
        "tac_equality",
        "TAC",
        ("tac",),
        "both right or both wrong: two different wrong letters are consistent; numbers of VSI-Bench are right within 5%",
        "both answers equal; of two texts, one may repeat the question",
    ),
    Difference(
        "tac_absent",
        "TAC of nothing",
        ("tac",),
        "a response without blocks, being wrong twice, is consistent",
        "inconsistent; missing blocks are counted",
    ),
    Difference(
        "vas_failure",
        "VAS: a reply that cannot be read",
        ("vas_judge",),
        "0",
        "missing",
    ),
    Difference(
        "vas_range",
        "VAS: a rating beyond 0 to 10, or between two whole numbers",
        ("vas_judge",),
        "rounded, and brought within 0 and 10",
        "beyond 0 to 10 it is asked for again, then missing; 7.5 counts as it is",
        _BLOCKS,
    ),
    Difference(
        "vas_average",
        "VAS: average",
        ("vas_judge",),
        "over all questions of whatever benchmarks ran",
        "mean of the benchmarks; missing as soon as one is",
        _GATE_AND_VAS,
    ),
    Difference(
        "thresholds",
        "mean relative accuracy: thresholds",
        ("accuracy",),
        "9",
        "10, from 0.50 to 0.95",
    ),
    Difference(
        "target_zero",
        "mean relative accuracy: a target of 0",
        ("accuracy",),
        "0 for every answer",
        "right where the answer is 0",
    ),
    Difference(
        "vsibench_types",
        "VSI-Bench: average",
        ("accuracy",),
        "mean of 10 types",
        "mean of 8, the three directions averaged first",
    ),
    Difference(
        "empty_answer",
        "empty answer",
        ("accuracy",),
        "MVBench, Video-MMMU: not counted",
        "wrong",
    ),
    Difference(
        "no_letter",
        "no letter found",
        ("accuracy",),
        "LongVideoBench, SciVideoBench: a random letter (here seeded by the question)",
        "wrong",
    ),
    Difference(
        "first_capital",
        "first capital letter",
        ("accuracy",),
        '"Definitely C" is D; "Best answer: C" is B',
        "by label, else by the option's words",
    ),
    Difference(
        "open_answers",
        "open answers",
        ("accuracy",),
        'the target stands anywhere in the answer: "not leftward" is right; number words are not read',
        "its words stand there, not denied; numbers by their value",
    ),
)

MENDED: tuple[Mended, ...] = (
    Mended(
        "judge: decoding",
        "claims and gate without temperature or seed, VAS sampled at 0.7",
        "temperature 0, seed 0",
        "tests/judge/test_llm.py::test_request_is_deterministic_structured_and_keeps_material_apart",
    ),
    Mended(
        "rewards: failures",
        "any exception or time-out is a reward of 0, silently",
        "not a number in the log, counted; such a rollout is left out of its group, and the job stops where there are too many",
        "tests/rewards/test_combined.py::test_a_total_that_hangs_on_what_is_missing_is_not_a_number",
    ),
    Mended(
        "judge: calls",
        "two for every rollout, one after the other, also where the product is already 0",
        "in flight together, and only where they can matter",
        "tests/rewards/test_combined.py::test_paid_judge_is_asked_only_where_it_matters",
    ),
    Mended(
        "scales",
        "0 to 1 in some benchmarks, 0 to 100 in others",
        "0 to 100",
        "tests/metrics/test_accuracy.py::test_within_0_and_100_for_any_text",
    ),
    Mended(
        "frames of short videos",
        "128 also from a clip of 20: frames twice, time stretched",
        "no frame twice",
        "tests/data/test_videos.py::test_sample_times_never_repeat_a_frame_of_a_video_with_few",
    ),
    Mended(
        "videos that do not decode",
        "the results of every later video are shifted",
        "that question alone is missing",
        "tests/evaluation/test_predict.py::test_a_video_that_fails_costs_its_own_questions_only",
    ),
    Mended(
        "videos in .mkv and .webm",
        "the model sees none",
        "read like any other",
        "tests/data/test_videos.py::test_read_frames_of_webm",
    ),
)

_NAMES: dict[Place, str] = {
    "format": "format reward",
    "accuracy_reward": "accuracy reward",
    "temporal": "temporal alignment",
    "gate": "consistency gate",
    "accuracy": "accuracy",
    "tac": "TAC",
    "vas_judge": "VAS",
}
_HEAD = f"""# As released, and corrected

What the release ({RELEASE}) does in its rewards and metrics, and what is right.
`semantics: reference` follows the release, `semantics: corrected` (the default) does not. Generated from
`scripts/video_r2/metrics/differences.py` by `make docs`; every line has a case in both semantics
(`pytest tests/metrics/test_differences.py`). What they change in the scores of one's own run:
`snakemake --profile local differences`.
"""


def differences_of(place: Place) -> list[Difference]:
    """The entries that change one reward or metric."""
    return [entry for entry in DIFFERENCES if place in entry.places]


def page() -> str:
    """The page of the docs."""
    columns = ["", "in", "released (`reference`)", "corrected", "since"]
    switched = [
        [
            entry.name,
            ", ".join(_NAMES[place] for place in entry.places),
            entry.released,
            entry.corrected,
            f"`{entry.since}`",
        ]
        for entry in DIFFERENCES
    ]
    mended = [[entry.name, entry.released, entry.here, f"`{entry.test}`"] for entry in MENDED]
    return "\n".join(
        [
            _HEAD,
            *_table(columns, switched),
            "",
            "## Mended in both semantics",
            "",
            "Defects of the release that the switch does not bring back.",
            "",
            *_table(["", "released", "here", "test"], mended),
            "",
        ]
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
