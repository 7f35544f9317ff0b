"""Videos of benchmarks, found, and their subtitles, converted."""

from __future__ import annotations

from pathlib import Path

import pytest

from video_r2.data.benchmark_media import Media, convert_subtitle
from video_r2.errors import RejectedRecord


def test_longvideobench_without_a_word_has_no_subtitle(tmp_path: Path) -> None:
    path = tmp_path / "silent.json"
    path.write_text('[{"timestamp": [0.0, 5.0], "text": "over before the video begins"}]')
    assert convert_subtitle(path, 10.0, tmp_path / "silent.srt") is None
    assert not (tmp_path / "silent.srt").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"not json",
        b'{"timestamp": [1]}',
        b'[{"text": "x"}]',
        b"[[1, 2]]",
        b'[{"timestamp": [NaN, 2], "text": "x"}]',
        b'[{"timestamp": [1, Infinity], "text": "x"}]',
        b'[{"timestamp": [1, 2], "text": "\\ud83d"}]',
        b"[" * 100_000,
    ],
)
def test_a_bad_json_subtitle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(RejectedRecord, match=r"bad\.json: the subtitle"):
        convert_subtitle(tmp_path / "bad.json", 0.0, tmp_path / "bad.srt")


def test_a_video_of_the_same_name_in_another_folder_is_another(tmp_path: Path) -> None:
    for name in ("videos/Biology/0.mp4", "videos/Art/1.mp4", "unpacked/Music/0.webm"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    media = Media(tmp_path, anywhere=True, converted=tmp_path / "converted")
    with pytest.raises(RejectedRecord, match=r"the video Art/0\.mp4 is missing"):
        media.video("Art/0.mp4", within="Art")
    with pytest.raises(RejectedRecord, match=r"the video Art/0\.mp4 is missing"):
        media.video("Art/0.mp4", without=frozenset({"Biology", "Music"}))
    assert media.video("Art/0.mp4", without=frozenset({"Biology"})) == tmp_path / "unpacked/Music/0.webm"
    assert media.video("Art/1.mp4", within="Art") == tmp_path / "videos/Art/1.mp4"
    assert media.video("Music/0.mp4", within="Music") == tmp_path / "unpacked/Music/0.webm"


def test_a_name_that_no_file_can_have_is_missing(tmp_path: Path) -> None:
    media = Media(tmp_path, anywhere=True, converted=tmp_path / "converted")
    with pytest.raises(RejectedRecord, match="is missing"):
        media.video("v" * 300 + ".mp4")
    assert media.subtitle("s" * 300 + ".json", 0.0, tmp_path / ("v" * 300 + ".mp4")) is None
