"""What a training leaves: whole when it is written, and not used when it is damaged."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from damages import DAMAGES
from tiny import tiny_model

from video_r2.checksums import write_sums
from video_r2.errors import UserError
from video_r2.model.loading import load_model
from video_r2.state import state_name
from video_r2.training.checkpoint import save_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "seed-0", *tiny_model(), {"stage": "sft"}, [{"loss": 1.0}])
    return tmp_path / "seed-0"


def test_a_checkpoint_has_checksums_that_a_user_can_check(checkpoint: Path) -> None:
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=checkpoint, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0
    listed = {line.split(":")[0] for line in checked.stdout.splitlines()}
    assert listed >= {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"}


def test_a_checkpoint_in_bfloat16_has_half_the_bytes_and_is_loaded_as_it_is(tmp_path: Path) -> None:
    model, processor = tiny_model()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    size = {}
    for bf16 in (False, True):
        save_checkpoint(tmp_path / str(bf16), model, processor, {}, [], bf16)
        size[bf16] = (tmp_path / str(bf16) / "model.safetensors").stat().st_size
    weights = sum(weight.numel() for weight in model.parameters())
    assert size[False] - size[True] == pytest.approx(
        2 * weights, rel=0.02
    )  # and the file's head, which names each weight
    loaded = load_model(tmp_path / "True", "eager", bf16=True).state_dict()
    assert loaded.keys() == before.keys()
    for name, weight in loaded.items():
        assert torch.equal(weight, before[name].bfloat16()), name


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "log.jsonl", "SHA256SUMS"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_not_begun_from(checkpoint: Path, name: str, damage: Callable[[Path], None]) -> None:
    if (name, damage) == ("SHA256SUMS", Path.unlink):
        pytest.skip("checkpoints of another origin have none")
    state_name({}, [checkpoint])
    damage(checkpoint / name)
    with pytest.raises(UserError, match=r"seed-0: (this checkpoint is damaged|cannot be read): .*") as refused:
        state_name({}, [checkpoint])
    assert name in str(refused.value) or "cannot be read" in str(refused.value) or name == "SHA256SUMS"


def test_no_result_depends_on_what_tells_of_a_training(checkpoint: Path) -> None:
    before = state_name({}, [checkpoint])
    (checkpoint / ".snakemake_timestamp").touch()
    (checkpoint / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"damaged: manifest\.json"):
        state_name({}, [checkpoint])
    write_sums(checkpoint)
    assert state_name({}, [checkpoint]) == before
