"""A tiny Qwen2.5-VL with random weights that are large enough for its answers to differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from flash_kernels import NAME, flash_kernels, use_attention
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from video_r2.config import Frames, ModelShape
from video_r2.model.inputs import VideoPatches, make_patches
from video_r2.model.scratch import make_model, make_processor, make_tokenizer

SIDE = 56
SHAPE = ModelShape(
    text_width=64, text_layers=3, text_feedforward=96, vision_width=32, vision_feedforward=64, vocabulary=400
)
QUESTIONS = ["What colour is the square?", "When does it appear, and for how long?", "How many circles are shown?"]


@dataclass(frozen=True)
class Tiny:
    """A model, its processor, and clips of different lengths and rates."""

    model: Qwen2_5_VLForConditionalGeneration
    processor: Qwen2_5_VLProcessor
    clips: list[VideoPatches]


@pytest.fixture(scope="session", params=["sdpa", "eager", NAME])
def tiny(request: pytest.FixtureRequest) -> Iterator[Tiny]:
    tokenizer = make_tokenizer([*QUESTIONS, "<think>00:02-00:04: a red circle.</think><answer>A</answer>"] * 2, 400)
    processor = make_processor(tokenizer, Frames(min_pixels=SIDE * SIDE, max_pixels=SIDE * SIDE))
    model = make_model(SHAPE, tokenizer, seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and "language_model.layers" in name:
            torch.nn.init.normal_(weight, std=1.5 / weight.shape[1] ** 0.5, generator=generator)
    use_attention(model, request.param)
    rng = np.random.default_rng(0)
    clips = [
        make_patches(processor, rng.integers(0, 255, (frames, SIDE, SIDE, 3), dtype=np.uint8), fps)
        for frames, fps in ((6, 1.0), (2, 0.5), (10, 2.0))
    ]
    with flash_kernels() if request.param == NAME else nullcontext():
        yield Tiny(model, processor, clips)
