from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.data.subtitles import Cue, active_text, read_srt
from video_r2.errors import RejectedRecord


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "film.srt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_read_srt_reads_times_and_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "1\n00:00:01,000 --> 00:00:02,500\nfirst\nsecond line\n\n2\n01:02:03,004 --> 01:02:04,000\nlater\n",
    )
    assert read_srt(path) == [Cue(1.0, 2.5, "first\nsecond line"), Cue(3723.004, 3724.0, "later")]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff1\n00:00:01,000 --> 00:00:02,000\nfox\n",
        "1\r\n00:00:01,000 --> 00:00:02,000\r\nfox\r\n\r\n",
        "1\r00:00:01,000 --> 00:00:02,000\rfox\r",
        "1\n00:00:01.000 --> 00:00:02.000\nfox",
        "00:01,000 --> 00:02,000\nfox\n",
        "1\n00:00:01,0 --> 00:00:02,0\nfox\n",
        "\n\n1\n 00:00:01,000  -->  00:00:02,000  X1:0 X2:9 Y1:0 Y2:9\n  fox  \n\n\n",
        '1\n00:00:01,000 --> 00:00:02,000\n<i><font color="#fff">fox</font></i>\n',
        "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}fox\n",
    ],
    ids=["mark", "crlf", "cr", "dot", "no hours", "tenths", "space and place", "tags", "place tag"],
)
def test_read_srt_takes_the_forms_that_are_in_use(tmp_path: Path, content: str) -> None:
    assert read_srt(write(tmp_path, content), []) == [Cue(1.0, 2.0, "fox")]


def test_read_srt_leaves_signs_that_are_no_tags(tmp_path: Path) -> None:
    path = write(tmp_path, "1\n00:00:01,000 --> 00:00:02,000\n3 < 4 and 5 > 4 {so}\n")
    assert read_srt(path)[0].text == "3 < 4 and 5 > 4 {so}"


def test_read_srt_without_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "1\n00:00:01,000 --> 00:00:02,000\nfox\n2\n00:00:03,000 --> 00:00:04,000\nowl\n")
    assert read_srt(path) == [Cue(1.0, 2.0, "fox"), Cue(3.0, 4.0, "owl")]


def test_read_srt_sorts_by_start(tmp_path: Path) -> None:
    path = write(tmp_path, "00:00:03,000 --> 00:00:04,000\nowl\n\n00:00:01,000 --> 00:00:02,000\nfox\n")
    assert [cue.text for cue in read_srt(path)] == ["fox", "owl"]


def test_malformed_cues_are_set_aside_by_line_and_the_others_read(tmp_path: Path) -> None:
    lines = {
        1: "1\n00:00:01,000 --> 00:00:02,000\nfox\n",
        5: "2\n00:00:0x,000 --> 00:00:04,000\nmap\n",
        9: "3\n00:00:06,000 --> 00:00:05,000\nkey\n",
        13: "4\n00:00:06,000 --> 00:00:07,000\n<i></i>\n",
        17: "a line of a song\n",
        19: "5\n00:75:00,000 --> 00:76:00,000\njam\n",
        23: "6\n00:00:08,000 --> 00:00:09,000\nowl\n",
    }
    path = write(tmp_path, "\n".join(lines.values()))
    rejected: list[RejectedRecord] = []
    assert [cue.text for cue in read_srt(path, rejected)] == ["fox", "owl"]
    reasons = {5: "cannot be read", 9: "ends before", 13: "no text", 17: "no line of times", 19: "cannot be read"}
    assert [one.record for one in rejected] == [f"line {number}" for number in reasons]
    for one, reason in zip(rejected, reasons.values(), strict=True):
        assert reason in one.reason
        assert one.file == str(path)
        assert one.cure
    with pytest.warns(UserWarning, match=r"film\.srt, record line") as warned:
        read_srt(path)
    assert [f"line {number}:" in str(one.message) for number, one in zip(reasons, warned, strict=True)] == [True] * 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no usable cue"),
        ("hello\n", "no usable cue"),
        (b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n", r"byte 35 is 0xe9"),
        ("1\n00:00:01,000 --> 00:00:02,000\nfox\n".encode("utf-16"), r"byte 0 is 0xff"),
    ],
)
def test_files_without_a_usable_cue_are_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(RejectedRecord, match=reason) as caught:
        read_srt(path, [])
    assert caught.value.file == str(path)
    assert caught.value.cure


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RejectedRecord, match="No such file"):
        read_srt(tmp_path / "none.srt")


CUES = [Cue(1.0, 2.0, "fox"), Cue(2.0, 3.0, "owl"), Cue(2.5, 5.0, "map")]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0.9, ""),
        (0.96, "fox"),  # within 50 ms before
        (1.0, "fox"),
        (1.99, "fox"),
        (2.0, "owl"),  # at the boundary the later cue alone
        (2.7, "owl\nmap"),  # overlapping cues
        (3.02, "map"),
        (5.04, "map"),  # within 50 ms after
        (5.06, ""),
    ],
)
def test_active_text(time: float, text: str) -> None:
    assert active_text(CUES, time, 0.05) == text


times = st.integers(0, 359_999_999).map(lambda milliseconds: milliseconds / 1000)
words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="<>{}"), min_size=1)


@given(st.lists(st.tuples(times, st.integers(1, 9999), words), min_size=1, max_size=8))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, int, str]]) -> None:
    def stamp(seconds: float) -> str:
        whole, milliseconds = divmod(round(seconds * 1000), 1000)
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{milliseconds:03d}"

    cues = [Cue(start, round(start + length / 1000, 3), text) for start, length, text in rows]
    blocks = [f"{at}\n{stamp(cue.start)} --> {stamp(cue.end)}\n{cue.text}\n" for at, cue in enumerate(cues, start=1)]
    read = read_srt(write(tmp_path_factory.mktemp("srt"), "\n".join(blocks)), [])

    def key(cue: Cue) -> tuple[float, float, str]:
        return cue.start, cue.end, cue.text

    for got, expected in zip(sorted(read, key=key), sorted(cues, key=key), strict=True):
        assert got.text == expected.text
        assert (got.start, got.end) == pytest.approx((expected.start, expected.end), abs=1e-6)
