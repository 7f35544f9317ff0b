"""Training examples with their videos, ready for a language model behind a frozen vision tower."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from video_r2.config import Trace
from video_r2.data.conversations import Conversation, Medium, read_jsonl
from video_r2.data.frames import FrameCache, room_for, share_room
from video_r2.errors import UserError
from video_r2.model.generation import FLASH_ATTENTION
from video_r2.model.inputs import Media, VideoFeatures, compute_features, make_patches
from video_r2.training.sharding import tower_alone

KEPT_BYTES = 2**31  # features kept in memory; a larger training set is encoded again in every epoch

# A time or a range of times, with what joins it to the words around it.
CITED_TIME = re.compile(
    r"\s*\b(?:(?:at|from|around)\s+)?\d{1,2}(?::\d\d){1,2}(?:\s*(?:-|–|to)\s*\d{1,2}(?::\d\d){1,2})?:?"
)
SENTENCE = re.compile(r"[^.!?]+(?:[.!?]+|$)")
THINK_BLOCK = re.compile(r"(?<=<think>).*(?=</think>)", re.DOTALL)


def usable_examples(rows: str | Path, clips: str | Path, cache: FrameCache) -> list[Conversation]:
    """Read the examples that can be trained on: those whose videos or images are all in the frame cache, and not too many.

    A video may decode in its last part, and so be listed as one, and not where most of its frames are.

    Args:
        rows: JSON lines of conversations.
        clips: the list of what lies in the cache, as `build_frames` writes it; of a video, for every way of sampling it.
        cache: says how the videos are sampled here.

    Raises:
        UserError: if none can be used, or a video of the list is not what it was: to leave it out would be to train on
            other rows.
    """
    examples = read_jsonl(rows)
    cache.expect(clips)
    usable = [
        example
        for example in examples
        if len(example.media) <= room_for(cache.frames)
        and all(cache.is_listed(one.path, one.subtitle) for one in example.media)
    ]
    if len(usable) < len(examples):
        print(
            f"{len(examples) - len(usable)} of {len(examples)} examples are left out: their videos or images are not in the "
            "frame cache, or more than max_frames has room for (data/rejected/frames-training.jsonl says why)"
        )
    if not usable:
        raise UserError("holds no example that can be used", file=rows, cure="see data/rejected/frames-training.jsonl")
    return usable


class VideoEncoder:
    """Gives the features of an example's media: frames from the cache, then the frozen vision tower, once for all rows on them.

    SFT and GRPO leave the tower and the merger as they are, so that its output is the same in every epoch and rollout.
    """

    def __init__(
        self, model: Qwen2_5_VLForConditionalGeneration, processor: Qwen2_5_VLProcessor, cache: FrameCache
    ) -> None:
        self._model, self._processor, self._cache = model, processor, cache
        self._kept: OrderedDict[tuple[Medium, ...], tuple[VideoFeatures, ...]] = OrderedDict()
        self._bytes = 0

    def __call__(self, examples: Sequence[Conversation]) -> list[Media[VideoFeatures]]:
        """Features of each example's media, in order, with the text before each of them."""
        shown = [tuple(example.media) for example in examples]
        fresh = {media: self._features(media) for media in dict.fromkeys(shown) if media not in self._kept}
        given = [fresh.get(media) or self._kept[media] for media in shown]
        for media, features in fresh.items():
            self._kept[media] = features
            self._bytes += _bytes_of(features)
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _bytes_of(oldest)
        return [Media(features, tuple(example.parts[:-1])) for example, features in zip(examples, given, strict=True)]

    def _features(self, media: Sequence[Medium]) -> tuple[VideoFeatures, ...]:
        clips = [self._cache.load(medium.path, medium.subtitle) for medium in media]
        features = []
        for clip in share_room(clips, self._cache.frames):
            patches = make_patches(self._processor, clip.frames, clip.fps_effective)
            # Alone: what is computed together may round otherwise, and after an interruption other videos are missing.
            with torch.autocast(self._model.device.type, torch.bfloat16, enabled=self._reads_bf16):
                features += compute_features(self._model, [patches])
        return tuple(features)

    def keep_tower_whole(self, device: torch.device) -> None:
        """Take the tower out of the model, which is going to be shared out among processes, and keep all of it on `device`."""
        self._model = tower_alone(self._model)
        self._model.to(device)  # type: ignore[arg-type]  # its decorator hides the argument

    @property
    def _reads_bf16(self) -> bool:
        return cast(Any, self._model.config.vision_config)._attn_implementation == FLASH_ATTENTION


def _bytes_of(features: Sequence[VideoFeatures]) -> int:
    return sum(each.features.nbytes for each in features)


def write_response(example: Conversation, trace: Trace) -> str:
    """The response that is learnt: the whole trace, the trace without its times, or its conclusion (last sentence) alone."""
    if trace == "full":
        return example.trace
    if trace == "without_times":
        shortened = CITED_TIME.sub("", example.think).strip()
    else:
        shortened = SENTENCE.findall(example.think.strip())[-1].strip()
    return THINK_BLOCK.sub(lambda _: shortened, example.trace)
