"""Checkpoints that cannot be loaded are refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import tiny_model
from transformers import LlavaOnevisionConfig

from video_r2.errors import UserError
from video_r2.model.loading import load_model


def test_a_checkpoint_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    model, _ = tiny_model()
    model.save_pretrained(tmp_path)
    loaded = load_model(tmp_path).state_dict()
    assert loaded.keys() == model.state_dict().keys()
    assert all(loaded[name].equal(weight) for name, weight in model.state_dict().items())


def test_a_model_of_another_family_is_refused(tmp_path: Path) -> None:
    """transformers would load it: weights of the same names, and random ones for the rest."""
    model, _ = tiny_model()
    model.save_pretrained(tmp_path)
    LlavaOnevisionConfig().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="is a model of the kind 'llava_onevision'") as caught:
        load_model(tmp_path)
    assert (caught.value.file, bool(caught.value.cure)) == (str(tmp_path), True)


@pytest.mark.parametrize("content", [None, "{"])
def test_a_folder_without_a_model_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"holds no model: its config\.json cannot be read"):
        load_model(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    model, _ = tiny_model()
    model.config.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"holds no Qwen2\.5-VL weights"):
        load_model(tmp_path)
