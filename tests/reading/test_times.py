"""Times in every sensible way of writing, impossible ones, and text that holds none."""

from __future__ import annotations

import pytest
from growth import QUADRATIC, growth
from hypothesis import given, settings
from hypothesis import strategies as st

from video_r2.reading.times import Interval, find_times, parse_time

MOMENTS = {
    "00:16": 16,
    "0:16": 16,
    "~00:16": 16,
    "~ 0:16": 16,
    "around 00:16": 16,
    "around 16 seconds": 16,
    "at five seconds": 5,
    "around the sixteen-second mark": 16,
    "twenty-one seconds": 21,
    "00:16s": 16,
    "1:5": 65,
    "00:16 seconds": 16,
    "1:30 minutes": 90,
    "at second 16": 16,
    "16": 16,
    "16s": 16,
    "16 sec": 16,
    "the 16-second mark": 16,
    "[00:16]": 16,
    "**00:16**": 16,
    "t=16s": 16,
    "t=16": 16,
    "t = 00:16": 16,
    "timestamp: 00:16": 16,
    "16th second": 16,
    "in the 16th second": 16,
    "00:16+": 16,
    "00:16-end": 16,
    "3.5s": 3.5,
    "00:03.5": 3.5,
    "1:02:03": 3723,
    "01:02:03,250": 3723.25,
    "90:00": 5400,
    "1 minute 5 seconds": 65,
    "1m05s": 65,
    "2 minutes": 120,
    "2m": 120,
    "1h2m3s": 3723,
    "1h 2m": 3720,
    "1 hour 2 minutes": 3720,
    "1 hour, 2 minutes and 3 seconds": 3723,
    "0.5 min": 30,
    "minute 2": 120,
    "the one-minute mark": 60,
    "one minute twenty seconds": 80,
    "ninety seconds": 90,
    "1 min 20": 80,
    "at 2 minutes 5.": 125,
    "minute 2, second 5": 125,
    "timestamp 5.2": 5.2,
    "timestamp 5.2 seconds": 5.2,
    "00:16 (approx.)": 16,
    "approximately at 16 s": 16,
    "٠٠:١٦": 16,
    "00：16": 16,
}
RANGES = {
    "00:04-00:08": (4, 8),
    "0:4-0:8": (4, 8),
    "between seconds 4 and 8": (4, 8),
    "00:04 - 00:08": (4, 8),
    "00:04–00:08": (4, 8),
    "00:04—00:08": (4, 8),
    "00:04 to 00:08": (4, 8),
    "00:04 → 00:08": (4, 8),
    "00:04 -> 00:08": (4, 8),
    "00:04 ~ 00:08": (4, 8),
    "00:04～00:08": (4, 8),
    "[4.0s-8.0s]": (4, 8),
    "4s to 8s": (4, 8),
    "t=4-8s": (4, 8),
    "second 4 to second 8": (4, 8),
    "the 4th to the 8th second": (4, 8),
    "from the 4th second to the 8th second": (4, 8),
    "from 0:04 to 0:08": (4, 8),
    "between 0:10 and 0:14": (10, 14),
    "between about 10 and 14 seconds": (10, 14),
    "5-8 seconds": (5, 8),
    "5 to 8 s": (5, 8),
    "seconds 5 to 8": (5, 8),
    "1 to 2 minutes": (60, 120),
    "1 to 2 hours": (3600, 7200),
    "10-12": (10, 12),
    "0:59-1:01": (59, 61),
    "00:16-18": (16, 18),
    "01:04-08": (64, 68),
    "1:02:03–09": (3723, 3729),
    "00:05 to approximately 00:08": (5, 8),
    "16s to 0:20": (16, 20),
    "0:16 to 20 s": (16, 20),
    "minute 1 to 2": (60, 120),
    "from 1 min 20 to 1 min 40": (80, 100),
    "between 1 min 20 and 1 min 40": (80, 100),
}


@pytest.mark.parametrize("text", MOMENTS)
def test_moment_is_read(text: str) -> None:
    assert parse_time(text) == Interval(MOMENTS[text], MOMENTS[text])


@pytest.mark.parametrize("text", RANGES)
def test_range_is_read(text: str) -> None:
    assert parse_time(text) == Interval(*RANGES[text])


@pytest.mark.parametrize(
    "text",
    [
        "00:70",
        "1:75:00",
        "0:10-0:80",
        "1 min 70 s",
        "1 hour 75 minutes",
        "10:30 a.m.",
        "00:16-00:10",
        "00:16-05",
        "00:16-75",
        "8-5 seconds",
        "-5",
        "-00:05",
        "at -0:05",
        "from -5 seconds",
        "minute 2, second 75",
        "1 min 99",
        "",
        " ",
        ":",
        "banana",
        "00:05 banana",
        "1:2:3:4",
    ],
)
def test_impossible_time_is_refused(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("00:04-00:08: a red circle with 3, rising.", ["00:04-00:08"]),
        ("At 00:05 a dog enters and at 00:09 it leaves.", ["At 00:05", "at 00:09"]),
        ("- 00:04\n- 00:08: two lines are no range", ["00:04", "00:08"]),
        ("it stays for 5 seconds, and at about 12 seconds it goes", ["at about 12 seconds"]),
        ("5 seconds later the second 3 balls fall for about 2 seconds", []),
        ("a score of 2:1 in round 3", []),
        ("The score is 2:10 when at 05:00 he leaves", ["at 05:00"]),
        ("The time on the clock is 10:30 when he leaves; the watch says 10:31", []),
        ("it opens at 10:30 a.m. and closes at 05:15 pm", []),
        ("16s: a ball\n- 20 seconds: a cat\n3) **24s** - a dog", ["16s", "20 seconds", "24s"]),
        ("[16s] a ball, (20s) a cat, (24 to 25 seconds) a dog", ["16s", "20s", "24 to 25 seconds"]),
        ("He waits (5 seconds); he has 10 seconds: he runs; it takes 4s to 8s, every 5th second", []),
        ("00:16 - 18 dogs; 00:16-18% of them; at 00:20-25 one", ["00:16", "00:16", "at 00:20-25"]),
        ("Around minute 2 it falls, in the last minute 2 dogs appear", ["Around minute 2"]),
        (
            "At timestamp 5.2 it falls; at one minute twenty seconds it rises",
            ["At timestamp 5.2", "at one minute twenty seconds"],
        ),
        ("In the 16th second it falls", ["In the 16th second"]),
        ("From second 4 to second 8 it rolls, and at t=9 it stops", ["From second 4 to second 8", "at t=9"]),
    ],
)
def test_times_are_found_in_text(text: str, written: list[str]) -> None:
    assert [mention.written for mention in find_times(text)] == written


def test_impossible_time_in_text_is_kept_without_meaning() -> None:
    (mention,) = find_times("At 00:70 nothing can happen.")
    assert mention.interval is None
    assert "At 00:70 nothing can happen."[mention.begin : mention.end] == "At 00:70"


@given(st.integers(0, 5999), st.integers(0, 5999))
def test_what_is_written_is_read_back(one: int, other: int) -> None:
    def clock(second: int) -> str:
        return f"{second // 60:02d}:{second % 60:02d}"

    start, end = sorted((one, other))
    assert parse_time(f"{clock(start)}-{clock(end)}") == Interval(start, end)
    assert [mention.interval for mention in find_times(f"At {clock(start)} it falls.")] == [Interval(start, start)]


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_gap_is_symmetric_and_zero_only_where_intervals_meet(a: int, b: int, c: int, d: int) -> None:
    one, other = Interval(*sorted((a, b))), Interval(*sorted((c, d)))
    assert one.gap(other) == other.gap(one) >= 0
    assert (one.gap(other) == 0) == bool({*range(a, b + 1), *range(b, a + 1)} & {*range(c, d + 1), *range(d, c + 1)})


@settings(max_examples=300)
@given(st.text(alphabet="0123456789:.-–~, atondbewsecmi\n", max_size=60) | st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    parse_time(text)
    for mention in find_times(text):
        assert 0 <= mention.begin < mention.end <= len(text)


@pytest.mark.parametrize(
    "unit",
    ["0", " ", "00:", "at ", "1 to ", "between 1 and ", "a00:05-", "-", "1-", "minute 1 ", "timestamp ", "one minute "],
)
def test_time_taken_is_linear(unit: str) -> None:
    assert growth(lambda text: [*find_times(text), parse_time(text)], unit) < QUADRATIC / 2
