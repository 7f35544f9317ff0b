"""What the trainers see of an example's video."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import FRAMES, tiny_model
from training_data import write_data

from video_r2 import config
from video_r2.data.conversations import read_jsonl
from video_r2.data.frames import FrameCache
from video_r2.training.examples import VideoEncoder


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
