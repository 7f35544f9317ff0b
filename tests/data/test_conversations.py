from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.data.conversations import (
    Conversation,
    Medium,
    held_out_videos,
    parse_span,
    read_conversations,
    read_jsonl,
    write_jsonl,
)
from video_r2.errors import UserError

Row = dict[str, Any]

RESPONSE = "<think>At 00:02 a fox.</think><answer>B</answer>"
HUMAN = "<video>\nWhat is it?\nOptions:\nA. an owl\nB. a fox"


def row(**changes: Any) -> Row:
    """A good row, with fields changed, or left out where None."""
    good = {
        "video": "videos/a.mp4",
        "conversations": [{"from": "human", "value": HUMAN}, {"from": "gpt", "value": RESPONSE}],
        "temporal_grounding": {"00:02-00:04": "a fox"},
        "temporal_captions": [],
        "key_frame": "00:02",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def turns(human: Any = HUMAN, response: Any = RESPONSE) -> list[Row]:
    return [{"from": "human", "value": human}, {"from": "gpt", "value": response}]


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A data set's folder with two videos, of which one has subtitles, and an image."""
    (tmp_path / "videos").mkdir()
    for name in ("videos/a.mp4", "videos/b.mp4", "images/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "videos" / "b.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nfox\n", encoding="utf-8")
    return tmp_path


Write = Callable[[Any], Path]


@pytest.fixture
def write(media: Path) -> Write:
    def to_file(content: Any) -> Path:
        path = media / "set.json"
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        path.write_bytes(text)
        return path

    return to_file


# --- good rows --------------------------------------------------------------------------------------------------------


def test_paths_start_from_the_folder_of_videos_as_in_the_release(media: Path, write: Write) -> None:
    """Its training is told one folder for videos and images, and looks for `<path>.srt` where `subtitles.tar` was unpacked."""
    for name in ("CLEVRER/video_1.mp4", "images/c.png", "academic_source/deep/x.mkv"):
        (media / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (media / "videos" / name).touch()
    cues = media / "videos/academic_source/deep/x.srt"
    cues.write_text("1\n00:00:01,000 --> 00:00:02,000\nfox\n", encoding="utf-8")
    rows = [
        row(video="CLEVRER/video_1.mp4"),
        row(video=["academic_source/deep/x.mkv"], temporal_grounding={}),
        row(video=None, image="images/c.png", conversations=turns("<image>\nWhich?")),
        row(video="videos/a.mp4"),
    ]
    found, rejected = read_conversations(write(rows), media)
    assert not rejected
    assert [(one.kind, one.media) for one in found] == [
        ("video", [Medium(str(media / "videos/CLEVRER/video_1.mp4"))]),
        ("video", [Medium(str(media / "videos/academic_source/deep/x.mkv"), str(cues))]),
        ("image", [Medium(str(media / "videos/images/c.png"))]),
        ("video", [Medium(str(media / "videos/a.mp4"))]),
    ]


def test_an_empty_subtitle_is_none(media: Path, write: Write) -> None:
    (media / "videos/a.srt").write_bytes(b"\xef\xbb\xbf\r\n")
    (found,), rejected = read_conversations(write([row()]), media)
    assert (found.media, rejected) == ([Medium(str(media / "videos/a.mp4"))], [])


def test_read_conversations_of_videos_and_images(media: Path, write: Write) -> None:
    image = row(
        id="pictures",
        video=None,
        image=["images/c.png", "images/c.png"],
        conversations=turns("<image>\n<image>\nWhich?", f"{RESPONSE}\n"),
        temporal_grounding=None,
    )
    conversations, rejected = read_conversations(write([row(), row(video=["videos/b.mp4"]), image]), media)
    assert rejected == []
    question = "What is it?\nOptions:\nA. an owl\nB. a fox"
    assert conversations == [
        Conversation(
            id="set-000000",
            kind="video",
            media=[Medium(str(media / "videos/a.mp4"))],
            question=question,
            trace=RESPONSE,
            think="At 00:02 a fox.",
            answer="B",
            grounding={"00:02-00:04": "a fox"},
        ),
        Conversation(
            id="set-000001",
            kind="video",
            media=[Medium(str(media / "videos/b.mp4"), str(media / "videos/b.srt"))],
            question=question,
            trace=RESPONSE,
            think="At 00:02 a fox.",
            answer="B",
            grounding={"00:02-00:04": "a fox"},
        ),
        Conversation(
            id="pictures",
            kind="image",
            media=[Medium(str(media / "images/c.png"))] * 2,
            question="Which?",
            trace=RESPONSE,
            think="At 00:02 a fox.",
            answer="B",
            grounding={},
        ),
    ]


def test_a_row_over_several_videos_has_each_with_its_subtitle_and_no_times(media: Path, write: Write) -> None:
    both = row(video=["videos/b.mp4", "videos/a.mp4"], conversations=turns("<video>\n<video>\nWhich is longer?"))
    (found,), rejected = read_conversations(write([both]), media)
    assert not rejected
    subtitled = Medium(str(media / "videos/b.mp4"), str(media / "videos/b.srt"))
    assert (found.kind, found.media) == ("video", [subtitled, Medium(str(media / "videos/a.mp4"))])
    assert (found.question, found.grounding) == ("Which is longer?", {})  # 00:02 of which?


@pytest.mark.parametrize(
    ("human", "parts"),
    [
        ("<image><image>\nWhich?", ["", "", "Which?"]),
        (" <image>\n\n<image> Which?", ["", "", "Which?"]),
        ("Which?\nA. <image>\nB. <image>", ["Which?\nA. ", "\nB. ", ""]),
        ("<image> or <image> with a <video>?", ["", " or ", " with a <video>?"]),
    ],
)
def test_placeholders_within_the_text_keep_their_places(
    media: Path, write: Write, human: str, parts: list[str]
) -> None:
    images = row(video=None, image=["images/c.png"] * 2, conversations=turns(human))
    (found,), _ = read_conversations(write([images]), media)
    assert found.parts == parts


def test_a_single_video_comes_first_wherever_its_placeholder_stands(media: Path, write: Write) -> None:
    (found,), _ = read_conversations(write([row(conversations=turns("What is in <video> here?"))]), media)
    assert found.parts == ["", "What is in  here?"]


def test_a_byte_order_mark_and_space_between_the_blocks_do_no_harm(media: Path, write: Write) -> None:
    response = "<think>\na\n</think>\n\n<answer> B </answer> \n"
    content = b"\xef\xbb\xbf" + json.dumps([row(conversations=turns(response=response))]).encode()
    (conversation,), rejected = read_conversations(write(content), media)
    assert not rejected
    assert (conversation.think, conversation.answer) == ("a", "B")


# --- rows that cannot be used -----------------------------------------------------------------------------------------

BAD_ROWS: dict[str, tuple[Any, str]] = {
    "no object": ("videos/a.mp4", "is a str, not an object"),
    "no media": (row(video=None), "needs a field 'video' or 'image'"),
    "both media": (row(image="images/c.png"), "both 'video' and 'image'"),
    "media is a number": (row(video=3), "neither a path nor a list"),
    "one placeholder": (row(video=["videos/a.mp4", "videos/b.mp4"]), "has 1 placeholders <video> for 2 files"),
    "one missing file": (
        row(video=["videos/a.mp4", "videos/none.mp4"], conversations=turns("<video><video>What?")),
        "there is no file",
    ),
    "no path": (row(video=[""]), "neither a path nor a list"),
    "missing file": (row(video="videos/none.mp4"), "there is no file"),
    "outside": (row(video="../a.mp4"), "outside of the data set's folder"),
    "absolute": (row(video="/a.mp4"), "outside of the data set's folder"),
    "no turns": (row(conversations=None), "needs a field 'conversations'"),
    "turns are text": (row(conversations=["What?", RESPONSE]), "needs a field 'conversations'"),
    "one turn": (row(conversations=turns()[:1]), r"turns are from \['human'\]"),
    "turns the other way round": (row(conversations=turns()[::-1]), r"turns are from \['gpt', 'human'\]"),
    "another role": (
        row(conversations=[{"from": "human", "value": HUMAN}, {"from": "bot", "value": RESPONSE}]),
        "turns are from",
    ),
    "no text": (row(conversations=turns(response=None)), "from 'gpt' has no text"),
    "empty text": (row(conversations=turns(human=" ")), "from 'human' has no text"),
    "no placeholder": (row(conversations=turns("What?")), "has 0 placeholders <video> for 1 files"),
    "two placeholders": (row(conversations=turns("<video><video>What?")), "has 2 placeholders <video> for 1 files"),
    "nothing asked": (row(conversations=turns("<video>\n ")), "asks nothing"),
    "no think": (row(conversations=turns(response="<answer>B</answer>")), "does not end in one think block"),
    "no answer": (row(conversations=turns(response="<think>a</think>")), "does not end in one think block"),
    "two thinks": (row(conversations=turns(response=f"<think>a</think>{RESPONSE}")), "does not end in one think block"),
    "open think": (
        row(conversations=turns(response="<think>a<answer>B</answer>")),
        "does not end in one think block",
    ),
    "text behind": (row(conversations=turns(response=f"{RESPONSE} so")), "does not end in one think block"),
    "empty think": (row(conversations=turns(response="<think> </think><answer>B</answer>")), "think block is empty"),
    "empty answer": (row(conversations=turns(response="<think>a</think><answer></answer>")), "answer block is empty"),
    "grounding is a list": (row(temporal_grounding=[]), "not an object"),
    "malformed time": (row(temporal_grounding={"~00:16": "a fox"}), "'~00:16' is not a time"),
    "no sentence": (row(temporal_grounding={"00:16": ""}), "no sentence at '00:16'"),
    "half a character": (row(conversations=turns("<video>What\ud83d?")), "'conversations' has half of a character"),
    "half a character in the id": (row(id="\ud83d"), "'id' has half of a character"),
    "half a character in a field's name": (row(**{"\ud83d": 1}), "has half of a character"),
    "a sign of models": (row(conversations=turns("<video>What is <|video_pad|>?")), r"holds '<\|video_pad\|>'"),
    "a name too long": (row(video="v" * 300 + ".mp4"), "there is no file"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_cannot_be_used_is_set_aside_and_the_others_go_on(
    media: Path, write: Write, bad: Any, reason: str
) -> None:
    path = write([row(), bad, row(id="last")])
    conversations, rejected = read_conversations(path, media)
    assert [one.id for one in conversations] == ["set-000000", "last"]
    (only,) = rejected
    assert only.file == str(path)
    assert only.record == "set-000001"
    assert only.cure
    assert re.search(reason, only.reason)


def test_an_id_that_comes_again_is_set_aside(media: Path, write: Write) -> None:
    conversations, rejected = read_conversations(write([row(id="x"), row(id="x"), row(id=7)]), media)
    assert [one.id for one in conversations] == ["x", "7"]
    assert "earlier row" in rejected[0].reason


def test_fields_that_come_again_are_set_aside(media: Path, write: Write) -> None:
    twice = json.dumps(row())[:-1] + ', "video": "videos/b.mp4"}'
    times = json.dumps(row()).replace('{"00:02-00:04": "a fox"}', '{"00:02": "a fox", "00:02": "an owl"}')
    _, rejected = read_conversations(write(f"[{twice}, {times}]".encode()), media)
    assert "'video' stands more than once" in rejected[0].reason
    assert "time '00:02' more than once" in rejected[1].reason


def test_a_video_whose_subtitles_cannot_be_read_is_set_aside(media: Path, write: Write) -> None:
    (media / "videos/b.srt").write_bytes(b"caf\xe9")
    conversations, rejected = read_conversations(write([row(), row(video="videos/b.mp4")]), media)
    assert len(conversations) == 1
    assert "b.srt: is not UTF-8" in rejected[0].reason
    assert "iconv" in str(rejected[0].cure)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"video": "a.mp4"}', "a list of rows is needed"),
        (b"[]", "has no rows"),
        (b"[{]", "not valid JSON: .* line 1, column 3"),
        (b"[" * 100_000, "nested too deeply"),
        (b'["caf\xe9"]', r"not UTF-8 text \(byte 5\)"),
        (b"", "not valid JSON"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_run(media: Path, write: Write, content: bytes, reason: str) -> None:
    path = write(content)
    with pytest.raises(UserError, match=reason) as caught:
        read_conversations(path, media)
    assert caught.value.file == str(path)
    with pytest.raises(UserError, match="no such file"):
        read_conversations(media / "none.json", media)


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:16", (16, 16)),
        ("75:20", (4520, 4520)),
        ("01:02:03", (3723, 3723)),
        ("00:16-00:20", (16, 20)),
        ("00:16 - 00:20", (16, 20)),
        ("00:59–01:00:00", (59, 3600)),
        ("00:16-00:16", (16, 16)),
    ],
)
def test_parse_span_reads_times_and_ranges(text: str, span: tuple[float, float]) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize(
    "text",
    [
        *["", "16", "00:70", "1:2", "00:61:00", "~00:16", "at 00:16", "00:16s", "00:16.5", "00:00:00:16", "٠٠:16"],
        *["00:16-", "-00:16", "00:20-00:16", "00:01-00:02-00:03"],
    ],
)
def test_parse_span_refuses_everything_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time|ends before"):
        parse_span(text)


@given(st.integers(0, 99 * 3600), st.integers(0, 3600))
def test_parse_span_reads_what_a_clock_writes(start: int, length: int) -> None:
    def clock(second: int) -> str:
        return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"

    if start + length < 100 * 3600:
        assert parse_span(f"{clock(start)}-{clock(start + length)}") == (start, start + length)


# --- splitting --------------------------------------------------------------------------------------------------------


@given(names=st.sets(st.text(min_size=1, max_size=8), max_size=60), more=st.text(min_size=1), share=st.floats(0, 1))
def test_held_out_videos_depend_on_their_names_alone(names: set[str], more: str, share: float) -> None:
    chosen = held_out_videos(names, share)
    assert chosen <= names
    assert bool(chosen) == bool(names and share)
    # One more video moves none, unless the only one was there for want of another.
    if len(chosen) > 1:
        assert held_out_videos(names | {more}, share) - {more} == chosen - {more}


def test_held_out_videos_are_the_share_that_was_asked_for() -> None:
    names = [f"videos/train-{number:04d}.mp4" for number in range(5000)]
    # 5000 draws at 0.1: 500, give or take four standard deviations of 21.
    assert abs(len(held_out_videos(names, 0.1)) - 500) < 85
    assert held_out_videos(names, 0.1) <= held_out_videos(names, 0.2)
    assert held_out_videos(names, 1.0) == set(names)


# --- JSON lines -------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"))
conversations_of_all_kinds = st.lists(
    st.builds(
        Conversation,
        id=texts,
        kind=st.sampled_from(["video", "image"]),
        media=st.lists(st.builds(Medium, path=texts, subtitle=st.none() | texts), min_size=1),
        question=texts,
        trace=texts,
        think=texts,
        answer=texts,
        grounding=st.dictionaries(texts, texts),
    )
)


@given(conversations_of_all_kinds)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, written: list[Conversation]) -> None:
    path = tmp_path_factory.mktemp("lines") / "set.jsonl"
    write_jsonl(path, written)
    assert read_jsonl(path) == written


GOOD_LINE: Row = {
    "id": "x",
    "kind": "video",
    "media": [{"path": "a.mp4", "subtitle": None}],
    "question": "What?",
    "trace": RESPONSE,
    "think": "a",
    "answer": "B",
    "grounding": {},
}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (json.dumps({**GOOD_LINE, "more": 1}), "its fields are not"),
        (json.dumps({name: value for name, value in GOOD_LINE.items() if name != "think"}), "its fields are not"),
        (json.dumps({**GOOD_LINE, "answer": None}), "field 'answer' is null"),
        (json.dumps({**GOOD_LINE, "kind": "sound"}), "field 'kind'"),
        (json.dumps({**GOOD_LINE, "media": ["a.mp4"]}), "field 'media'"),
        (json.dumps({**GOOD_LINE, "media": []}), "field 'media'"),
        (json.dumps({**GOOD_LINE, "grounding": {"00:01": 3}}), "field 'grounding'"),
        ("[]", "its fields are not"),
        ("{", "not a training example"),
    ],
)
def test_a_line_that_is_no_example_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(f"{json.dumps(GOOD_LINE)}\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=reason) as caught:
        read_jsonl(path)
    assert caught.value.record == "line 2"


def test_read_jsonl_refuses_missing_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_jsonl(tmp_path / "none.jsonl")
    (tmp_path / "set.jsonl").write_bytes(b"\xff")
    with pytest.raises(UserError, match="not UTF-8"):
        read_jsonl(tmp_path / "set.jsonl")
