"""What the trainers see of an example's video."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import FRAMES, SIDE, tiny_model
from training_data import write_data

from video_r2 import config
from video_r2.data.conversations import Conversation, Medium, read_jsonl, write_jsonl
from video_r2.data.frames import FrameCache
from video_r2.errors import UserError
from video_r2.model.inputs import make_batch
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
    assert len({example.media[0] for example in rows}) == 4
    for example, features in zip(rows, together, strict=True):
        (alone,) = VideoEncoder(model, processor, cache)([example])
        assert torch.equal(alone.videos[0].features, features.videos[0].features)
    encode = VideoEncoder(model, processor, cache)
    kept = encode(rows[2:4])
    assert torch.equal(encode(rows)[2].videos[0].features, kept[0].videos[0].features)


def test_an_image_is_learnt_as_the_models_own_processor_gives_it(tmp_path: Path) -> None:
    """To the language model a video of one frame is an image: the same features, in the same places."""
    model, processor = tiny_model()
    pixels = np.random.default_rng(3).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = str(tmp_path / "a.png")
    example = Conversation("i", "image", [Medium(image)], "Which?", "<think>x</think><answer>A</answer>", "x", "A", {})
    write_jsonl(tmp_path / "rows.jsonl", [example])
    cache = FrameCache(tmp_path / "cache", FRAMES, config.Overlay(), "pyav")
    (tmp_path / "clips.json").write_text(json.dumps([cache.entry(image, None)]))
    (usable,) = usable_examples(tmp_path / "rows.jsonl", tmp_path / "clips.json", cache)
    batch = make_batch(processor, ["Which?"], [usable.trace], VideoEncoder(model, processor, cache)([usable]))
    encoded = processor.image_processor(images=[Image.fromarray(pixels)], do_resize=False, return_tensors="pt")
    is_seen = batch.input_ids == processor.video_token_id
    assert int(is_seen.sum()) == (SIDE // 28) ** 2
    with torch.no_grad():
        learnt = model(**batch.model_inputs()).logits
        own = model(
            input_ids=batch.input_ids.masked_fill(is_seen, processor.image_token_id),
            attention_mask=batch.attention_mask,
            mm_token_type_ids=is_seen.long(),
            pixel_values=encoded["pixel_values"],
            image_grid_thw=encoded["image_grid_thw"],
        ).logits
    torch.testing.assert_close(learnt, own)


def test_examples_over_too_many_images_and_over_videos_without_frames_are_left_out(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_jsonl(data / "rows.jsonl")
    cache = FrameCache(data / "cache", FRAMES, config.Overlay(), "pyav")
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "a.png")
    image = str(tmp_path / "a.png")
    first, second = rows[0].media[0], rows[1].media[0]
    more = [
        replace(rows[0], id="one without frames", media=[second, first]),
        replace(rows[0], id="two videos", media=[second, second]),
        replace(rows[0], id="six images", kind="image", media=[Medium(image)] * 6),  # of twelve frames
        replace(rows[0], id="seven images", kind="image", media=[Medium(image)] * 7),
    ]
    write_jsonl(tmp_path / "rows.jsonl", [*rows, *more])
    clips = json.loads((data / "clips.json").read_text(encoding="utf-8"))
    assert clips[0]["video"] == first.path
    listed = [*clips[1:], cache.entry(image, None)]
    (tmp_path / "clips.json").write_text(json.dumps(listed), encoding="utf-8")
    usable = usable_examples(tmp_path / "rows.jsonl", tmp_path / "clips.json", cache)
    assert [row.id for row in usable] == ["1", "2", "3", "5", "two videos", "six images"]
    assert "4 of 10 examples are left out" in capsys.readouterr().out
    write_jsonl(tmp_path / "rows.jsonl", rows)
    hidden = data / "1.mp4"
    hidden.rename(data / "hidden.mp4")
    with pytest.raises(UserError, match=r"1\.mp4: is not what its frames were drawn from.*cannot be read"):
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
