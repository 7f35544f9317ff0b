"""Batched decoding for a Qwen2.5-VL in which prompts on one video share what they have in common.

The video comes first in a prompt, so that everything up to the question is the same for all questions on it: it is run
through the language model once per video, and each question goes on from there. Every prompt samples from its own
random numbers, so that an answer does not depend on which other prompts are in the batch, or in what order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from transformers.cache_utils import Cache, DynamicLayer

from video_r2.model.inputs import VIDEO_TOKEN_TYPE, Media, VideoFeatures, chat_frame, expand_video_tokens, tokens_of

FLASH_ATTENTION = "flash_attention_2"
SDPA = "sdpa"
# Rows that are done cost as much as the others: they are left behind once no more than this share of a batch goes on.
KEEP = 0.75


@dataclass(frozen=True, eq=False)
class Prefix:
    """The part of a prompt that all questions on its media share, up to the token behind the last of them.

    Attributes:
        embeddings: tokens x width, the videos' features in place.
        positions: 3 x tokens: temporal, vertical and horizontal position.
        moment: tokens; for those of videos the temporal patch they belong to, from 0 on over all videos, else -1.
        seconds_per_moment: seconds between temporal patches, of the first video.
    """

    embeddings: torch.Tensor
    positions: torch.Tensor
    moment: torch.Tensor
    seconds_per_moment: float

    def __len__(self) -> int:
        return len(self.embeddings)


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt to be continued: what it shares, then its own tokens (with the forced start of the response, if any)."""

    prefix: Prefix
    suffix: tuple[int, ...]
    max_new_tokens: int
    seed: int = 0

    def __len__(self) -> int:
        return len(self.prefix) + len(self.suffix)


@dataclass(frozen=True)
class Completion:
    """Tokens generated, without the end-of-turn token, and whether it was reached."""

    tokens: tuple[int, ...]
    finished: bool


@torch.no_grad()
def make_prefix(
    model: Qwen2_5_VLForConditionalGeneration, processor: Qwen2_5_VLProcessor, media: Media[VideoFeatures]
) -> Prefix:
    """Embed what comes before the question: the chat's opening and the media, of which there is one at least."""
    videos = media.videos
    before, _ = chat_frame(processor, media.before)
    ids = expand_video_tokens(processor, processor.tokenizer.encode(before, add_special_tokens=False), videos)
    input_ids = torch.tensor([ids], device=model.device)
    is_video = input_ids == processor.video_token_id
    embeddings = model.get_input_embeddings()(input_ids)[0]
    embeddings[is_video[0]] = torch.cat([video.features for video in videos]).to(embeddings)
    positions, _ = model.model.get_rope_index(
        input_ids,
        torch.where(is_video, VIDEO_TOKEN_TYPE, 0),
        video_grid_thw=torch.tensor([video.grid for video in videos], device=model.device),
        second_per_grid_ts=torch.tensor([video.seconds_per_grid for video in videos]),
    )
    sizes = torch.tensor(
        [tokens_of(processor, video) // video.grid[0] for video in videos for _ in range(video.grid[0])]
    )
    moment = torch.full_like(input_ids[0], -1)
    moment[is_video[0]] = torch.arange(len(sizes)).repeat_interleave(sizes).to(moment)
    return Prefix(embeddings, positions[:, 0], moment, videos[0].seconds_per_grid)


def make_suffix(processor: Qwen2_5_VLProcessor, prompt: str, start: str = "") -> tuple[int, ...]:
    """Tokens behind the shared prefix: the question, the opening of the response, and the `start` that it is given."""
    _, after = chat_frame(processor)
    encode = processor.tokenizer.encode
    return (*encode(prompt + after, add_special_tokens=False), *encode(start, add_special_tokens=False))


@torch.no_grad()
def generate(
    model: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    *,
    batch: int,
    temperature: float = 0.0,
    top_k: int = 0,
) -> list[Completion]:
    """Continue every prompt until the end of the turn or its `max_new_tokens`.

    Args:
        batch: prompts that are decoded together; ordered by length, those of one video together.
        temperature: 0 is greedy.
        top_k: sample among this many tokens; 0 for all.

    Returns:
        one completion per prompt, in the order of `prompts`.
    """
    completions: dict[int, Completion] = {}
    for some in batches_of(prompts, batch):
        decoded = _decode(model, [prompts[at] for at in some], temperature, top_k)
        completions.update(zip(some, decoded, strict=True))
    return [completions[at] for at in range(len(prompts))]


def batches_of(prompts: Sequence[Prompt], batch: int) -> list[list[int]]:
    """Places of the prompts that are decoded together: those of like length, and of one video."""
    place = {id(prompt.prefix): at for at, prompt in reversed(list(enumerate(prompts)))}
    order = sorted(
        range(len(prompts)),
        key=lambda at: (len(prompts[at].prefix), place[id(prompts[at].prefix)], len(prompts[at].suffix)),
    )
    return [order[start : start + batch] for start in range(0, len(order), batch)]


@dataclass
class Reading:
    """What the language model knows after a batch of prompts: rows of [prefix, padding, padding, suffix].

    Attributes:
        hidden: last hidden state, rows x width.
        positions: position of the last token, rows.
        seen: rows x tokens; False for padding.
        prefix_tokens: tokens that the prefix takes in every row, with its padding.
        cache: keys and values of every layer.
    """

    hidden: torch.Tensor
    positions: torch.Tensor
    seen: torch.Tensor
    prefix_tokens: int
    cache: RoomyCache

    def go_on(self, model: Qwen2_5_VLForConditionalGeneration, tokens: torch.Tensor) -> None:
        """Read one more token in every row."""
        self.positions = self.positions + 1
        self.seen = torch.cat([self.seen, self.seen.new_ones(len(tokens), 1)], dim=1)
        embeddings = model.get_input_embeddings()(tokens)[:, None]
        self.hidden = _forward(model, embeddings, self.positions.expand(3, -1)[..., None], self.seen, self.cache)

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all but some rows."""
        self.cache.select(rows)
        self.hidden, self.positions, self.seen = self.hidden[rows], self.positions[rows], self.seen[rows]


@torch.no_grad()
def read_prompts(model: Qwen2_5_VLForConditionalGeneration, prompts: Sequence[Prompt], room: int = 0) -> Reading:
    """Run the prompts' prefixes, once each, then their suffixes.

    Args:
        room: tokens to be read later, for which the cache keeps room.
    """
    device = model.device
    prefixes = list({id(prompt.prefix): prompt.prefix for prompt in prompts}.values())
    which = {id(prefix): at for at, prefix in enumerate(prefixes)}
    index = torch.tensor([which[id(prompt.prefix)] for prompt in prompts], device=device)
    before, behind = max(map(len, prefixes)), max(len(prompt.suffix) for prompt in prompts)

    embeddings = pad_right([prefix.embeddings for prefix in prefixes], before)
    positions = pad_right([prefix.positions.T for prefix in prefixes], before).permute(2, 0, 1)
    seen = pad_right([torch.ones(len(prefix), device=device) for prefix in prefixes], before).bool()
    cache = RoomyCache(model.config.get_text_config().num_hidden_layers, before)
    _forward(model, embeddings, positions, seen, cache)
    cache.select(index, before + behind + room)

    ids = pad_left([torch.tensor(prompt.suffix, device=device) for prompt in prompts], behind)
    own = pad_left([torch.ones(len(prompt.suffix), device=device) for prompt in prompts], behind).bool()
    # The prefix ends with a token of text, whose three positions are one.
    last = torch.stack([prefix.positions[0, -1] for prefix in prefixes])
    positions = last[index][:, None] + own.cumsum(1)
    seen = torch.cat([seen[index], own], dim=1)
    hidden = _forward(model, model.get_input_embeddings()(ids), positions.expand(3, -1, -1), seen, cache)
    return Reading(hidden, positions[:, -1], seen, before, cache)


def _forward(
    model: Qwen2_5_VLForConditionalGeneration,
    embeddings: torch.Tensor,
    positions: torch.Tensor,
    seen: torch.Tensor,
    cache: RoomyCache,
) -> torch.Tensor:
    """Run new tokens through the language model; the last one's hidden state, rows x width."""
    mask = attention_mask(seen, embeddings, model.config.get_text_config()._attn_implementation)
    return model.model.language_model(
        inputs_embeds=embeddings,
        position_ids=positions,
        attention_mask={"full_attention": mask},
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state[:, -1]


def _decode(
    model: Qwen2_5_VLForConditionalGeneration, prompts: Sequence[Prompt], temperature: float, top_k: int
) -> list[Completion]:
    """Continue one batch."""
    ends = torch.tensor(end_tokens(model), device=model.device)
    # Tokens that stand for visual features can be read only where there are features. As with `top_k`, GRPO's
    # log-probabilities are those of the distribution before this.
    placeholders = torch.tensor([model.config.image_token_id, model.config.video_token_id], device=model.device)
    limits = torch.tensor([prompt.max_new_tokens for prompt in prompts], device=model.device)
    steps = int(limits.max())
    draws = torch.tensor(
        np.stack([np.random.default_rng(prompt.seed).random(steps) for prompt in prompts]),
        device=model.device,
        dtype=torch.float32,
    )
    reading = read_prompts(model, prompts, steps)
    rows = torch.arange(len(prompts), device=model.device)
    active = torch.ones_like(rows, dtype=torch.bool)
    tokens = ends[:1].repeat(len(prompts), steps)
    for step in range(steps):
        logits = model.lm_head(reading.hidden)
        logits[:, placeholders] = -torch.inf
        new = _choose(logits, draws[rows, step], temperature, top_k)
        tokens[rows[active], step] = new[active]
        active &= ~torch.isin(new, ends) & (step + 1 < limits[rows])
        left = int(active.sum())
        if left == 0:
            break
        if left <= KEEP * len(rows):
            kept = active.nonzero()[:, 0]
            reading.keep(kept)
            rows, new, active = rows[kept], new[kept], active[kept]
        reading.go_on(model, new)
    return [
        _completion(row, limit, set(ends.tolist())) for row, limit in zip(tokens.tolist(), limits.tolist(), strict=True)
    ]


def _completion(tokens: list[int], limit: int, ends: set[int]) -> Completion:
    length = next((at for at, token in enumerate(tokens[:limit]) if token in ends), None)
    return Completion(tuple(tokens[: limit if length is None else length]), length is not None)


def _choose(logits: torch.Tensor, draws: torch.Tensor, temperature: float, top_k: int) -> torch.Tensor:
    """The likeliest token of each row, or the one that the row's random number falls on."""
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits.float() / temperature
    if top_k and top_k < logits.shape[-1]:
        least = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    share = logits.softmax(-1).cumsum(-1)
    return (share <= draws[:, None] * share[:, -1:]).sum(-1).clamp(max=logits.shape[-1] - 1)


class RoomyCache(Cache):
    """Keys and values of every layer, written in place into reserved room instead of being copied at every token."""

    def __init__(self, layers: int, capacity: int) -> None:
        self.rooms = [_Room(capacity) for _ in range(layers)]
        super().__init__(layers=list(self.rooms))

    def of_layer(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of one layer so far: rows x heads x tokens x head size."""
        return self.rooms[layer].filled()

    def select(self, rows: torch.Tensor, capacity: int | None = None) -> None:
        """Keep `rows`, in this order and as often as they are named; with room for `capacity` tokens from now on."""
        for room in self.rooms:
            room.select(rows, room.capacity if capacity is None else capacity)


class _Room(DynamicLayer):
    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.length = 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *unused: Any, **ignored: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.keys is None or self.values is None:
            self.keys, self.values = self._room(key_states), self._room(value_states)
            self.is_initialized = True
        stop = self.length + key_states.shape[2]
        self.keys[:, :, self.length : stop] = key_states
        self.values[:, :, self.length : stop] = value_states
        self.length = stop
        return self.filled()

    def filled(self) -> tuple[torch.Tensor, torch.Tensor]:
        if self.keys is None or self.values is None:
            raise ValueError("nothing has been read yet")
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]

    def select(self, rows: torch.Tensor, capacity: int) -> None:
        self.capacity = capacity
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = self._room(old, len(rows))
            new[:, :, : self.length] = old[rows, :, : self.length]
            setattr(self, name, new)

    def get_seq_length(self) -> int:
        return self.length

    def _room(self, like: torch.Tensor, rows: int | None = None) -> torch.Tensor:
        return like.new_empty(like.shape[0] if rows is None else rows, like.shape[1], self.capacity, like.shape[3])


def attention_mask(seen: torch.Tensor, embeddings: torch.Tensor, implementation: str) -> torch.Tensor | None:
    """Mask for the last tokens of rows that may be padded, in the form the attention implementation takes.

    Args:
        seen: rows x tokens; False for padding. Rows of which all tokens are new are padded on the right.
        embeddings: rows x new tokens x width: of the last tokens, which ask.
    """
    if implementation == FLASH_ATTENTION:
        return None if bool(seen.all()) else seen
    total, new = seen.shape[1], embeddings.shape[1]
    # No token sees padding behind it, so that `sdpa` needs no tokens x tokens matrix to be told so.
    if new == total and implementation == SDPA:
        return None
    # One new token sees all others: without padding there is nothing to hide.
    if new == 1 and bool(seen.all()):
        return None
    at = torch.arange(total, device=seen.device)
    visible = at[None, :] <= at[total - new :, None]
    visible = visible[None, None] if new == total else seen[:, None, None, :] & visible
    hidden = torch.zeros(visible.shape, dtype=embeddings.dtype, device=seen.device)
    return hidden.masked_fill(~visible, torch.finfo(embeddings.dtype).min)


def pad_left(rows: Sequence[torch.Tensor], length: int) -> torch.Tensor:
    """Stack rows of different lengths, with zeros before the shorter ones."""
    padded = rows[0].new_zeros(len(rows), length, *rows[0].shape[1:])
    for at, row in enumerate(rows):
        padded[at, length - len(row) :] = row
    return padded


def pad_right(rows: Sequence[torch.Tensor], length: int) -> torch.Tensor:
    """Stack rows of different lengths, with zeros behind the shorter ones."""
    return pad_left([row.flip(0) for row in rows], length).flip(1)


def end_tokens(model: Qwen2_5_VLForConditionalGeneration) -> list[int]:
    """Tokens that end a response."""
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = model.config.get_text_config().eos_token_id
    return list(ends) if isinstance(ends, list | tuple) else [int(ends)]
