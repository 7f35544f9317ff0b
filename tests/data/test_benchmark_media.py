"""Subtitles of benchmarks, converted."""

from __future__ import annotations

from pathlib import Path

import pytest

from video_r2.data.benchmark_media import convert_subtitle
from video_r2.errors import RejectedRecord


def test_longvideobench_without_a_word_has_no_subtitle(tmp_path: Path) -> None:
    path = tmp_path / "silent.json"
    path.write_text('[{"timestamp": [0.0, 5.0], "text": "over before the video begins"}]')
    assert convert_subtitle(path, 10.0, tmp_path / "silent.srt") is None
    assert not (tmp_path / "silent.srt").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"not json", b'{"timestamp": [1]}', b'[{"text": "x"}]', b"[[1, 2]]"])
def test_a_bad_json_subtitle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(RejectedRecord, match=r"bad\.json: the subtitle"):
        convert_subtitle(tmp_path / "bad.json", 0.0, tmp_path / "bad.srt")
