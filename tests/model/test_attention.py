"""The attention readout against the weights that eager attention gives out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from flash_kernels import use_attention
from torch.utils._python_dispatch import TorchDispatchMode

from video_r2.model import attention
from video_r2.model.attention import AttentionReadout, attention_to_video
from video_r2.model.generation import Prompt, make_prefix, make_suffix
from video_r2.model.inputs import Media, compute_features, make_batch, make_patches

QUESTIONS = ["What colour is the square?", "How many?", "When does it appear, and for how long?"]
RESPONSES = ["<think>00:02-00:04: a red circle.</think><answer>A</answer>", "A", "<answer>red circle</answer>"]


def read(tiny, layer: int = -1) -> list[AttentionReadout]:
    features = compute_features(tiny.model, tiny.clips)
    prompts = [
        Prompt(make_prefix(tiny.model, tiny.processor, Media((clip,))), make_suffix(tiny.processor, question), 0)
        for clip, question in zip(features, QUESTIONS, strict=True)
    ]
    tokens = [tiny.processor.tokenizer.encode(response, add_special_tokens=False) for response in RESPONSES]
    return attention_to_video(tiny.model, prompts, tokens, layer)


def eager_weights(tiny, at: int, layer: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Weights of the response's rows averaged over heads, the row's token ids, and the number of response tokens."""
    batch = make_batch(tiny.processor, [QUESTIONS[at]], [RESPONSES[at]], [Media((tiny.clips[at],))], end=False)
    before = tiny.model.config.text_config._attn_implementation
    tiny.model.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            weights = tiny.model(**batch.model_inputs(), output_attentions=True).attentions[layer][0]
    finally:
        use_attention(tiny.model, before)
    response = len(tiny.processor.tokenizer.encode(RESPONSES[at], add_special_tokens=False))
    return weights.mean(0)[-response:], batch.input_ids[0], response


@pytest.mark.parametrize("layer", [-1, 0])
def test_shares_are_those_of_eager_attention(tiny, layer: int) -> None:
    for at, readout in enumerate(read(tiny, layer)):
        weights, ids, response = eager_weights(tiny, at, layer)
        video = ids == tiny.processor.video_token_id
        torch.testing.assert_close(readout.video, weights[:, video].sum(1), atol=1e-5, rtol=0)
        torch.testing.assert_close(readout.response, weights[:, -response:].sum(1), atol=1e-5, rtol=0)
        rest = weights[:, :-response][:, ~video[:-response]].sum(1)
        torch.testing.assert_close(readout.prompt, rest, atol=1e-5, rtol=0)
        grid = weights[:, video].view(response, tiny.clips[at].grid[0], -1).sum(2)
        torch.testing.assert_close(readout.moments, grid, atol=1e-5, rtol=0)


def test_shares_of_a_token_sum_to_one(tiny) -> None:
    for readout in read(tiny):
        total = readout.video + readout.prompt + readout.response
        torch.testing.assert_close(total, torch.ones_like(total))


def test_reading_in_pieces_changes_nothing(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(tiny)
    monkeypatch.setattr(attention, "WEIGHTS_AT_ONCE", 1)
    for one, other in zip(whole, read(tiny), strict=True):
        torch.testing.assert_close(one.moments, other.moments)
        torch.testing.assert_close(one.response, other.response)


def test_a_moments_share_is_spread_over_its_seconds() -> None:
    moments = torch.tensor([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]])
    readout = AttentionReadout(moments.sum(1), 1 - moments.sum(1), torch.zeros(2), moments, seconds_per_moment=0.7)
    # The patches, with a mean share of 0.2 each, end at 0.7, 1.4 and 2.1 s.
    assert readout.per_second() == pytest.approx({0: 0.2 + 0.2 * 3 / 7, 1: 0.2 * 4 / 7 + 0.2 * 6 / 7, 2: 0.2 / 7})
    longer = replace(readout, seconds_per_moment=2.0)
    assert longer.per_second() == pytest.approx(dict.fromkeys(range(6), 0.1))


class LargestTensor(TorchDispatchMode):
    """Notes the number of elements of the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        made = result if isinstance(result, tuple | list) else [result]
        self.elements = max([self.elements, *(one.numel() for one in made if isinstance(one, torch.Tensor))])
        return result


# Eager attention itself makes the matrix of all tokens by all tokens.
@pytest.mark.parametrize("tiny", ["sdpa"], indirect=True)
def test_memory_grows_with_generated_tokens_times_all_tokens(tiny) -> None:
    clips = [make_patches(tiny.processor, np.zeros((frames, 56, 56, 3), dtype=np.uint8), 1.0) for frames in (900, 600)]
    features = compute_features(tiny.model, clips)
    suffix = make_suffix(tiny.processor, QUESTIONS[0])
    prompts = [Prompt(make_prefix(tiny.model, tiny.processor, Media((clip,))), suffix, 0) for clip in features]
    length = len(prompts[0])
    assert length > 1800
    with LargestTensor() as largest:
        attention_to_video(tiny.model, prompts, [[5, 6, 7], [5]])
    # For each of the two: the widest layer's activations, or the weights of what follows the video.
    text = tiny.model.config.text_config
    width = max(text.intermediate_size, text.hidden_size)
    assert largest.elements <= 2 * length * max(width, 4 * (len(suffix) + 3))
    assert largest.elements < length * length / 4
