"""What the model knows of a video before it is asked: clips of the frame cache, once through the tower."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from video_r2 import config
from video_r2.data.frames import Clip, FrameCache
from video_r2.errors import RejectedRecord
from video_r2.model.generation import Prefix, make_prefix
from video_r2.model.inputs import Media, VideoPatches, compute_features, make_patches
from video_r2.model.loading import load_model, load_processor

Shown = tuple[str, str]
"""A video file and its subtitle file; the latter empty if there is none."""


@dataclass(frozen=True)
class PrefixReader:
    """Reads videos for one model.

    Attributes:
        change_clip: what is done to each clip before the model sees it; None for nothing.
    """

    model: Qwen2_5_VLForConditionalGeneration
    processor: Qwen2_5_VLProcessor
    frames: FrameCache
    change_clip: Callable[[Clip], Clip] | None = None

    @classmethod
    def of_checkpoint(
        cls,
        folder: str | Path,
        decoding: config.Decoding,
        frames: FrameCache,
        change_clip: Callable[[Clip], Clip] | None = None,
    ) -> PrefixReader:
        """Read for the model of a checkpoint, on the GPU where there is one.

        Raises:
            UserError: if the checkpoint is missing or damaged.
        """
        device = "cuda" if torch.cuda.is_available() else "cpu"
        model = load_model(folder, decoding.attention, decoding.bf16, device).eval()
        return cls(model, load_processor(folder), frames, change_clip)

    def read(self, videos: Iterable[Shown], batch: int) -> dict[Shown, Prefix | RejectedRecord]:
        """Give what all questions on each video share, or why the video cannot be shown.

        Args:
            batch: videos that go through the vision tower together.
        """
        prefixes: dict[Shown, Prefix | RejectedRecord] = {}
        patches: dict[Shown, VideoPatches] = {}
        for video, subtitle in dict.fromkeys(videos):
            try:
                clip = self.frames.load(video, subtitle or None)
            except RejectedRecord as reason:
                prefixes[video, subtitle] = reason
                continue
            clip = self.change_clip(clip) if self.change_clip is not None else clip
            patches[video, subtitle] = make_patches(self.processor, clip.frames, clip.fps_effective)
        features = compute_features(self.model, list(patches.values()), batch)
        for shown, video_features in zip(patches, features, strict=True):
            prefixes[shown] = make_prefix(self.model, self.processor, Media((video_features,)))
        return prefixes
