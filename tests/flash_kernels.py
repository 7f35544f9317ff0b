"""The two kernels of the package flash-attn, said in plain PyTorch as its documentation defines them, in place of the package.

They need a GPU. Everything between the model and them is the real thing: transformers' own way of calling them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, modeling_flash_attention_utils

from video_r2.model.loading import attention_implementation

NAME = "flash_attention_2"


def flash_attn_func(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    dropout_p: float = 0.0,
    softmax_scale: float | None = None,
    causal: bool = False,
) -> torch.Tensor:
    """Rows x tokens x heads x head size; heads of queries share those of keys; a causal mask ends at the last of both."""
    assert dropout_p == 0
    groups = q.shape[2] // k.shape[2]
    keys, values = (part.repeat_interleave(groups, dim=2) for part in (k, v))
    scores = torch.einsum("bqhd,bkhd->bhqk", q, keys) * (
        q.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale
    )
    if causal:
        hidden = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool).triu(k.shape[1] - q.shape[1] + 1)
        scores = scores.masked_fill(hidden, -torch.inf)
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1).nan_to_num(0.0), values)


def flash_attn_varlen_func(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cu_seqlens_q: torch.Tensor,
    cu_seqlens_k: torch.Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    **how: Any,
) -> torch.Tensor:
    """Rows of several lengths one after the other, without padding: tokens of all rows x heads x head size."""
    of_queries, of_keys = cu_seqlens_q.diff().tolist(), cu_seqlens_k.diff().tolist()
    assert max(of_queries) <= max_seqlen_q
    assert max(of_keys) <= max_seqlen_k
    rows = zip(q.split(of_queries), k.split(of_keys), v.split(of_keys), strict=True)
    return torch.cat([flash_attn_func(*(part[None] for part in row), **how)[0] for row in rows])


@contextmanager
def flash_kernels() -> Iterator[None]:
    """Have transformers call these kernels where it is asked for flash attention."""
    utilities = modeling_flash_attention_utils
    kernels = (flash_attn_func, flash_attn_varlen_func, None, utilities._pad_input, utilities._unpad_input)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utilities, "_lazy_imports", lambda *arguments, **options: kernels)
        patch.setattr(utilities, "_loaded_implementation", None)
        yield


def use_attention(model: PreTrainedModel, attention: str) -> None:
    """Set it as `load_model` does; flash attention past the question whether there is a GPU."""
    if attention != NAME:
        model.set_attn_implementation(attention_implementation(attention))
        return
    for config in (model.config, model.config.text_config, model.config.vision_config):
        config._attn_implementation = NAME
