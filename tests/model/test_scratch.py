"""What a fresh model starts with: tokens that can be looked up, and heads that look."""

from __future__ import annotations

import pytest
import torch
from tiny import TEXTS

from video_r2.config import ModelShape
from video_r2.model.scratch import make_model, make_tokenizer

LENGTH, ROWS = 24, 64


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer([*TEXTS, "It is blue (B), 12 (A)."] * 4, 400)


@pytest.fixture(scope="module")
def attention(tokenizer) -> tuple[torch.Tensor, ...]:
    """Attention of every layer over rows of random tokens; in every row the token at 20 stood at 5 before."""
    model = make_model(ModelShape(), tokenizer, seed=0).eval()
    model.set_attn_implementation("eager")
    generator = torch.Generator().manual_seed(3)
    tokens = torch.stack([torch.randperm(200, generator=generator)[:LENGTH] + 20 for _ in range(ROWS)])
    tokens[:, 20] = tokens[:, 5]
    with torch.no_grad():
        return model.model.language_model(input_ids=tokens, output_attentions=True, use_cache=False).attentions


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_a_head_of_the_first_layer_looks_so_many_tokens_back(attention, distance):
    head = attention[0][:, distance - 1].mean(0)
    by_distance = [head.diagonal(-back)[-LENGTH // 2 :].mean().item() for back in range(LENGTH // 2)]
    assert max(range(LENGTH // 2), key=by_distance.__getitem__) == distance
    assert by_distance[distance] > 0.4


def test_the_next_layer_looks_for_the_token_where_it_stood_before(attention):
    for head in (0, 2):  # the first of each group that shares keys
        looked_at = attention[1][:, head, 20].mean(0)
        assert looked_at[5] > 4 / LENGTH
        assert looked_at[5] == looked_at.max()  # rather there than at itself


def test_times_numbers_and_letters_are_one_token_each(tokenizer):
    pieces = [tokenizer.decode([token]) for token in tokenizer("00:04\nB. red\nIt is blue (B), 12").input_ids]
    assert {"00:04", "B.", " (B)", " 12"} <= set(pieces)
