"""Attention over the vision tower's windows in one call instead of one call per window.

Without flash attention, transformers loops over the windows of every frame in Python. Windows of equal length can be one
batch; the result is the same and a step on a CPU takes a fraction of the time.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

# The vision tower hands over the windows' boundaries only to implementations that have "flash" in their name.
CHUNKED_ATTENTION = "batched_windows_like_flash"


def attend_in_chunks(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    cu_seq_lens_q: torch.Tensor,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each chunk.

    Args:
        query, key, value: 1 x heads x patches x head size.
        cu_seq_lens_q: chunk boundaries, from 0 to patches.

    Returns:
        1 x patches x heads x head size, and no weights.
    """
    lengths = (cu_seq_lens_q[1:] - cu_seq_lens_q[:-1]).tolist()
    if len(set(lengths)) == 1:
        return _attend(query, key, value, lengths[0], scaling), None
    output = torch.empty_like(query.transpose(1, 2))
    starts = cu_seq_lens_q[:-1].to(query.device)
    for length in sorted(set(lengths)):
        of_length = torch.tensor([at == length for at in lengths], device=query.device)
        index = (starts[of_length, None] + torch.arange(length, device=query.device)).flatten()
        output[:, index] = _attend(query[:, :, index], key[:, :, index], value[:, :, index], length, scaling)
    return output, None


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, length: int, scaling: float) -> torch.Tensor:
    heads, patches, size = query.shape[1:]
    chunked = [tensor[0].view(heads, patches // length, length, size).transpose(0, 1) for tensor in (query, key, value)]
    query, key, value = chunked
    # On a CPU the backward pass of the fused kernel takes several times as long as these two products.
    attended = torch.softmax(query @ key.transpose(-1, -2) * scaling, dim=-1) @ value
    return attended.transpose(1, 2).reshape(1, patches, heads, size)


ALL_ATTENTION_FUNCTIONS.register(CHUNKED_ATTENTION, attend_in_chunks)
