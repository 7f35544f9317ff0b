"""What the name of a saved state depends on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from video_r2.ended import forget_ended
from video_r2.errors import UserError
from video_r2.state import state_name


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    start = tmp_path / "start"
    start.mkdir()
    for name in ("model.safetensors", "config.json", "tokenizer.json", "log.jsonl", "manifest.json"):
        (start / name).write_text(name)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"id": "a"}))
    return [start, rows]


PARAMS = {"seed": 0, "settings": {"learning_rate": 1e-3, "lora": {"r": 4}}, "code": "abc"}


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "../rows.jsonl"])
def test_another_input_is_another_training(inputs: list[Path], name: str) -> None:
    before = state_name(PARAMS, inputs)
    (inputs[0] / name).write_text("other")
    assert state_name(PARAMS, inputs) != before


@pytest.mark.parametrize("name", ["log.jsonl", "manifest.json"])
def test_how_long_the_start_took_to_train_is_nothing_to_this_training(inputs: list[Path], name: str) -> None:
    before = state_name(PARAMS, inputs)
    (inputs[0] / name).write_text("other")
    (inputs[1]).touch()
    assert state_name(PARAMS, inputs) == before


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"code": "abd"},
        {"settings": {"learning_rate": 1e-3, "lora": {"r": 5}}},
        {"settings": {"lora": {"r": 4}, "learning_rate": 1e-3}},  # the order of keys may count
        {"decoder": "pyav"},
    ],
)
def test_another_parameter_is_another_training(inputs: list[Path], change: dict[str, object]) -> None:
    assert state_name(PARAMS | change, inputs) != state_name(PARAMS, inputs)


def test_the_order_of_parameters_is_nothing(inputs: list[Path]) -> None:
    assert state_name(dict(reversed(PARAMS.items())), inputs) == state_name(PARAMS, inputs)


def test_an_input_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rows\.jsonl: cannot be read"):
        state_name({}, [tmp_path / "rows.jsonl"])


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"[1]", b"\xff"])
def test_a_damaged_note_of_an_end_costs_nothing(tmp_path: Path, content: bytes) -> None:
    note = tmp_path / "train_sft" / "abc" / "ended.json"
    note.parent.mkdir(parents=True)
    note.write_bytes(content)
    forget_ended(tmp_path, SimpleNamespace(dag=SimpleNamespace(jobs=[])))
    assert note.exists()  # and what the job has kept
