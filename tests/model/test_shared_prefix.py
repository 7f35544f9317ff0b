from __future__ import annotations

import pytest
import torch
from tiny import clip, tiny_model

from video_r2.model.inputs import IGNORED, NOTHING, Media, compute_features, make_batch
from video_r2.model.loading import attention_implementation, training_implementation
from video_r2.model.shared_prefix import encode_tree, make_shared_prefix_batch

QUESTIONS = [
    [
        ("What colour is it?", "", "red, option A"),
        ("When?", "", "00:04"),
        ("What shape?\nOptions:\nA. square\nB. cross", "", "cross"),
    ],
    [("Which digit?", "", "3"), ("Describe it.", "00:04-00:08:", " a red circle.")],
]


@pytest.mark.parametrize("prefix", ["", "Look closely. "])
@pytest.mark.parametrize("with_video", [True, False])
@pytest.mark.parametrize("as_features", [True, False])
def test_a_branch_is_what_it_would_be_alone(prefix: str, with_video: bool, as_features: bool) -> None:
    model, processor = tiny_model()
    videos = [clip(processor, 6, 1), clip(processor, 4, 2)]
    if as_features:
        videos = compute_features(model, videos)
    media = [Media((video,)) if with_video else NOTHING for video in videos]

    model.set_attn_implementation(training_implementation("eager"))
    trees = [encode_tree(processor, shown, prefix, asked) for shown, asked in zip(media, QUESTIONS, strict=True)]
    batch = make_shared_prefix_batch(processor, model, trees)
    assert batch.batch.input_ids.shape == (1, sum(tree.tokens for tree in trees))  # no padding
    assert len(batch.layout.groups) > 1  # branches of several lengths
    model.zero_grad()
    shared = loss_of_shared(model, batch)
    shared.backward()
    shared_gradients = {
        name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None
    }

    model.set_attn_implementation("eager")
    model.zero_grad()
    rows = [
        (prefix + ask, given + said, shown)
        for shown, asked in zip(media, QUESTIONS, strict=True)
        for ask, given, said in asked
    ]
    alone = make_batch(processor, *map(list, zip(*rows, strict=True)))
    logits, labels = model(**alone.model_inputs()).logits[:, :-1], alone.labels[:, 1:].clone()
    given = [len(processor.tokenizer(given).input_ids) for asked in QUESTIONS for _, given, _ in asked]
    assert any(given)
    for row, number in zip(labels, given, strict=True):
        row[(row != IGNORED).nonzero()[:number]] = IGNORED
    said = labels != IGNORED
    separate = torch.nn.functional.cross_entropy(logits[said], labels[said])
    separate.backward()

    torch.testing.assert_close(shared, separate, atol=1e-5, rtol=1e-5)
    language_model = [name for name in shared_gradients if "visual" not in name]
    assert language_model
    for name in language_model:
        torch.testing.assert_close(
            shared_gradients[name], dict(model.named_parameters())[name].grad, atol=1e-5, rtol=1e-4
        )


def loss_of_shared(model, batch) -> torch.Tensor:
    hidden = model.model(**batch.model_inputs(), use_cache=False).last_hidden_state
    return torch.nn.functional.cross_entropy(model.lm_head(batch.predicting(hidden)), batch.said_tokens())


def test_the_vision_tower_sees_the_same_in_batched_windows() -> None:
    model, processor = tiny_model()
    videos = [clip(processor, 6, 1), clip(processor, 2, 2)]
    model.set_attn_implementation(attention_implementation("eager"))
    batched = compute_features(model, videos)
    model.set_attn_implementation("eager")
    for fast, slow in zip(batched, compute_features(model, videos), strict=True):
        torch.testing.assert_close(fast.features, slow.features, atol=1e-5, rtol=1e-5)
