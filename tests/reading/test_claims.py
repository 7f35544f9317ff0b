"""Claims of traces: what is said to happen at which time, read by hand."""

from __future__ import annotations

import pytest
from growth import QUADRATIC, growth

from video_r2.reading.claims import read_claims

TRACE = (
    '00:00-00:04: a red circle with 3, rising, "sun". 00:04-00:08: a blue cross with 2, resting. '
    "00:08 minus 00:04 is 4. They last 4, 4 seconds. So the answer is blue, option C."
)

BARKS, SLEEPS = ("00:05", (5, 5), "a dog barks"), ("00:12", (12, 12), "a cat sleeps")


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
        (
            "A dog jumps (00:16) and a cat sleeps (00:30).",
            [("00:16", (16, 16), "A dog jumps"), ("00:30", (30, 30), "a cat sleeps")],
        ),
        ("[00:04] A dog. [00:08] A cat.", [("00:04", (4, 4), "A dog"), ("00:08", (8, 8), "A cat")]),
        ("A dog (small, brown) runs at 00:05.", [("00:05", (5, 5), "A dog (small, brown) runs")]),
        ("00:04 → 00:08: a ball falls.", [("00:04 → 00:08", (4, 8), "a ball falls")]),
        ("00:04 => a dog enters.", [("00:04", (4, 4), "a dog enters")]),
        ("At t=16s, a ball falls.", [("At t=16s", (16, 16), "a ball falls")]),
        ("A ball stops at t=16.", [("at t=16", (16, 16), "A ball stops")]),
        ("00:16-18: a dog barks.", [("00:16-18", (16, 18), "a dog barks")]),
        (
            "[00:05] (a dog enters. A cat [00:09] leaves)",
            [("00:05", (5, 5), "a dog enters"), ("00:09", (9, 9), "A cat leaves")],
        ),
        ("Starting at 00:05 the dog runs until 00:09.", [("00:05", (5, 5), "the dog runs")]),
        *(
            (f"{opener} 00:05{comma} a dog barks, and at 00:12 a cat sleeps.", [BARKS, SLEEPS])
            for opener in (
                "First, at",
                "Next, at",
                "Later at",
                "In the video, at",
                "I see that at",
                "Starting at",
                "Looking at",
            )
            for comma in ("", ",")
        ),
        ("The video shows at 00:05 a dog barks and at 00:12 a cat sleeps.", [BARKS, SLEEPS]),
        ("During 00:05, a dog barks; then, at 00:12, a cat sleeps.", [BARKS, SLEEPS]),
        ("At 00:05, a dog barks until 00:12.", [BARKS]),
        ("At 00:05, a dog barks – at 00:12, a cat sleeps.", [BARKS, SLEEPS]),
        ("00:05, a dog barks 00:12, a cat sleeps", [BARKS, SLEEPS]),
        (
            "At 00:05 a dog barks, and a red and blue cat sleeps at 00:12.",
            [("00:05", (5, 5), "a dog barks, and a red and blue cat sleeps")],
        ),
        (
            'A sign says "Stop" at 00:05, and at 00:12 a cat sleeps.',
            [("00:05", (5, 5), 'A sign says "Stop"'), SLEEPS],
        ),
        ("A sign (in red) hangs (alone) at 00:05.", [("00:05", (5, 5), "A sign (in red) hangs (alone)")]),
        ("A dog barks at 00:05, and a cat sleeps at 00:12.", [("00:05", (5, 5), "A dog barks"), SLEEPS]),
        ("A dog barks at 00:05, then at 00:12 a cat sleeps.", [("00:05", (5, 5), "A dog barks"), SLEEPS]),
        ("First a dog barks at 00:05, then at 00:12 a cat sleeps.", [("00:05", (5, 5), "First a dog barks"), SLEEPS]),
        (
            "A dog enters at 00:05, then at 00:08 a cat enters, and at 00:12 both leave.",
            [("00:05", (5, 5), "A dog enters"), ("00:08", (8, 8), "a cat enters"), ("00:12", (12, 12), "both leave")],
        ),
        ("At 00:05 a dog enters, leaving at 00:09.", [("00:05", (5, 5), "a dog enters, leaving")]),
        (
            "At 5 sec. a dog barks. At 12 sec. a cat sleeps.",
            [("5 sec.", (5, 5), "a dog barks"), ("12 sec.", (12, 12), "a cat sleeps")],
        ),
        ("A dog barks at 1 min. 20 sec. It stops.", [("1 min. 20 sec.", (80, 80), "A dog barks")]),
        ("At 00:16 (approx.) a dog barks.", [("00:16 (approx.)", (16, 16), "a dog barks")]),
        ("A dog barks 5 seconds into the video.", [("5 seconds into the video", (5, 5), "A dog barks")]),
        ("Timestamp: 00:16 - a dog runs", [("00:16", (16, 16), "a dog runs")]),
        (
            "A lamp blinks at 00:04, 00:08 and 00:12.",
            [(f"00:{second:02d}", (second, second), "A lamp blinks") for second in (4, 8, 12)],
        ),
        (
            "From 00:04 to 00:08 and again from 00:10 to 00:12 it glows.",
            [("00:04 to 00:08", (4, 8), "it glows"), ("00:10 to 00:12", (10, 12), "it glows")],
        ),
        (
            "The dog runs at 00:04 and at 00:09 it sleeps.",
            [("00:04", (4, 4), "The dog runs"), ("00:09", (9, 9), "it sleeps")],
        ),
        ("The red one appears at 00:04, so the answer is B.", [("00:04", (4, 4), "The red one appears")]),
        ("00:12 minus 00:04 is 8 seconds, so it lasts 8.", []),
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


@pytest.mark.parametrize("unit", ["=", "1=", "00:04 =", "00:04 → ", "00:04, ", "t=", "so 00:04 ", "[4s]", "- 4s: a\n"])
def test_time_taken_is_linear(unit: str) -> None:
    assert growth(read_claims, unit) < QUADRATIC / 2
