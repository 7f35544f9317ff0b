"""Claims of traces: what is said to happen at which time, read by hand."""

from __future__ import annotations

import pytest

from video_r2.reading.claims import read_claims

TRACE = (
    '00:00-00:04: a red circle with 3, rising, "sun". 00:04-00:08: a blue cross with 2, resting. '
    "00:08 minus 00:04 is 4. They last 4, 4 seconds. So the answer is blue, option C."
)


@pytest.mark.parametrize(
    ("think", "claims"),
    [
        (
            TRACE,
            [
                ("00:00-00:04", (0, 4), 'a red circle with 3, rising, "sun"'),
                ("00:04-00:08", (4, 8), "a blue cross with 2, resting"),
            ],
        ),
        ("At 00:05 a dog enters.", [("00:05", (5, 5), "a dog enters")]),
        ("A dog enters at 00:05.", [("00:05", (5, 5), "A dog enters")]),
        (
            "At 00:05 a dog enters and at 00:09 it leaves.",
            [("00:05", (5, 5), "a dog enters"), ("00:09", (9, 9), "it leaves")],
        ),
        ("between 0:10 and 0:14 the man waves", [("between 0:10 and 0:14", (10, 14), "the man waves")]),
        ("Around the 20-second mark, he lands.", [("Around the 20-second mark", (20, 20), "he lands")]),
        (
            '- **00:03**: The sign reads "Gate B".\n- 00:70: fog',
            [("00:03", (3, 3), 'The sign reads "Gate B"'), ("00:70", None, "fog")],
        ),
        ("The ball weighs 3.5 kg at 00:05.", [("00:05", (5, 5), "The ball weighs 3.5 kg")]),
        ("He waits for 5 seconds.", []),
        ("00:05. 00:07!", []),
        ("The answer is 00:04.", []),
        ("So the object appears at 00:04, option B.", []),
        ("", []),
    ],
)
def test_claims(think: str, claims: list) -> None:
    found = [
        (claim.time, claim.interval and (claim.interval.start, claim.interval.end), claim.text)
        for claim in read_claims(think)
    ]
    assert found == claims
