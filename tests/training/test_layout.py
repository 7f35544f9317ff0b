from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from training_data import write_data
from training_jobs import GRPO, Training
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

import train_grpo
from video_r2.config import Devices, Frames, Grpo, Lora, Sft
from video_r2.errors import UserError
from video_r2.planning.assumptions import read_assumptions
from video_r2.training import launch
from video_r2.training.grpo import SharedExamples
from video_r2.training.layout import Layout, Share, layout_of, share_of
from video_r2.training.memory import (
    Shape,
    at_its_peak,
    estimate,
    needed_by,
    require_memory,
    shape_in,
    size_of,
    tokens_of,
)
from video_r2.training.sft import LANGUAGE_MODEL_LINEAR

GIB = 2**30
SEVEN_CONFIG = Qwen2_5_VLConfig(  # Qwen2.5-VL-7B-Instruct's config.json
    text_config={
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
    },
    vision_config={
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 3584,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    },
    tie_word_embeddings=False,
)
SEVEN = Shape.of(SEVEN_CONFIG.to_dict())
PAPER_SFT = Sft(sharding="zero3", attention="flash_attention_2")
PAPER_GRPO = Grpo(sharding="zero3", attention="flash_attention_2")


# --- nodes and devices ------------------------------------------------------------------------------------------------


def test_the_rules_resources_say_how_many_devices() -> None:
    def layout(visible: int, kind: str = "gpu", processes: int = 1, **resources: int) -> Layout:
        return layout_of(Devices(kind=kind, processes=processes), SimpleNamespace(**resources), visible)

    assert layout(8, gpu=8) == Layout(1, 8, "gpu")
    assert layout(8, gpu=2) == Layout(1, 2, "gpu")  # not all that the machine has
    assert layout(4) == Layout(1, 4, "gpu")
    assert layout(8, nodes=2, gpu=16) == Layout(2, 8, "gpu")
    assert layout(8, nodes=2).processes == 16
    assert layout(0, kind="cpu", gpu=8) == Layout(1, 1, "cpu")
    assert layout(0, kind="cpu", processes=2, nodes=2).processes == 4


def test_the_judges_server_takes_gpus_of_a_training() -> None:
    assert layout_of(Devices(), SimpleNamespace(gpu=8), 8, others=4) == Layout(1, 4, "gpu")
    assert layout_of(Devices(), SimpleNamespace(nodes=2), 8, others=2) == Layout(2, 6, "gpu")
    with pytest.raises(UserError, match=r"4 GPUs on a node, the judge's server takes 4.*judge.url"):
        layout_of(Devices(), SimpleNamespace(gpu=4), 4, others=4)


@pytest.mark.parametrize(("visible", "asked"), [(0, 8), (4, 8), (0, 0)])
def test_fewer_gpus_than_asked_for_are_refused(visible: int, asked: int) -> None:
    with pytest.raises(UserError, match=rf"of which PyTorch sees {visible} \(cure: .*kind: cpu for a small model"):
        layout_of(Devices(), SimpleNamespace(gpu=asked), visible)


@pytest.mark.parametrize("processes", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("at_once", [1, 2, 3, 32])
def test_the_global_batch_is_kept(processes: int, at_once: int) -> None:
    share = share_of(32, at_once, processes)
    assert share.at_once * share.passes * processes == 32
    assert share.at_once <= at_once
    assert share.parts == 1


def test_rollouts_of_a_prompt_are_shared_where_there_are_more_processes_than_prompts() -> None:
    assert share_of(1, 1, 8, rollouts=8) == Share(1, 1, parts=8)  # the paper: one prompt, eight rollouts, eight GPUs
    assert share_of(2, 2, 8, rollouts=8) == Share(1, 1, parts=4)
    assert share_of(10, 10, 2, rollouts=8) == Share(5, 1)
    assert share_of(10, 10, 1, rollouts=8) == Share(10, 1)


@pytest.mark.parametrize(("batch", "processes", "rollouts"), [(32, 5, 1), (1, 16, 8), (2, 3, 8), (3, 6, 3)])
def test_a_step_that_cannot_be_shared_out_equally_is_refused(batch: int, processes: int, rollouts: int) -> None:
    with pytest.raises(
        UserError, match=f"equally among {processes} processes .cure: use a number of GPUs that divides"
    ):
        share_of(batch, 1, processes, rollouts)


def test_shared_examples_come_in_the_order_of_one_process() -> None:
    alone, shared = SharedExamples(5, 7, 1), SharedExamples(5, 7, 3)
    for epoch in (0, 1):
        alone.set_epoch(epoch)
        shared.set_epoch(epoch)
        order = list(alone)
        assert sorted(order) == [0, 1, 2, 3, 4]
        assert list(shared) == [example for example in order for _ in range(3)]
    assert len(shared) == 15


# --- memory -----------------------------------------------------------------------------------------------------------


def test_weights_are_counted_by_hand() -> None:
    # Per layer: q and o 3584 x 3584, k and v 3584 x 512, three matrices 3584 x 18944, biases, two norms.
    layer = 2 * 3584**2 + 2 * 3584 * 512 + 3 * 3584 * 18944 + (3584 + 2 * 512) + 2 * 3584
    language = 28 * layer + 2 * 152064 * 3584 + 3584
    assert size_of(SEVEN, PAPER_GRPO).language == language == 7_615_616_512
    # An adapter of a matrix has rank x (its width + its height).
    widths = 2 * (3584 + 3584) + 2 * (3584 + 512) + 3 * (3584 + 18944)
    assert size_of(SEVEN, PAPER_SFT).trained == 28 * 64 * widths
    assert size_of(SEVEN, PAPER_SFT.model_copy(update={"lora": Lora(r=1)})).trained == 28 * widths


@pytest.mark.parametrize("is_tied", [False, True])
def test_weights_are_those_of_the_model_itself(tmp_path: Path, is_tied: bool) -> None:
    made = SEVEN_CONFIG.to_dict()
    made["text_config"] |= {"num_hidden_layers": 3, "layer_types": None, "hidden_size": 1792, "num_attention_heads": 14}
    made |= {"tie_word_embeddings": is_tied}
    made["vision_config"] |= {"depth": 5, "out_hidden_size": 1792}
    shape = Qwen2_5_VLConfig.from_dict(made)
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(shape)
    shape.save_pretrained(tmp_path)
    known = shape_in(tmp_path)
    assert known == Shape.of(shape.to_dict())
    size = size_of(known, PAPER_SFT)
    assert size.tower == sum(weight.numel() for weight in model.model.visual.parameters())
    assert size.tower + size.language == sum(weight.numel() for weight in model.parameters())
    adapted = [module for name, module in model.named_modules() if re.fullmatch(LANGUAGE_MODEL_LINEAR, name)]
    assert size.trained == 64 * sum(sum(module.weight.shape) for module in adapted)
    assert shape_in(tmp_path / "nothing") is None


def test_the_published_form_of_a_config_is_read_too() -> None:
    told = SEVEN_CONFIG.to_dict()
    flat = {**told["text_config"], "vision_config": told["vision_config"], "tie_word_embeddings": False}
    assert Shape.of(flat) == SEVEN == Shape.of(read_assumptions().shapes["Qwen/Qwen2.5-VL-7B-Instruct"])


def test_tokens_of_a_video_are_those_of_the_facts() -> None:
    # 192 tokens a pair of frames at the pixel cap.
    assert tokens_of(Frames(fps=1.0, max_frames=128), SEVEN) == 64 * 192
    assert tokens_of(Frames(fps=2.0, max_frames=32), SEVEN) == 16 * 192


def test_states_of_zero_are_counted_by_hand() -> None:
    weights = 7_615_616_512
    plain = estimate(SEVEN, PAPER_GRPO.model_copy(update={"sharding": "none"}), Share(1, 1, 8), 8)
    assert plain["weights"] == plain["reference model"] == 4 * weights
    assert plain["gradients and optimizer"] == (4 + 8 + 2) * weights
    zero2 = estimate(SEVEN, PAPER_GRPO.model_copy(update={"sharding": "zero2"}), Share(1, 1, 8), 8)
    assert zero2["weights"] == zero2["reference model"] == 2 * weights
    # 18 bytes for each weight, an eighth on each device, and two buckets of half a billion gradients.
    assert zero2["gradients and optimizer"] == 18 * weights / 8 + 2 * 10**9
    zero3 = estimate(SEVEN, PAPER_GRPO, Share(1, 1, 8), 8)
    assert zero3["weights"] == 2 * (weights / 8 + 10**9)
    assert zero3["reference model"] == 2 * weights / 8
    assert zero3["gradients and optimizer"] == 18 * weights / 8


def test_the_paper_fits_on_eight_gpus_of_80_gb_and_not_without_sharding() -> None:
    for settings in (PAPER_SFT, PAPER_GRPO):
        eight = Layout(1, 8, "gpu")
        assert "of 79.0 GiB" in require_memory(needed_by(SEVEN, settings, eight), eight, 79 * GIB)
    alone = PAPER_GRPO.model_copy(update={"sharding": "none"})
    with pytest.raises(
        UserError, match=r"would need about \d{3}\.\d GiB on each of 8 GPUs, which have 79.0 .*use sharding"
    ):
        require_memory(needed_by(SEVEN, alone, eight), eight, 79 * GIB)


@pytest.mark.parametrize("settings", [PAPER_SFT, PAPER_GRPO], ids=["sft", "grpo"])
def test_what_saves_memory_is_less(settings: Sft | Grpo) -> None:
    def needed(processes: int = 8, **changed: object) -> float:
        some = settings.model_copy(update=changed)
        batch = getattr(some, some.step_batch)
        share = share_of(batch, some.per_device_batch, processes, getattr(some, "group_size", 1))
        return at_its_peak(estimate(SEVEN, some, share, processes))

    assert needed() < needed(processes=4) < needed(processes=2)
    assert needed() < needed(sharding="zero2") < needed(sharding="none")
    assert needed() < needed(gradient_checkpointing=False)
    assert needed() < needed(bf16=False)
    assert needed(frames=Frames(max_frames=16)) < needed()


def test_what_cannot_fit_is_refused_before_any_process_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path)
    job = Training("train_grpo", tmp_path, tmp_path).job()
    job.params.upkeep["devices"] = {"kind": "gpu"}
    job.resources = SimpleNamespace(gpu=2)
    monkeypatch.setattr(launch.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(launch, "memory_of_gpu", lambda: GIB)
    with pytest.raises(UserError, match=r"would need about 2\.\d GiB on each of 2 GPUs, which have 1\.0"):
        launch.launch(train_grpo.train, job, GRPO)
    assert not (tmp_path / ".model.processes").exists()
