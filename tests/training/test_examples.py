"""What the trainers see of an example's video."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import FRAMES, tiny_model
from training_data import write_data

from video_r2 import config
from video_r2.data.conversations import read_jsonl, write_jsonl
from video_r2.data.frames import FrameCache
from video_r2.errors import RejectedRecord, UserError
from video_r2.training.examples import VideoEncoder, usable_examples


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


def test_a_videos_features_do_not_depend_on_which_others_are_missing(data: Path) -> None:
    # After an interruption nothing is kept, and other videos are met together than before.
    model, processor = tiny_model()
    cache = FrameCache(data / "cache", FRAMES, config.Overlay(), "pyav")
    rows = read_jsonl(data / "rows.jsonl")
    together = VideoEncoder(model, processor, cache)(rows)
    assert len({example.video for example in rows}) == 4
    for example, features in zip(rows, together, strict=True):
        (alone,) = VideoEncoder(model, processor, cache)([example])
        assert torch.equal(alone.features, features.features)
    encode = VideoEncoder(model, processor, cache)
    kept = encode(rows[2:4])
    assert torch.equal(encode(rows)[2].features, kept[0].features)


def test_examples_over_images_and_over_videos_without_frames_are_left_out(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_jsonl(data / "rows.jsonl")
    of_images = replace(rows[0], id="i", video=None, images=["a.png"])
    write_jsonl(tmp_path / "rows.jsonl", [*rows, of_images])
    clips = json.loads((data / "clips.json").read_text(encoding="utf-8"))
    (tmp_path / "clips.json").write_text(json.dumps(clips[1:]), encoding="utf-8")
    cache = FrameCache(data / "cache", FRAMES, config.Overlay(), "pyav")
    usable = usable_examples(tmp_path / "rows.jsonl", tmp_path / "clips.json", cache)
    assert [row.id for row in usable] == [row.id for row in rows if row.video != clips[0]["video"]]
    assert (
        "3 of 7 examples are left out: 1 over images, which cannot be trained on yet, and 2" in capsys.readouterr().out
    )
    hidden = data / "1.mp4"
    hidden.rename(data / "hidden.mp4")
    with pytest.raises(RejectedRecord, match=r"1\.mp4: cannot be read"):
        usable_examples(
            tmp_path / "rows.jsonl",
            tmp_path / "clips.json",
            FrameCache(data / "cache", FRAMES, config.Overlay(), "pyav"),
        )
    (data / "hidden.mp4").rename(hidden)
    # Sampled in another way, what lies in the cache is of no use.
    otherwise = FrameCache(data / "cache", FRAMES.model_copy(update={"fps": 2.0}), config.Overlay(), "pyav")
    with pytest.raises(UserError, match="holds no example that can be used"):
        usable_examples(tmp_path / "rows.jsonl", tmp_path / "clips.json", otherwise)
    (tmp_path / "clips.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match="holds no example that can be used"):
        usable_examples(tmp_path / "rows.jsonl", tmp_path / "clips.json", cache)
