"""Batches for a Qwen2.5-VL: prompts with videos, and responses to learn or to continue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from transformers.modeling_outputs import BaseModelOutputWithPooling

IGNORED = -100  # label of tokens that no loss is taken on
VIDEO_TOKEN_TYPE = 2


@dataclass(frozen=True)
class VideoPatches:
    """A clip as the vision tower takes it.

    Attributes:
        pixels: patches x (channels * temporal patch * patch * patch), normalised.
        grid: temporal, vertical and horizontal number of patches.
        seconds_per_grid: seconds between temporal patches.
    """

    pixels: torch.Tensor
    grid: tuple[int, int, int]
    seconds_per_grid: float

    def to(self, dtype: torch.dtype) -> VideoPatches:
        """The same clip in numbers of another type; half the memory in bfloat16."""
        return replace(self, pixels=self.pixels.to(dtype))


@dataclass(frozen=True)
class VideoFeatures:
    """A clip as the language model takes it: tokens x width, behind the vision tower and merger."""

    features: torch.Tensor
    grid: tuple[int, int, int]
    seconds_per_grid: float


Video = VideoPatches | VideoFeatures
AnyVideo = TypeVar("AnyVideo", bound=Video, covariant=True)


@dataclass(frozen=True)
class Media(Generic[AnyVideo]):
    """What a prompt shows before its question.

    Attributes:
        videos: in order; an image is a video of one frame.
        texts: the text before each; where it is not told, none.
    """

    videos: tuple[AnyVideo, ...]
    texts: tuple[str, ...] = ()

    @property
    def before(self) -> tuple[str, ...]:
        """The text before each video."""
        return self.texts or ("",) * len(self.videos)


NOTHING: Media[Video] = Media(())


def make_patches(processor: Qwen2_5_VLProcessor, frames: np.ndarray, fps: float) -> VideoPatches:
    """Cut frames (T x H x W x 3, uint8, already at the model's size) into normalised patches.

    A clip of one frame is repeated to fill a temporal patch, as the model's own video processor does.
    """
    video = processor.video_processor
    encoded = video(
        videos=[torch.from_numpy(frames).permute(0, 3, 1, 2)],
        do_resize=False,
        do_sample_frames=False,
        cap_pixels_per_frame=False,  # frames come at their size; unset, transformers warns
        return_tensors="pt",
    )
    grid = tuple(int(size) for size in encoded["video_grid_thw"][0])
    return VideoPatches(encoded["pixel_values_videos"], grid, video.temporal_patch_size / fps)  # type: ignore[arg-type]


def one_moment(video: VideoPatches, moment: int) -> VideoPatches:
    """The part of a clip that makes one temporal patch."""
    patches = len(video.pixels) // video.grid[0]
    pixels = video.pixels[moment * patches : (moment + 1) * patches]
    return VideoPatches(pixels, (1, *video.grid[1:]), video.seconds_per_grid)


@torch.no_grad()
def compute_features(
    model: Qwen2_5_VLForConditionalGeneration, videos: Sequence[VideoPatches], batch: int = 32
) -> list[VideoFeatures]:
    """Run the frozen vision tower and merger once per video."""
    features: list[VideoFeatures] = []
    for start in range(0, len(videos), batch):
        some = videos[start : start + batch]
        pixels = torch.cat([video.pixels for video in some]).to(model.device)
        grids = torch.tensor([video.grid for video in some], device=model.device)
        outputs = model.model.get_video_features(pixels, grids, return_dict=True).pooler_output
        features += [
            VideoFeatures(output.clone(), video.grid, video.seconds_per_grid)
            for output, video in zip(outputs, some, strict=True)
        ]
    return features


def chat_frame(processor: Qwen2_5_VLProcessor, texts: tuple[str, ...] = ("",)) -> tuple[str, str]:
    """What the chat template writes before a question (with the videos' placeholders) and between it and the response.

    Args:
        texts: the text before each video; empty for a question without one.
    """
    return _chat_frame(str(processor.chat_template), processor, texts)


@lru_cache(maxsize=8)
def _chat_frame(template: str, processor: Qwen2_5_VLProcessor, texts: tuple[str, ...]) -> tuple[str, str]:
    mark = "\u0000"
    content: list[Any] = []
    for text in texts:
        content += [{"type": "text", "text": text}, {"type": "video"}] if text else [{"type": "video"}]
    content.append({"type": "text", "text": mark})
    turns: Any = [{"role": "user", "content": content}]
    before, after = processor.apply_chat_template(turns, add_generation_prompt=True).rsplit(mark, 1)
    return before, after


def chat_text(processor: Qwen2_5_VLProcessor, prompt: str, texts: tuple[str, ...] = ("",)) -> str:
    """Write a prompt as the chat template does, up to where the response begins."""
    before, after = chat_frame(processor, texts)
    return before + prompt + after


def expand_video_tokens(processor: Qwen2_5_VLProcessor, ids: list[int], videos: Sequence[Video]) -> list[int]:
    """Repeat each video's placeholder once per token of it."""
    placeholder = processor.video_token_id
    places = [at for at, token in enumerate(ids) if token == placeholder]
    for place, video in reversed(list(zip(places, videos, strict=True))):
        ids = [*ids[:place], *[placeholder] * tokens_of(processor, video), *ids[place + 1 :]]
    return ids


def tokens_of(processor: Qwen2_5_VLProcessor, video: Video) -> int:
    """Number of a video's tokens."""
    return int(np.prod(video.grid)) // processor.video_processor.merge_size**2


@dataclass
class Batch:
    """Token rows of one batch, padded on one side.

    Attributes:
        input_ids, attention_mask, token_types: rows x length.
        labels: rows x length; `IGNORED` outside the responses.
        videos: the rows' videos in order.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    token_types: torch.Tensor
    labels: torch.Tensor
    videos: list[Video]

    def to(self, device: torch.device | str) -> Batch:
        return Batch(
            self.input_ids.to(device),
            self.attention_mask.to(device),
            self.token_types.to(device),
            self.labels.to(device),
            self.videos,
        )

    def model_inputs(self, dtype: torch.dtype | None = None) -> dict[str, Any]:
        """Arguments for the model's forward pass, without labels."""
        device = self.input_ids.device
        inputs: dict[str, Any] = {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "mm_token_type_ids": self.token_types,
        }
        if not self.videos:
            return inputs
        inputs["video_grid_thw"] = torch.tensor([video.grid for video in self.videos], device=device)
        inputs["second_per_grid_ts"] = torch.tensor([video.seconds_per_grid for video in self.videos])
        patches = [video.pixels for video in self.videos if isinstance(video, VideoPatches)]
        features = [video.features for video in self.videos if isinstance(video, VideoFeatures)]
        if patches and features:
            raise ValueError("a batch holds either patches or features, not both")
        if patches:
            inputs["pixel_values_videos"] = torch.cat(patches).to(device, dtype)
        else:
            pooled: Any = tuple(feature.to(device, dtype) for feature in features)
            inputs["mm_encoder_outputs"] = {"video": BaseModelOutputWithPooling(pooler_output=pooled)}
        return inputs


def make_batch(
    processor: Qwen2_5_VLProcessor,
    prompts: Sequence[str],
    responses: Sequence[str],
    media: Sequence[Media[Video]],
    *,
    end: bool = True,
    padding_side: str = "right",
    max_tokens: int | None = None,
) -> Batch:
    """Put prompts, responses and videos into one padded batch.

    Args:
        prompts: the user turns, as far as they follow their media.
        responses: what the assistant says; empty to let the model begin.
        media: what stands before each prompt.
        end: end each response with the end-of-turn token.
        max_tokens: refuse longer rows.

    Raises:
        ValueError: naming the row that is longer than `max_tokens`.
    """
    tokenizer = processor.tokenizer
    pad, video_token = tokenizer.pad_token_id, processor.video_token_id
    rows, learnt = [], []
    for at, (prompt, response, shown) in enumerate(zip(prompts, responses, media, strict=True)):
        ids = tokenizer.encode(chat_text(processor, prompt, shown.before), add_special_tokens=False)
        ids = expand_video_tokens(processor, ids, shown.videos)
        said = tokenizer.encode(response, add_special_tokens=False) if response else []
        said += [tokenizer.eos_token_id] if end else []
        if max_tokens is not None and len(ids) + len(said) > max_tokens:
            raise ValueError(f"row {at} has {len(ids) + len(said)} tokens, more than {max_tokens}")
        rows.append(ids + said)
        learnt.append(len(said))
    length = max(len(row) for row in rows)
    input_ids = torch.full((len(rows), length), pad)
    attention_mask = torch.zeros((len(rows), length), dtype=torch.long)
    labels = torch.full((len(rows), length), IGNORED)
    for at, (row, said_tokens) in enumerate(zip(rows, learnt, strict=True)):
        start = length - len(row) if padding_side == "left" else 0
        stop = start + len(row)
        input_ids[at, start:stop] = torch.tensor(row)
        attention_mask[at, start:stop] = 1
        labels[at, stop - said_tokens : stop] = input_ids[at, stop - said_tokens : stop]
    token_types = torch.where(input_ids == video_token, VIDEO_TOKEN_TYPE, 0)
    videos = [video for shown in media for video in shown.videos]
    return Batch(input_ids, attention_mask, token_types, labels, videos)
