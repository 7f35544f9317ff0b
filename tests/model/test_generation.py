"""Decoding with shared prefixes against transformers' own `generate`, and its independence of the batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from video_r2.model.generation import (
    Completion,
    Prompt,
    RoomyCache,
    attention_mask,
    batches_of,
    end_tokens,
    generate,
    make_prefix,
    make_suffix,
    pad_left,
    pad_right,
)
from video_r2.model.inputs import Media, compute_features, make_batch

QUESTIONS = ["What colour is the square?", "When does it appear, and for how long?", "How many circles are shown?"]
STEPS = 14


def prompts_of(tiny, start: str = "", limit: int = STEPS) -> list[Prompt]:
    """Every question about every clip; the questions on a clip share its prefix."""
    features = compute_features(tiny.model, tiny.clips)
    prefixes = [make_prefix(tiny.model, tiny.processor, Media((clip,))) for clip in features]
    pairs = [(prefix, question) for prefix in prefixes for question in QUESTIONS]
    return [
        Prompt(prefix, make_suffix(tiny.processor, question, start), limit, seed=at)
        for at, (prefix, question) in enumerate(pairs)
    ]


def reference(tiny, clip, question: str, start: str = "") -> Completion:
    """The same continuation by transformers, one prompt at a time, without any sharing."""
    batch = make_batch(tiny.processor, [question], [start], [Media((clip,))], end=False, padding_side="left")
    ids = tiny.model.generate(**batch.model_inputs(), max_new_tokens=STEPS, do_sample=False)[0].tolist()
    new = ids[batch.input_ids.shape[1] :]
    ends = [at for at, token in enumerate(new) if token in end_tokens(tiny.model)]
    return Completion(tuple(new[: ends[0]] if ends else new), bool(ends))


@pytest.mark.parametrize("start", ["", "<think></think><answer>"])
def test_greedy_is_what_transformers_generates(tiny, start: str) -> None:
    expected = [reference(tiny, clip, question, start) for clip in tiny.clips for question in QUESTIONS]
    assert generate(tiny.model, prompts_of(tiny, start), batch=9) == expected
    # The case is worth its name only if the answers differ.
    assert len({completion.tokens for completion in expected}) > 5


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_neither_the_batch_nor_the_order_changes_an_answer(tiny, temperature: float) -> None:
    prompts = prompts_of(tiny)
    alone = generate(tiny.model, prompts, batch=1, temperature=temperature, top_k=20)
    together = generate(tiny.model, prompts, batch=8, temperature=temperature, top_k=20)
    order = np.random.default_rng(0).permutation(len(prompts))
    shuffled = generate(tiny.model, [prompts[at] for at in order], batch=4, temperature=temperature, top_k=20)
    assert together == alone
    assert [shuffled[at] for at in np.argsort(order)] == alone


@pytest.mark.parametrize("tiny", ["sdpa"], indirect=True)
def test_a_row_ends_at_its_end_token_and_at_its_own_limit(tiny) -> None:
    whole = generate(tiny.model, prompts_of(tiny), batch=9)
    stopped = whole[4].tokens[6]
    before = tiny.model.generation_config.eos_token_id
    tiny.model.generation_config.eos_token_id = [before, stopped]
    try:
        prompts = prompts_of(tiny)
        prompts[0] = replace(prompts[0], max_new_tokens=3)
        cut = generate(tiny.model, prompts, batch=9)
    finally:
        tiny.model.generation_config.eos_token_id = before
    for at, (full, short) in enumerate(zip(whole, cut, strict=True)):
        limit = 3 if at == 0 else STEPS
        tokens = full.tokens[:limit]
        place = tokens.index(stopped) if stopped in tokens else None
        ended = full.finished and len(full.tokens) < limit
        assert short == Completion(tokens if place is None else tokens[:place], ended or place is not None)
    assert cut[4].finished
    assert any(not completion.finished for completion in cut)


# The same whatever attends.
@pytest.mark.parametrize("tiny", ["sdpa"], indirect=True)
def test_sampling_draws_from_the_models_distribution(tiny) -> None:
    prompt = prompts_of(tiny, limit=1)[0]
    batch = make_batch(tiny.processor, QUESTIONS[:1], [""], [Media((tiny.clips[0],))], end=False)
    with torch.no_grad():
        logits = tiny.model(**batch.model_inputs()).logits[0, -1]
    temperature, top_k, number = 4.0, 3, 3000
    likely = logits.topk(top_k)
    expected = dict(zip(likely.indices.tolist(), (likely.values / temperature).softmax(0).tolist(), strict=True))
    prompts = [replace(prompt, seed=seed) for seed in range(number)]
    drawn = Counter(
        completion.tokens[0] if completion.tokens else end_tokens(tiny.model)[0]
        for completion in generate(tiny.model, prompts, batch=1000, temperature=temperature, top_k=top_k)
    )
    assert set(drawn) == set(expected)
    for token, share in expected.items():
        assert abs(drawn[token] / number - share) < 5 * (share * (1 - share) / number) ** 0.5


@pytest.mark.parametrize("tiny", ["sdpa"], indirect=True)
def test_a_token_that_stands_for_visual_features_is_never_said(tiny) -> None:
    prompts = [replace(prompt, max_new_tokens=60, seed=seed) for seed, prompt in enumerate(prompts_of(tiny) * 6)]
    said = {
        token
        for completion in generate(tiny.model, prompts, batch=54, temperature=100.0)
        for token in completion.tokens
    }
    assert len(said) > 200  # at this temperature nearly everything else is
    assert not said & {tiny.model.config.image_token_id, tiny.model.config.video_token_id}


def test_the_prefix_knows_which_moment_a_token_shows(tiny) -> None:
    prefix = prompts_of(tiny)[0].prefix
    # Six frames are three temporal patches of 56 x 56 pixels, four tokens each, two seconds apart.
    assert prefix.moment[prefix.moment >= 0].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert prefix.moment[-1] == -1
    assert prefix.seconds_per_moment == 2.0


def test_a_batch_is_of_like_length_and_every_prompt_is_in_one(tiny) -> None:
    prompts = prompts_of(tiny)
    batches = batches_of(prompts, 4)
    assert sorted(at for batch in batches for at in batch) == list(range(len(prompts)))
    assert [len(batch) for batch in batches] == [4, 4, 1]
    lengths = [len(prompts[at].prefix) for batch in batches for at in batch]
    assert lengths == sorted(lengths)
    # A batch alone is put together as it is among the others.
    for batch in batches:
        assert batches_of([prompts[at] for at in batch], 4) == [list(range(len(batch)))]


def test_masks_hide_padding_and_the_future() -> None:
    seen = torch.tensor([[False, True, True, True], [True, True, True, True]])
    embeddings = torch.zeros(2, 2, 4)
    visible = attention_mask(seen, embeddings, "sdpa") == 0
    assert visible.tolist() == [
        [[[False, True, True, False], [False, True, True, True]]],
        [[[True, True, True, False], [True, True, True, True]]],
    ]
    assert attention_mask(seen[1:], embeddings[1:, :1], "sdpa") is None
    assert attention_mask(seen, embeddings, "flash_attention_2") is seen
    assert attention_mask(seen[1:], embeddings[1:], "flash_attention_2") is None


def test_the_first_tokens_see_nothing_of_the_padding_behind_them() -> None:
    seen = torch.tensor([[True, True, False], [True, True, True]])
    visible = attention_mask(seen, torch.zeros(2, 3, 4), "eager") == 0
    assert visible.tolist() == [[[[True, False, False], [True, True, False], [True, True, True]]]]
    # told by the word "causal" alone
    assert attention_mask(seen, torch.zeros(2, 3, 4), "sdpa") is None


def test_the_cache_keeps_what_it_holds_when_rows_are_chosen() -> None:
    cache = RoomyCache(layers=1, capacity=3)
    keys = torch.arange(12.0).view(2, 1, 3, 2)
    cache.update(keys, -keys, 0)
    cache.select(torch.tensor([1, 0, 1]), capacity=5)
    new = torch.full((3, 1, 1, 2), 100.0)
    held, values = cache.update(new, -new, 0)
    assert torch.equal(held, torch.cat([keys[[1, 0, 1]], new], dim=2))
    assert torch.equal(values, -held)


def test_rows_are_padded_before_or_behind() -> None:
    rows = [torch.tensor([1, 2]), torch.tensor([3]), torch.tensor([], dtype=torch.long)]
    assert pad_left(rows, 3).tolist() == [[0, 1, 2], [0, 0, 3], [0, 0, 0]]
    assert pad_right(rows, 3).tolist() == [[1, 2, 0], [3, 0, 0], [0, 0, 0]]
