"""Where the generated tokens look: the share of a layer's attention that falls on the video.

The paper shows the share of the final layer's attention that goes from generated tokens to video tokens, averaged over
the heads (its box plot); no code for it was released. Here the keys come from the cache of one pass over prompt and
response, and the queries of the response alone are computed again. So any attention implementation will do, and the
square matrix of all weights never exists.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLAttention, rotate_half

from video_r2.model.generation import Prompt, read_prompts

WEIGHTS_AT_ONCE = 32_000_000  # attention weights in memory at a time: 128 MB in float32


@dataclass(frozen=True)
class AttentionReadout:
    """Shares of the attention of each generated token, averaged over heads; the first three sum to 1.

    Attributes:
        video: on the video's tokens; generated tokens.
        prompt: on the other tokens of the prompt.
        response: on the generated tokens up to and with itself.
        moments: on each temporal patch of the video; generated tokens x temporal patches.
        seconds_per_moment: seconds between temporal patches.
    """

    video: torch.Tensor
    prompt: torch.Tensor
    response: torch.Tensor
    moments: torch.Tensor
    seconds_per_moment: float

    def per_second(self) -> dict[int, float]:
        """Mean share of the tokens' attention that falls on each second of the video.

        A temporal patch's share is spread evenly over its time, of which a second may have a part.
        """
        means, length = self.moments.mean(0).tolist(), self.seconds_per_moment
        shares = dict.fromkeys(range(math.ceil(round(len(means) * length, 6))), 0.0)
        for at, share in enumerate(means):
            begin, end = at * length, (at + 1) * length
            for second in shares.keys() & range(int(begin), math.ceil(end)):
                shares[second] += share * max(0.0, min(end, second + 1) - max(begin, second)) / length
        return shares


@torch.no_grad()
def attention_to_video(
    model: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    responses: Sequence[Sequence[int]],
    layer: int = -1,
) -> list[AttentionReadout]:
    """Read out where the tokens of each response look.

    Args:
        prompts: what the model was given.
        responses: tokens of what it said, at least one each.
        layer: decoder layer, counted as in a list.

    Returns:
        one readout per response, on the CPU in float32.
    """
    given = [
        replace(prompt, suffix=(*prompt.suffix, *response)) for prompt, response in zip(prompts, responses, strict=True)
    ]
    asked: dict[str, Any] = {}

    def remember(module: torch.nn.Module, inputs: tuple[Any, ...], arguments: dict[str, Any]) -> None:
        asked.update(arguments)

    attention = model.model.language_model.layers[layer].self_attn
    hook = attention.register_forward_pre_hook(remember, with_kwargs=True)
    try:
        reading = read_prompts(model, given)
    finally:
        hook.remove()

    longest = max(map(len, responses))
    keys, _ = reading.cache.of_layer(layer)
    queries = _queries(attention, asked["hidden_states"], asked["position_embeddings"], longest)
    tokens = reading.seen.shape[1]
    parts: list[list[torch.Tensor]] = [[] for _ in prompts]
    step = max(1, WEIGHTS_AT_ONCE // (len(given) * queries.shape[1] * tokens))
    for first in range(0, longest, step):
        some = queries[:, :, first : first + step]
        weights = _weights(some, keys, reading.seen, tokens - longest + first, attention.scaling)
        for shares, row, prompt, response in zip(parts, weights, prompts, responses, strict=True):
            shares.append(_shares(row, prompt, len(response)))
    return [
        _readout(torch.cat(shares)[longest - len(response) :].cpu(), prompt)
        for shares, prompt, response in zip(parts, prompts, responses, strict=True)
    ]


def _queries(
    attention: Qwen2_5_VLAttention, hidden: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor], last: int
) -> torch.Tensor:
    """Queries of the last tokens, turned as the model turns them: rows x heads x tokens x head size."""
    rows = hidden.shape[0]
    queries = attention.q_proj(hidden[:, -last:]).view(rows, last, -1, attention.head_dim).transpose(1, 2)
    cos, sin = (part[:, None, -last:] for part in rotary)
    return queries * cos + rotate_half(queries) * sin


def _weights(queries: torch.Tensor, keys: torch.Tensor, seen: torch.Tensor, at: int, scaling: float) -> torch.Tensor:
    """Attention weights averaged over heads, rows x queries x tokens; the first query is that of token number `at`."""
    rows, heads, number, size = queries.shape
    tokens = keys.shape[2]
    grouped = queries.float().reshape(rows, keys.shape[1], -1, size)
    scores = (grouped @ keys.float().transpose(2, 3)).view(rows, heads, number, tokens) * scaling
    place = torch.arange(tokens, device=keys.device)
    visible = seen[:, None, None] & (place <= place[at : at + number, None])
    return scores.masked_fill(~visible, torch.finfo(torch.float32).min).softmax(-1).mean(1)


def _shares(weights: torch.Tensor, prompt: Prompt, response: int) -> torch.Tensor:
    """Sums of weights (queries x tokens) over each temporal patch, the rest of the prompt, and the response."""
    moment = prompt.prefix.moment
    of_video = (moment >= 0).nonzero()[:, 0]
    first, last, moments = int(of_video[0]), int(of_video[-1]) + 1, int(moment.max()) + 1
    by_moment = weights[:, first:last].unflatten(1, (moments, -1)).sum(2)
    own = weights[:, -response:].sum(1, keepdim=True)
    rest = weights[:, :first].sum(1, keepdim=True) + weights[:, last:-response].sum(1, keepdim=True)
    return torch.cat([by_moment, rest, own], dim=1)


def _readout(shares: torch.Tensor, prompt: Prompt) -> AttentionReadout:
    moments = shares[:, :-2]
    return AttentionReadout(
        video=moments.sum(1),
        prompt=shares[:, -2],
        response=shares[:, -1],
        moments=moments,
        seconds_per_moment=prompt.prefix.seconds_per_moment,
    )
