"""A tiny random Qwen2.5-VL and clips for it, for the tests of model and training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from video_r2.config import Frames, Guards, ModelShape, Resumption
from video_r2.model.inputs import VideoPatches, make_patches
from video_r2.model.scratch import make_model, make_processor, make_tokenizer
from video_r2.training.guards import Guard
from video_r2.training.snapshots import Snapshots
from video_r2.training.upkeep import Upkeep
from video_r2.training.watch import Watch

SIDE = 56
FRAMES = Frames(fps=1.0, max_frames=12, min_pixels=SIDE * SIDE, max_pixels=SIDE * SIDE)
SHAPE = ModelShape(
    text_width=32,
    text_layers=2,
    text_feedforward=48,
    vision_width=32,
    vision_layers=2,
    vision_feedforward=48,
    vocabulary=400,
)
TEXTS = [
    "What colour is the circle at 00:04?\nOptions:\nA. red\nB. blue",
    "<think>00:04-00:08: red.</think><answer>A</answer>",
]


def tiny_model() -> tuple[Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor]:
    tokenizer = make_tokenizer(TEXTS * 4, SHAPE.vocabulary)
    return make_model(SHAPE, tokenizer, seed=1).eval(), make_processor(tokenizer, FRAMES)


def clip(processor: Qwen2_5_VLProcessor, seconds: int, seed: int = 0) -> VideoPatches:
    frames = np.random.default_rng(seed).integers(0, 255, (seconds, SIDE, SIDE, 3), dtype=np.uint8)
    return make_patches(processor, frames, 1.0)


def upkeep(folder: Path) -> Upkeep:
    """What a training needs that nothing happens to."""
    snapshots = Snapshots(folder, keep=1)
    return Upkeep(snapshots, Watch(Resumption()), Guard(Guards(), lambda: snapshots.last))
