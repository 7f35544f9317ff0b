"""Rows that share a beginning, computed together: one prefix, then branches that see it but not each other.

All questions about a video share the video; all rollouts of a group share the prompt. Computed apart, every one of them
carries its own copy through the vision tower and the language model. Here the copies are one: a branch's tokens attend to
the prefix and to themselves, and take the positions that they would have right behind it, so that every branch gets
exactly the hidden states that it would get in a row of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AttentionMaskInterface, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from transformers.masking_utils import eager_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import eager_attention_forward, repeat_kv

from video_r2.model.inputs import IGNORED, VIDEO_TOKEN_TYPE, Batch, Video, chat_frame, expand_video_token


@dataclass(frozen=True)
class Branch:
    """What follows a prefix: `given` is read, `said` is learnt. Token ids."""

    given: tuple[int, ...]
    said: tuple[int, ...]


@dataclass(frozen=True)
class Tree:
    """A prefix (token ids, the video's placeholder already repeated), its video if any, and its branches."""

    prefix: tuple[int, ...]
    video: Video | None
    branches: tuple[Branch, ...]


def encode_tree(
    processor: Qwen2_5_VLProcessor, video: Video | None, prefix: str, branches: Sequence[tuple[str, str]]
) -> Tree:
    """Write a tree of single-turn conversations that share the video and the beginning of the prompt.

    Args:
        prefix: beginning of every prompt; empty where only the video is shared.
        branches: the rest of each prompt, and the response.
    """
    tokenizer = processor.tokenizer
    before, after = chat_frame(processor, video is not None)
    shared = expand_video_token(processor, tokenizer.encode(before + prefix, add_special_tokens=False), video)
    encoded = [
        Branch(
            tuple(tokenizer.encode(prompt + after, add_special_tokens=False)),
            (*tokenizer.encode(response, add_special_tokens=False), tokenizer.eos_token_id),
        )
        for prompt, response in branches
    ]
    return Tree(tuple(shared), video, tuple(encoded))


@dataclass
class SharedPrefixBatch:
    """Trees as rows: the prefix, padded to a common length, then the branches, each padded to a common length.

    Attributes:
        batch: rows x (prefix length + branches * branch length); labels are the tokens that are said.
        positions: 3 x rows x length.
        prefix_length: length that prefixes are padded to.
        branches: branches per row; rows with fewer have empty ones.
    """

    batch: Batch
    positions: torch.Tensor
    prefix_length: int
    branches: int

    def model_inputs(self) -> dict[str, Any]:
        """Arguments for the forward pass of a model whose language model attends by `SHARED_PREFIX_ATTENTION`."""
        inputs = self.batch.model_inputs()
        seen = self.batch.attention_mask[:, : self.prefix_length].bool()
        inputs["attention_mask"] = {"full_attention": None}
        inputs["position_ids"] = self.positions
        inputs["shared_prefix"] = SharedPrefix(seen, self.branches)
        return inputs

    def predicting(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states (rows x length x width) of the token before each: for a branch's first, the prefix's last."""
        rows, length, _ = hidden.shape
        before = (torch.arange(length, device=hidden.device) - 1).clamp(min=0).repeat(rows, 1)
        last = self.batch.attention_mask[:, : self.prefix_length].sum(1) - 1
        if self.branches:
            step = (length - self.prefix_length) // self.branches
            before[:, self.prefix_length :: step] = last[:, None]
        return hidden.gather(1, before[..., None].expand_as(hidden))


@dataclass(frozen=True)
class SharedPrefix:
    """What the attention needs to know: which prefix tokens are real (rows x prefix length), and how many branches follow."""

    seen: torch.Tensor
    branches: int


def make_shared_prefix_batch(
    processor: Qwen2_5_VLProcessor, model: Qwen2_5_VLForConditionalGeneration, trees: Sequence[Tree]
) -> SharedPrefixBatch:
    """Put trees into one batch."""
    prefix_length = max(len(tree.prefix) for tree in trees)
    branches = max(len(tree.branches) for tree in trees)
    step = max(len(branch.given) + len(branch.said) for tree in trees for branch in tree.branches)
    shape = (len(trees), prefix_length + branches * step)
    ids = np.full(shape, processor.tokenizer.pad_token_id)
    labels, real, offsets = np.full(shape, IGNORED), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    offsets[:, prefix_length:] = np.tile(np.arange(step), branches)
    for at, tree in enumerate(trees):
        ids[at, : len(tree.prefix)], real[at, : len(tree.prefix)] = tree.prefix, 1
        for number, branch in enumerate(tree.branches):
            start = prefix_length + number * step
            said, stop = start + len(branch.given), start + len(branch.given) + len(branch.said)
            ids[at, start:said], ids[at, said:stop], labels[at, said:stop] = branch.given, branch.said, branch.said
            real[at, start:stop] = 1
    input_ids = torch.from_numpy(ids)
    token_types = torch.where(input_ids == processor.video_token_id, VIDEO_TOKEN_TYPE, 0)
    videos = [tree.video for tree in trees if tree.video is not None]
    batch = Batch(input_ids, torch.from_numpy(real), token_types, torch.from_numpy(labels), videos)
    positions = _positions(model, batch, prefix_length, torch.from_numpy(offsets))
    return SharedPrefixBatch(batch.to(model.device), positions.to(model.device), prefix_length, branches)


def _positions(
    model: Qwen2_5_VLForConditionalGeneration, batch: Batch, prefix_length: int, offsets: torch.Tensor
) -> torch.Tensor:
    inputs = batch.model_inputs()
    positions, _ = model.model.get_rope_index(
        batch.input_ids[:, :prefix_length],
        mm_token_type_ids=batch.token_types[:, :prefix_length],
        video_grid_thw=inputs.get("video_grid_thw"),
        second_per_grid_ts=inputs.get("second_per_grid_ts"),
        attention_mask=batch.attention_mask[:, :prefix_length],
    )
    # A prefix ends in text, so that its last token has the position before the branches' first.
    last = batch.attention_mask[:, :prefix_length].sum(1) - 1
    start = positions[:, torch.arange(len(last)), last] + 1
    behind = start[:, :, None] + offsets[:, prefix_length:]
    return torch.cat([positions, behind], dim=2)


SHARED_PREFIX_ATTENTION = "shared_prefix"


def attend_with_shared_prefix(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    shared_prefix: SharedPrefix | None = None,
    **others: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attend within the prefix, and from every branch to the prefix and itself; scores between branches never exist.

    Without `shared_prefix` it is eager attention.

    Args:
        query: rows x heads x length x head size; key, value: with as many key-value heads.

    Returns:
        rows x length x heads x head size, and no weights.
    """
    if shared_prefix is None:
        return eager_attention_forward(module, query, key, value, attention_mask, scaling, **others)
    groups: int = module.num_key_value_groups  # type: ignore[assignment]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    length = shared_prefix.seen.shape[1]
    hidden = torch.zeros(shared_prefix.seen.shape, dtype=query.dtype, device=query.device)
    hidden = hidden.masked_fill(~shared_prefix.seen, torch.finfo(query.dtype).min)[:, None, None]

    prefix_key, prefix_value = key[:, :, :length], value[:, :, :length]
    scores = query[:, :, :length] @ prefix_key.transpose(2, 3) * scaling + _causal(length, query)
    parts = [_softmax(scores) @ prefix_value]
    if shared_prefix.branches:
        rows, heads, _, size = query.shape
        shape = (rows, heads, shared_prefix.branches, -1, size)
        asking = query[:, :, length:]
        own_key, own_value = key[:, :, length:].reshape(shape), value[:, :, length:].reshape(shape)
        to_prefix = asking @ prefix_key.transpose(2, 3) * scaling + hidden
        step = own_key.shape[3]
        to_own = asking.reshape(shape) @ own_key.transpose(3, 4) * scaling + _causal(step, query)
        weights = _softmax(torch.cat([to_prefix, to_own.flatten(2, 3)], dim=-1))
        own_weights = weights[..., length:].unflatten(2, (shared_prefix.branches, step))
        parts.append(weights[..., :length] @ prefix_value + (own_weights @ own_value).flatten(2, 3))
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None


def _causal(length: int, like: torch.Tensor) -> torch.Tensor:
    return torch.full((length, length), torch.finfo(like.dtype).min, dtype=like.dtype, device=like.device).triu(1)


def _softmax(scores: torch.Tensor) -> torch.Tensor:
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(scores.dtype)


ALL_ATTENTION_FUNCTIONS.register(SHARED_PREFIX_ATTENTION, attend_with_shared_prefix)
AttentionMaskInterface.register(SHARED_PREFIX_ATTENTION, eager_mask)
