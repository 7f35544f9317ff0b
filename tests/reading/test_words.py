"""Stems of words: what inflection does not change, read by hand."""

from __future__ import annotations

import pytest

from video_r2.reading.words import stem_of


@pytest.mark.parametrize(
    "forms",
    [
        "roll rolls rolled rolling",
        "hop hops hopped hopping",
        "smile smiles smiled smiling",
        "cry cries cried crying",
        "box boxes",
        "dress dresses dressed",
        "horse horses",
        "catch catches caught catching",
        "sing sings sang sung singing",
        "colour color colours colors",
        "organise organize organised organizing",
        "dog dog's dogs",
        "twice 2 two",
    ],
)
def test_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem_of(form) for form in forms.split()}) == 1


@pytest.mark.parametrize("words", ["red reed", "king kings kin", "bus bush", "glass glaze", "two twenty", "in inn"])
def test_other_words_have_other_stems(words: str) -> None:
    one, *_, other = words.split()
    assert stem_of(one) != stem_of(other)
