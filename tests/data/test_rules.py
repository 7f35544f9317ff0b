"""The scripts of the rules that prepare the data, run on real files as Snakemake runs them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from snakemake.iocontainers import Namedlist

import build_frames
import index_videos
import prepare_training
from video_r2 import config, records
from video_r2.data.conversations import read_jsonl
from video_r2.data.frames import FrameCache
from video_r2.errors import UserError

MakeVideo = Callable[..., Path]


@dataclass
class Job:
    """What Snakemake hands to a script."""

    input: Any
    output: Any
    params: Any
    wildcards: Any
    log: Any
    threads: int = 2
    rule: str = ""


def job(inputs: dict[str, Any], outputs: dict[str, Path], **params: Any) -> Job:
    return Job(named(inputs), named(outputs), Namedlist(fromdict=params), Namedlist(), Namedlist())


def named(files: dict[str, Any]) -> Namedlist:
    texts = {name: list(map(str, path)) if isinstance(path, list) else str(path) for name, path in files.items()}
    return Namedlist(fromdict=texts)


def data(**changes: Any) -> dict[str, Any]:
    return config.Data(**changes).model_dump(mode="json")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def raw(tmp_path: Path, make_video: MakeVideo) -> Path:
    """A data set's folder: ten videos, of which one has subtitles with a bad cue."""
    film = make_video("raw/training/videos/film-0.mp4", frames=20)
    for number in range(1, 10):
        shutil.copy(film, film.with_name(f"film-{number}.mp4"))
    film.with_suffix(".srt").write_text(
        "00:00:00,000 --> 00:00:01,000\nfox\n\n00:00:0x,000 --> 00:00:01,000\nowl\n", encoding="utf-8"
    )
    return tmp_path / "raw" / "training"


def index(raw: Path, **settings: Any) -> Path:
    outputs = {"table": raw.parent / "videos.parquet", "rejected": raw.parent / "rejected.jsonl"}
    index_videos.main(job({"videos": raw / "videos"}, outputs, max_rejected=data(**settings)["max_rejected"]))
    return outputs["table"]


# --- index_videos -----------------------------------------------------------------------------------------------------


def test_index_videos_describes_what_can_be_read_and_sets_the_rest_aside(raw: Path) -> None:
    (raw / "videos" / "film-3.mp4").write_bytes(b"no video")
    videos = records.read_table(index(raw), records.VIDEO).set_index("path")
    assert list(videos.index) == [f"videos/film-{number}.mp4" for number in range(10) if number != 3]
    first = videos.loc["videos/film-0.mp4"]
    content = (raw / "videos" / "film-0.mp4").read_bytes()
    assert (first.seconds, first.fps, first.frames, first.bytes) == (2.0, 10.0, 20, len(content))
    assert first.sha256 == hashlib.sha256(content).hexdigest()
    film, cue = lines(raw.parent / "rejected.jsonl")
    assert film["file"].endswith("film-3.mp4")
    assert "cannot be read as a video" in film["reason"]
    assert (Path(cue["file"]).name, cue["record"]) == ("film-0.srt", "line 4")
    assert film["cure"]
    assert cue["cure"]


def test_a_damaged_end_is_reported_and_the_rest_used(make_video: MakeVideo, raw: Path, tmp_path: Path) -> None:
    film = make_video("raw/training/videos/film-2.mp4", frames=80, key_every=10, movflags="faststart")
    content = film.read_bytes()
    film.write_bytes(content[: int(0.8 * len(content))])
    videos = records.read_table(index(raw), records.VIDEO).set_index("path")
    seconds = videos.loc["videos/film-2.mp4"].seconds
    assert 4 <= seconds < 8
    expected = (str(film), f"its last {8 - seconds:.1f} of 8.0 seconds are damaged; what is before is used")
    noted = [(entry["file"], entry["reason"]) for entry in lines(raw.parent / "rejected.jsonl")]
    assert noted[0] == expected
    assert len(noted) == 2  # and the cue

    question = dict.fromkeys(records.QUESTION, "") | {"options": [], "video": str(film)}
    bad_cue = raw / "videos" / "film-0.srt"
    rows = [question, question | {"video": str(raw / "videos" / "film-0.mp4"), "subtitle": str(bad_cue)}]
    records.write_table(tmp_path / "questions.parquet", pd.DataFrame(rows), records.QUESTION)
    work = job(
        {"rows": tmp_path / "questions.parquet"},
        {"listing": tmp_path / "listing.json", "rejected": tmp_path / "rejected.jsonl"},
        frames=[config.Frames(fps=1.0, min_pixels=1, max_pixels=112 * 84, overlay=True).model_dump(mode="json")],
        overlay=config.Overlay().model_dump(mode="json"),
        decoder="pyav",
        cache=str(tmp_path / "cache"),
    )
    build_frames.main(work)
    cue, end = lines(tmp_path / "rejected.jsonl")
    assert (cue["file"], cue["record"]) == (str(bad_cue), "line 4")
    assert (end["file"], end["reason"]) == expected
    _, clip = json.loads((tmp_path / "listing.json").read_text(encoding="utf-8"))
    assert clip["frames"][0] == int(seconds) // 2 * 2


def test_a_clip_that_could_be_made_stays_whatever_the_end_of_its_file_is_like(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    """Of two samples, at 0 and 4 s, the first decodes; of the 80 frames fewer than half do."""
    film = make_video("film.mp4", frames=80, key_every=10, movflags="faststart")
    content = film.read_bytes()
    begin = content.find(b"mdat")
    keep = begin + int(0.45 * (len(content) - begin))
    film.write_bytes(content[:keep] + bytes(len(content) - keep))
    question = dict.fromkeys(records.QUESTION, "") | {"options": [], "video": str(film)}
    records.write_table(tmp_path / "questions.parquet", pd.DataFrame([question]), records.QUESTION)
    work = job(
        {"rows": tmp_path / "questions.parquet"},
        {"listing": tmp_path / "listing.json", "rejected": tmp_path / "rejected.jsonl"},
        frames=[config.Frames(fps=0.25, min_pixels=1, max_pixels=112 * 84).model_dump(mode="json")],
        overlay=config.Overlay().model_dump(mode="json"),
        decoder="pyav",
        cache=str(tmp_path / "cache"),
    )
    build_frames.main(work)
    (clip,) = json.loads((tmp_path / "listing.json").read_text(encoding="utf-8"))
    assert clip["frames"][0] == 1
    one_frame, noted = lines(tmp_path / "rejected.jsonl")
    assert one_frame["reason"] == build_frames.ONE_FRAME
    assert (noted["file"], "fewer than half" in noted["reason"]) == (str(film), True)


def test_index_videos_stops_where_too_much_is_unusable(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        (raw / "videos" / f"film-{number}.mp4").write_bytes(b"")
    with pytest.raises(UserError, match=r"3 of 10 records.*film-0.mp4: is an empty file") as caught:
        index(raw, max_rejected=0.2)
    assert "max_rejected" in str(caught.value.cure)
    printed = capsys.readouterr().out
    assert all(f"film-{number}.mp4: is an empty file" in printed for number in range(3))
    index(raw, max_rejected=0.3)
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="holds no video"):
        index_videos.main(job({"videos": tmp_path / "none"}, {}, data=data()))


# --- prepare_training -------------------------------------------------------------------------------------------------


def row(number: int, **changes: Any) -> dict[str, Any]:
    human = {"from": "human", "value": "<video>\nWhat is it?"}
    answer = {"from": "gpt", "value": "<think>At 00:01 a fox.</think><answer>a fox</answer>"}
    return {
        "video": f"videos/film-{number}.mp4",
        "conversations": [human, answer],
        "temporal_grounding": {"00:01": "a fox"},
        **changes,
    }


def prepare(raw: Path, sft: list[Any], grpo: list[Any], **settings: Any) -> dict[str, Path]:
    for name, rows in (("sft", sft), ("grpo", grpo)):
        (raw / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    outputs = {name: raw.parent / f"{name}.jsonl" for name in ("sft", "grpo", "heldout", "rejected")}
    inputs = {"sft": raw / "sft.json", "grpo": raw / "grpo.json", "videos": index(raw)}
    given = data(**settings)
    prepare_training.main(job(inputs, outputs, data=given, max_rejected=given["max_rejected"]))
    return outputs


def test_prepare_training_holds_videos_out_of_every_set(raw: Path) -> None:
    rows = [row(number) for number in range(10)]
    outputs = prepare(raw, [*rows, *rows], rows, heldout_fraction=0.3)
    sets = {name: read_jsonl(outputs[name]) for name in ("sft", "grpo", "heldout")}
    videos = {name: {one.media[0].path for one in conversations} for name, conversations in sets.items()}
    assert videos["heldout"]
    assert videos["grpo"]
    assert not videos["heldout"] & (videos["sft"] | videos["grpo"])
    assert videos["heldout"] | videos["grpo"] == {str(raw / "videos" / f"film-{number}.mp4") for number in range(10)}
    assert videos["sft"] == videos["grpo"]
    assert len(sets["sft"]) == 2 * len(sets["grpo"])
    assert outputs["rejected"].read_text(encoding="utf-8") == ""


def test_prepare_training_sets_rows_aside_with_their_reason(raw: Path) -> None:
    (raw / "videos" / "film-7.mp4").write_bytes(b"no video")
    outputs = prepare(raw, [row(1), row(2, conversations=[])], [row(1), row(7)], heldout_fraction=0, max_rejected=0.5)
    assert len(read_jsonl(outputs["sft"])) == 1
    assert read_jsonl(outputs["heldout"]) == []
    no_turns, no_video = lines(outputs["rejected"])
    assert (Path(no_turns["file"]).name, no_turns["record"]) == ("sft.json", "sft-000001")
    assert (Path(no_video["file"]).name, no_video["record"]) == ("grpo.json", "grpo-000001")
    assert "film-7.mp4 cannot be read" in no_video["reason"]


def test_prepare_training_takes_images_and_several_videos(raw: Path) -> None:
    """The released columns: `image` is a path or a list of them, below the folder of the videos."""
    Image.new("RGB", (64, 48), "red").save(raw / "videos" / "red.png")
    (raw / "videos" / "broken.jpg").write_bytes(b"no image")

    def pictured(*images: str) -> dict[str, Any]:
        human = {"from": "human", "value": "<image>\n" * len(images) + "Which colour?"}
        answer = {"from": "gpt", "value": "<think>It is red.</think><answer>red</answer>"}
        given = images[0] if len(images) == 1 else list(images)
        return {"image": given, "conversations": [human, answer], "temporal_grounding": None}

    rows = [pictured("red.png"), row(1), pictured("red.png", "red.png"), both(1, 2)]
    outputs = prepare(raw, rows, [row(1)], heldout_fraction=0)
    assert [[Path(medium.path).name for medium in one.media] for one in read_jsonl(outputs["sft"])] == [
        ["red.png"],
        ["film-1.mp4"],
        ["red.png", "red.png"],
        ["film-1.mp4", "film-2.mp4"],
    ]
    assert lines(outputs["rejected"]) == []
    # One that cannot be read is one too many, whichever it is.
    (raw / "videos" / "film-7.mp4").write_bytes(b"no video")
    outputs = prepare(
        raw, [*rows, both(1, 7), pictured("red.png", "broken.jpg")], [row(1)], heldout_fraction=0, max_rejected=0.9
    )
    assert [
        (entry["record"], entry["reason"].partition(":")[0].partition(";")[0]) for entry in lines(outputs["rejected"])
    ] == [
        ("sft-000004", f"its video {raw / 'videos/film-7.mp4'} cannot be read"),
        ("sft-000005", f"its image {raw / 'videos/broken.jpg'} is not an image that can be read"),
    ]


def both(*numbers: int) -> dict[str, Any]:
    """A row over several films, in the released columns."""
    turns = row(0)["conversations"]
    turns[0]["value"] = "<video>\n" * len(numbers) + "Which is longer?"
    return row(0, video=[f"film-{number}.mp4" for number in numbers], conversations=turns)


def test_a_row_over_several_videos_is_left_out_where_one_of_them_is_held_out(raw: Path) -> None:
    rows = [row(number) for number in range(8)]
    rows_of_two = [both(one, other) for one in range(10) for other in range(one)]
    outputs = prepare(raw, rows_of_two, [*rows, *rows_of_two], heldout_fraction=0.3)
    sets = {name: read_jsonl(outputs[name]) for name in ("sft", "grpo", "heldout")}
    held_out = {one.media[0].path for one in sets["heldout"]}
    assert 0 < len(held_out) == len(sets["heldout"])  # a question about two videos is none about times
    # 8 and 9 have no row of their own, and no known times: they are never held out.
    left = 10 - len(held_out)
    for name, of_one in (("sft", 0), ("grpo", 8 - len(held_out))):
        assert not held_out & {medium.path for one in sets[name] for medium in one.media}
        assert len(sets[name]) == left * (left - 1) // 2 + of_one


def test_prepare_training_stops_where_too_much_is_unusable(raw: Path) -> None:
    with pytest.raises(UserError, match=r"sft.json: 1 of 2 records cannot be used.*there is no file"):
        prepare(raw, [row(1), row(99)], [row(1)], max_rejected=0.4)


def test_prepare_training_stops_where_all_videos_are_held_out(raw: Path) -> None:
    with pytest.raises(UserError, match=r"no row is left to train on .cure: lower data.heldout_fraction"):
        prepare(raw, [row(1)], [row(1)], heldout_fraction=0.9)


# --- build_frames -----------------------------------------------------------------------------------------------------


def test_build_frames_fills_the_cache_and_lists_it(raw: Path, make_video: MakeVideo, tmp_path: Path) -> None:
    many = both(*[0] * 33)  # more than a pair of frames of each of 64 has room for
    outputs = prepare(raw, [row(0), both(0, 1), many], [row(0)], heldout_fraction=0)
    question = dict.fromkeys(records.QUESTION, "") | {"options": [], "video": str(tmp_path / "none.mp4")}
    (tmp_path / "unreadable.mp4").symlink_to("unreadable.mp4")
    questions = tmp_path / "questions.parquet"
    make_video("moment.mp4", frames=2)
    rows = [question | {"video": str(tmp_path / name)} for name in ("none.mp4", "unreadable.mp4", "moment.mp4")]
    records.write_table(questions, pd.DataFrame(rows), records.QUESTION)
    frames = [
        config.Frames(fps=fps, max_frames=most, min_pixels=1, max_pixels=112 * 84)
        for fps, most in ((1.0, 64), (2.0, 66))
    ]
    work = job(
        {"rows": [outputs["sft"], questions]},
        {"listing": tmp_path / "listing.json", "rejected": tmp_path / "rejected.jsonl"},
        frames=[one.model_dump(mode="json") for one in frames],
        overlay=config.Overlay().model_dump(mode="json"),
        decoder="decord",
        cache=str(tmp_path / "cache"),
    )
    build_frames.main(work)
    listing = json.loads((tmp_path / "listing.json").read_text(encoding="utf-8"))
    assert sorted((Path(entry["video"]).name, *entry["frames"]) for entry in listing) == [
        ("film-0.mp4", 2, 84, 112, 3),
        ("film-0.mp4", 4, 84, 112, 3),
        ("film-1.mp4", 2, 84, 112, 3),
        ("film-1.mp4", 4, 84, 112, 3),
        ("moment.mp4", 1, 84, 112, 3),
        ("moment.mp4", 1, 84, 112, 3),
    ]
    assert [(failed["file"], failed["reason"]) for failed in lines(tmp_path / "rejected.jsonl")] == [
        (str(tmp_path / "moment.mp4"), build_frames.ONE_FRAME),
        (str(tmp_path / "none.mp4"), "cannot be read: No such file or directory"),
        (str(tmp_path / "unreadable.mp4"), "cannot be read: Too many levels of symbolic links"),
        (
            str(outputs["sft"]),
            "has 33 videos, and max_frames = 64 has room for 32: trainings on such frames leave it out",
        ),
    ]
    # The clip of film-0 with its subtitle lies where a reader of the cache looks for it.
    cache = FrameCache(tmp_path / "cache", frames[0], config.Overlay(), "decord")
    video = raw / "videos" / "film-0.mp4"
    assert cache.path(video, video.with_suffix(".srt")).exists()


def test_frames_are_not_drawn_where_there_is_no_space_for_them(
    make_video: MakeVideo, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = dict.fromkeys(records.QUESTION, "") | {"options": []}
    rows = [question | {"video": str(make_video(f"{number}.mp4", frames=20 + number))} for number in range(9)]
    records.write_table(tmp_path / "questions.parquet", pd.DataFrame(rows), records.QUESTION)
    monkeypatch.setattr(build_frames, "MEASURED", 3)

    def draw(folder: Path) -> list[Path]:
        build_frames.main(
            job(
                {"rows": tmp_path / "questions.parquet"},  # one file, as where a job is about one benchmark
                {"listing": tmp_path / "listing.json", "rejected": tmp_path / "rejected.jsonl"},
                frames=[
                    config.Frames(fps=2.0, min_pixels=1, max_pixels=112 * 84, overlay=False).model_dump(mode="json")
                ],
                overlay=config.Overlay().model_dump(mode="json"),
                decoder="pyav",
                cache=str(folder),
            )
        )
        return list(folder.rglob("*.npz"))

    sizes = [clip.stat().st_size for clip in draw(tmp_path / "roomy")]
    assert len(sizes) == 9
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 6 * max(sizes)))
    with pytest.raises(UserError, match=r"drawing 6 clips needs .* on this disk, and .* are free"):
        draw(small_disk / "cache")
    # What was drawn to know the sizes is not drawn again, and needs no space any more.
    assert len(list((small_disk / "cache").rglob("*.npz"))) == 3
    ballast.write_bytes(b"")
    assert len(draw(small_disk / "cache")) == 9
