"""Rows that share a beginning, computed together: one prefix, then branches that see it but not each other.

All questions about a video share the video; all rollouts of a group share the prompt. Computed apart, every one of them
carries its own copy through the vision tower and the language model. Here the copies are one: a branch's tokens attend to
the prefix and to themselves, and take the positions that they would have right behind it, so that every branch gets
exactly the hidden states that it would get in a row of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers import AttentionMaskInterface, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from transformers.masking_utils import eager_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from video_r2.model.inputs import IGNORED, VIDEO_TOKEN_TYPE, Batch, Media, Video, chat_frame, expand_video_tokens

SIMILAR = 0.75  # branches of at least this share of the longest one's length are computed together


@dataclass(frozen=True)
class Branch:
    """What follows a prefix: `given` is read, `said` is learnt. Token ids."""

    given: tuple[int, ...]
    said: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.given) + len(self.said)


@dataclass(frozen=True)
class Tree:
    """A prefix (token ids, the videos' placeholders already repeated), its videos, and its branches."""

    prefix: tuple[int, ...]
    videos: tuple[Video, ...]
    branches: tuple[Branch, ...]

    @property
    def tokens(self) -> int:
        return len(self.prefix) + sum(map(len, self.branches))


def encode_tree(
    processor: Qwen2_5_VLProcessor, media: Media[Video], prefix: str, branches: Sequence[tuple[str, str, str]]
) -> Tree:
    """Write a tree of single-turn conversations that share their media and the beginning of the prompt.

    Args:
        prefix: beginning of every prompt behind the media; empty where only these are shared.
        branches: the rest of each prompt, the beginning of the response that is given, and how it goes on.
    """
    tokenizer = processor.tokenizer
    before, after = chat_frame(processor, media.before)
    shared = expand_video_tokens(processor, tokenizer.encode(before + prefix, add_special_tokens=False), media.videos)
    encoded = [
        Branch(
            tuple(tokenizer.encode(prompt + after + given, add_special_tokens=False)),
            (*tokenizer.encode(response, add_special_tokens=False), tokenizer.eos_token_id),
        )
        for prompt, given, response in branches
    ]
    return Tree(tuple(shared), media.videos, tuple(encoded))


@dataclass(frozen=True)
class Layout:
    """Where the tokens of packed trees are for attention: every prefix and every branch by itself, in slots.

    The trees' tokens stand in one row without padding, which every matrix of the model would be multiplied with. Slots are
    padded, but branches of about one length are computed together.

    Attributes:
        seen: prefixes x slots; False for padding.
        groups: for branches that are computed together, the prefix of each, and the slots that each has.
        token_of_slot: the token in every slot, those of the prefixes first, then those of the groups; -1 for padding.
        slot_of_token: its inverse.
    """

    seen: torch.Tensor
    groups: tuple[tuple[torch.Tensor, int], ...]
    token_of_slot: torch.Tensor
    slot_of_token: torch.Tensor

    def spread(self, packed: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """1 x heads x tokens x size, into prefixes (or a group's branches) x heads x slots x size; the prefixes first."""
        _, heads, _, size = packed.shape
        flat = _Take.apply(packed[0].transpose(0, 1).flatten(1), self.token_of_slot, self.slot_of_token)
        shapes = [tuple(self.seen.shape), *((len(prefix), slots) for prefix, slots in self.groups)]
        parts = flat.split([rows * slots for rows, slots in shapes])
        return tuple(part.view(*shape, heads, size).transpose(1, 2) for part, shape in zip(parts, shapes, strict=True))

    def pack(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """What `spread` gives, into 1 x tokens x heads x size."""
        flat = torch.cat([part.transpose(1, 2).flatten(2).flatten(0, 1) for part in parts])
        return _Take.apply(flat, self.slot_of_token, self.token_of_slot).view(1, -1, *parts[0].shape[1::2])

    def to(self, device: torch.device | str) -> Layout:
        groups = tuple((prefix.to(device), slots) for prefix, slots in self.groups)
        return Layout(self.seen.to(device), groups, self.token_of_slot.to(device), self.slot_of_token.to(device))


def make_layout(trees: Sequence[Tree]) -> Layout:
    """Lay out trees that are packed one behind the other, each its prefix and then its branches."""
    longest = max(len(tree.prefix) for tree in trees)
    token_of_slot: list[int] = []
    branches: list[tuple[int, int, int]] = []  # length, number of the prefix, first token
    tokens = 0
    for number, tree in enumerate(trees):
        token_of_slot += [*range(tokens, tokens + len(tree.prefix)), *[-1] * (longest - len(tree.prefix))]
        tokens += len(tree.prefix)
        for branch in tree.branches:
            branches.append((len(branch), number, tokens))
            tokens += len(branch)
    seen = torch.tensor(token_of_slot).view(len(trees), longest) >= 0
    groups: list[tuple[list[int], int]] = []
    for length, number, first in sorted(branches, key=lambda branch: -branch[0]):
        if not groups or length < SIMILAR * groups[-1][1]:
            groups.append(([], length))
        prefixes, slots = groups[-1]
        prefixes.append(number)
        token_of_slot += [*range(first, first + length), *[-1] * (slots - length)]
    of_slot = torch.tensor(token_of_slot)
    of_token = torch.empty(tokens, dtype=torch.long)
    of_token[of_slot[of_slot >= 0]] = (of_slot >= 0).nonzero()[:, 0]
    return Layout(seen, tuple((torch.tensor(prefixes), slots) for prefixes, slots in groups), of_slot, of_token)


class _Take(torch.autograd.Function):
    """Rows of a matrix by number, zeros for -1. No row is taken twice, so that the gradient is a taking, too."""

    @staticmethod
    def forward(ctx: Any, matrix: torch.Tensor, index: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(index, inverse)
        return matrix.index_select(0, index.clamp(min=0)).masked_fill_((index < 0)[:, None], 0)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        index, inverse = ctx.saved_tensors
        return _Take.apply(gradients[0], inverse, index), None, None


@dataclass
class SharedPrefixBatch:
    """Trees in one row, one behind the other without padding: each its prefix, then its branches.

    Attributes:
        batch: 1 x tokens; labels are the tokens that are said.
        positions: 3 x 1 x tokens.
        before: the token before each that is said: for a branch's first, the prefix's last.
        said: how many tokens each branch says, tree by tree.
        layout: where the tokens are for attention.
    """

    batch: Batch
    positions: torch.Tensor
    before: torch.Tensor
    said: list[list[int]]
    layout: Layout

    def model_inputs(self) -> dict[str, Any]:
        """Arguments for the forward pass of a model whose language model attends by `SHARED_PREFIX_ATTENTION`."""
        inputs = self.batch.model_inputs()
        inputs["attention_mask"] = {"full_attention": None}
        inputs["position_ids"] = self.positions
        inputs["shared_prefix"] = self.layout
        return inputs

    def said_tokens(self) -> torch.Tensor:
        """The tokens that are said, all branches one after the other."""
        labels = self.batch.labels[0]
        return labels[labels != IGNORED]

    def predicting(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states (1 x tokens x width) of the token before each that is said: tokens that are said x width."""
        return hidden[0, self.before]

    def by_branch(self, values: torch.Tensor) -> torch.Tensor:
        """A value for every token that is said, as branches x longest, with zeros behind the shorter ones."""
        parts = values.split([length for tree in self.said for length in tree])
        return torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True)


def make_shared_prefix_batch(
    processor: Qwen2_5_VLProcessor, model: Qwen2_5_VLForConditionalGeneration, trees: Sequence[Tree]
) -> SharedPrefixBatch:
    """Put trees into one batch."""
    layout = make_layout(trees)
    videos = [video for tree in trees for video in tree.videos]
    prefixes = torch.full(layout.seen.shape, cast(int, processor.tokenizer.pad_token_id))
    for row, tree in enumerate(trees):
        prefixes[row, : len(tree.prefix)] = torch.tensor(tree.prefix)
    padded = _batch(processor, prefixes, layout.seen.long(), torch.full_like(prefixes, IGNORED), videos)
    inputs = padded.model_inputs()
    of_prefixes, _ = model.model.get_rope_index(
        padded.input_ids,
        mm_token_type_ids=padded.token_types,
        video_grid_thw=inputs.get("video_grid_thw"),
        second_per_grid_ts=inputs.get("second_per_grid_ts"),
        attention_mask=padded.attention_mask,
    )

    ids: list[int] = []
    labels: list[int] = []
    before: list[int] = []
    positions: list[torch.Tensor] = []
    for row, tree in enumerate(trees):
        ids += tree.prefix
        last = len(ids) - 1
        positions.append(of_prefixes[:, row, : len(tree.prefix)])
        # A prefix ends in text, so that the three positions of its last token are one.
        behind = positions[-1][:, -1:] + 1
        for branch in tree.branches:
            before += [last, *range(len(ids), len(ids) + len(branch) - 1)][len(branch.given) :]
            labels += [IGNORED] * (len(ids) + len(branch.given) - len(labels))
            labels += branch.said
            ids += [*branch.given, *branch.said]
            positions.append(behind + torch.arange(len(branch)))
    row_of_ids = torch.tensor([ids])
    batch = _batch(processor, row_of_ids, torch.ones_like(row_of_ids), torch.tensor([labels]), videos)
    return SharedPrefixBatch(
        batch.to(model.device),
        torch.cat(positions, dim=1)[:, None].to(model.device),
        torch.tensor(before, device=model.device),
        [[len(branch.said) for branch in tree.branches] for tree in trees],
        layout.to(model.device),
    )


def _batch(
    processor: Qwen2_5_VLProcessor, ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, videos: list[Video]
) -> Batch:
    token_types = torch.where(ids == processor.video_token_id, VIDEO_TOKEN_TYPE, 0)
    return Batch(ids, mask, token_types, labels, videos)


SHARED_PREFIX_ATTENTION = "shared_prefix"


def attend_with_shared_prefix(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    shared_prefix: Layout | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within the prefix, and from every branch to the prefix and itself; scores between branches never exist.

    Args:
        query: rows x heads x length x head size; key, value: with as many key-value heads. One row with `shared_prefix`.
        attention_mask: for rows that share nothing: rows x 1 x length x length, added to the scores.

    Returns:
        rows x length x heads x head size, and no weights.
    """
    if shared_prefix is None:
        return _attend(query, key, value, attention_mask, scaling).transpose(1, 2).contiguous(), None
    queries, keys, values = map(shared_prefix.spread, (query, key, value))
    attended = [_attend(queries[0], keys[0], values[0], _causal(queries[0]), scaling)]
    seen = shared_prefix.seen
    padding = torch.zeros(seen.shape, dtype=query.dtype, device=query.device)
    padding = padding.masked_fill(~seen, torch.finfo(query.dtype).min)[:, None]
    for (prefix, slots), asking, own_keys, own_values in zip(
        shared_prefix.groups, queries[1:], keys[1:], values[1:], strict=True
    ):
        rows = len(prefix)
        mask = torch.cat([padding[prefix].expand(rows, slots, -1), _causal(asking).expand(rows, -1, -1)], dim=2)
        all_keys = torch.cat([keys[0][prefix], own_keys], dim=2)
        all_values = torch.cat([values[0][prefix], own_values], dim=2)
        attended.append(_attend(asking, all_keys, all_values, mask[:, None], scaling))
    return shared_prefix.pack(attended), None


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, scaling: float
) -> torch.Tensor:
    """Attention whose query heads share key-value heads without copies of these.

    Args:
        query: ... x heads x length x head size; key, value: ... x key-value heads x tokens x head size.
        mask: added to the scores, ... x 1 x length x tokens.

    Returns:
        ... x heads x length x head size.
    """
    heads, length = query.shape[-3:-1]
    shared = key.shape[-3]
    query = (query * scaling).unflatten(-3, (shared, heads // shared)).flatten(-3, -2)
    scores = query @ key.transpose(-2, -1)
    if mask is not None:
        scores.add_(mask.repeat(*[1] * (mask.ndim - 2), heads // shared, 1))
    return (scores.softmax(-1) @ value).unflatten(-2, (-1, length)).flatten(-4, -3)


def _causal(query: torch.Tensor) -> torch.Tensor:
    """Mask for a query (... x length x head size) that sees what is before it: length x length."""
    length = query.shape[-2]
    hidden = torch.finfo(query.dtype).min
    return torch.full((length, length), hidden, dtype=query.dtype, device=query.device).triu(1)


ALL_ATTENTION_FUNCTIONS.register(SHARED_PREFIX_ATTENTION, attend_with_shared_prefix)
AttentionMaskInterface.register(SHARED_PREFIX_ATTENTION, eager_mask)
