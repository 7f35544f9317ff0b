"""The configuration: its files, what is refused, and the pages generated from it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from video_r2 import config, config_pages
from video_r2.errors import UserError
from video_r2.files import read_yaml
from video_r2.sections import Section
from video_r2.workflow import read_config

SOURCES = {
    "paper": ["config.yaml"],
    "miniature": ["config.yaml", "profiles/local/miniature.yaml"],
    "smoke": ["config.yaml", "profiles/local/miniature.yaml", "profiles/local/smoke.yaml"],
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_configuration_of_the_repository_is_valid(root: Path, name: str) -> None:
    settings = read_config([root / path for path in SOURCES[name]], {})
    assert settings.experiment == name


def test_the_paper_sets_every_key_of_what_it_uses(root: Path) -> None:
    def unset(keys: dict[str, Any], given: dict[str, Any], path: str = "") -> list[str]:
        found = []
        for key, value in keys.items():
            if key not in given:
                found.append(f"{path}{key}")
            elif isinstance(value, dict) and key not in {"models", "evaluations", "benchmarks"}:
                found += unset(value, given[key], f"{path}{key}.")
        return found

    raw = read_yaml(root / "config.yaml")
    # A generated world, and a base that is trained, are no part of the paper.
    assert set(unset(config.Config().model_dump(mode="json"), raw)) == {"data.world", "training.base"}


def test_every_constant_of_the_paper_says_where_it_is_from(root: Path) -> None:
    """Behind it, behind the name of a block that it is in, or above that."""
    unsaid, blocks, above = [], [], ""
    for line in (root / "config.yaml").read_text(encoding="utf-8").splitlines():
        key = re.match(r"( *)(?:(\w+):|- )", line)
        if line.startswith("#"):
            above += line
        elif not line.strip():
            above = ""
        if key is None or not key[2]:
            continue
        depth = len(key[1])
        blocks = [block for block in blocks if block[0] < depth]
        says = bool(re.search(r"\[(P|R|B|own)\]", line + (above if depth == 0 else "")))
        if not says and not any(has for _, has in blocks):
            unsaid.append(line)
        blocks.append((depth, says))
    # A heading that says nothing of all in it has blocks that do.
    assert unsaid == ["training:"]


def test_the_paper_has_the_published_settings(root: Path) -> None:
    settings = read_config([root / "config.yaml"], {})
    sft, grpo = settings.training.sft, settings.training.grpo
    assert (sft.learning_rate, sft.warmup, sft.weight_decay, sft.global_batch, sft.epochs) == (1e-5, 0.03, 0.1, 32, 1)
    assert (sft.lora.r, sft.lora.alpha, sft.lora.dropout) == (64, 64, 0.05)
    assert (sft.frames.fps, sft.frames.max_frames) == (1, 128)
    assert (grpo.learning_rate, grpo.warmup, grpo.weight_decay, grpo.epochs) == (1e-6, 0, 0.01, 1)
    assert (grpo.group_size, grpo.prompts_per_step, grpo.temperature, grpo.top_k) == (8, 1, 0.9, 50)
    assert (grpo.max_new_tokens, grpo.max_prompt_tokens, grpo.kl_weight) == (1024, 32768, 0.04)
    assert (grpo.frames.fps, grpo.frames.max_frames) == (2, 32)
    frames = settings.evaluation.frames
    assert (frames.fps, frames.max_frames, frames.min_pixels, frames.max_pixels) == (2, 128, 100_352, 360 * 420)
    assert not frames.overlay
    assert settings.benchmarks["video_mmmu"].max_new_tokens == 2048
    groups = [entry.group for entry in settings.benchmarks.values()]
    assert (groups.count("generic"), groups.count("reasoning")) == (5, 6)
    assert len(set(settings.benchmarks["mvbench"].configs)) == 20
    rewards = {name: settings.settings_of(name).rewards for name in ("grpo", "grpo_tar", "grpo_tar_gate")}
    assert [(entry.temporal_alignment, entry.gate) for entry in rewards.values()] == [(0, False), (1, False), (1, True)]


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({}, "rules"),
        ({"url": "http://127.0.0.1:8000/v1"}, "cascade"),
        ({"kind": None, "url": "http://127.0.0.1:8000/v1"}, "cascade"),
        ({"kind": "llm", "url": "http://127.0.0.1:8000/v1"}, "llm"),
        ({"kind": "rules", "url": "http://127.0.0.1:8000/v1"}, "rules"),
    ],
)
def test_a_server_that_is_given_is_asked(keys: dict[str, Any], kind: str) -> None:
    assert config.validate({"judge": keys}).judge.kind == kind


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"seed": [0]}, "seed: there is no such key"),
        ({"training": {"grpo": {"learning_rate": -1}}}, "training.grpo.learning_rate"),
        ({"judge": {"kind": "oracle"}}, "judge.kind: Input should be 'rules', 'llm' or 'cascade'; got \"oracle\""),
        ({"judge": {"url": None}}, "judge: kind 'cascade' needs the key 'url'"),
        ({"judge": {"serve": {}}}, "judge: a server is either at an address (url) or started (serve)"),
        ({"judge": {"url": None, "serve": {"command": ["vllm"]}}}, "judge.serve: no word of the command has {port}"),
        ({"judge": {"url": "localhost:8000"}}, "judge.url: String should match pattern '^https?://'"),
        ({"models": {"sft": {"start": "nobody"}}}, "models.sft.start: no model is called 'nobody'"),
        ({"models": {"sft": {"start": "sft"}}}, "goes in a circle: sft <- sft"),
        ({"models": {"mine": {"stage": "grpo"}}}, "stage 'grpo' needs the key 'start'"),
        (
            {"models": {"sft": {"settings": {"lora": {"rank": 8}}}}},
            "models.sft.settings.lora.rank: there is no such key",
        ),
        ({"evaluations": {"mine": {"model": "nobody", "label": "Mine"}}}, "evaluations.mine.model: no model is called"),
        ({"benchmarks": {"a b": {}}}, "benchmarks"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": [1, 1]}, "seeds: one stands there twice"),
        (
            {"models": {"sft": {"dataset": "nosuch"}}},
            "models.sft.dataset: Input should be 'sft', 'grpo' or 'sft_clean'",
        ),
        ({"models": {"sft": {"dataset": "sft_clean"}}}, "models.sft.dataset: 'sft_clean' is of a generated world"),
        (
            {"evaluations": {"no_claims": {"control": "other_trace", "trace_from": "no_claims"}}},
            "has no traces of its own",
        ),
        (
            {"evaluations": {"sft": {"label": "SFT+GRPO"}}},
            "evaluations.grpo.label: 'SFT+GRPO' is that of 'sft', too, which stands in 'ablation' beside it",
        ),
        ({"training": {"base": {"shape": {"text_heads": 3}}}}, "text_width 128 cannot be divided by text_heads 3"),
        ({"training": {"sft": {"learning_rate": math.inf}}}, "training.sft.learning_rate"),
        ({"training": {"grpo": {"group_size": 1}}}, "training.grpo.group_size"),
        (
            {"training": {"grpo": {"prompts_per_step": 3, "per_device_batch": 2}}},
            "training.grpo: prompts_per_step 3 cannot be divided by per_device_batch 2",
        ),
        (
            {"models": {"sft": {"settings": {"per_device_batch": 5}}}},
            "models.sft.settings: global_batch 32 cannot be divided by per_device_batch 5",
        ),
        ({"training": {"sft": {"frames": {"min_pixels": 200_000}}}}, "min_pixels 200000 is above max_pixels"),
        ({"data": {"overlay": {"clock_size_range": [72, 16]}}}, "data.overlay.clock_size_range: the least comes first"),
        ({"data": {"world": {"seconds": [24, 8]}}}, "data.world.seconds: the least comes first"),
        ({"data": {"heldout_fraction": 1.0}}, "data.heldout_fraction: Input should be less than 1"),
        ({"data": {"world": {"seconds": [2, 8]}}}, "data.world.seconds.0: Input should be greater than or equal to 4"),
        ({"data": {"world": {"seconds": [8, 40]}}}, "data.world.seconds.1: Input should be less than or equal to 38"),
        ({"data": {"world": {"size": [0, 0]}}}, "data.world.size"),
        ({"data": {"world": {"size": [113, 112]}}}, "data.world.size.0: Input should be a multiple of 2"),
        ({"data": {"world": {"fps": []}}}, "data.world.fps"),
        ({"prompts": {"option": "{foo}"}}, "prompts.option: an option has a {letter} and a {text}"),
        ({"prompts": {"option": "{letter"}}, "prompts.option: is no format"),
        ({"benchmarks": {"mvbench": {"configs": []}}}, "benchmarks.mvbench.configs"),
        (
            {"models": {"base": {"backend": {"kind": "lmms_eval"}}}},
            "models.base.backend: kind 'lmms_eval' and the key 'model'",
        ),
        (
            {"models": {"base": {"backend": {"trust_remote_code": True}}}},
            "models.base.backend: kind 'qwen2_5_vl' takes all frames and no arguments, and runs no code of a checkpoint's",
        ),
        (
            {"models": {"sft": {"backend": {"kind": "lmms_eval", "model": "llava_hf"}}}},
            "models.sft: backend.kind: what stage 'sft' makes is a Qwen2.5-VL",
        ),
        ({"models": {"sft": {"start": "internvl3"}}}, "models.sft.start: 'internvl3' is no Qwen2.5-VL"),
        (
            {"evaluations": {"internvl3": {"exhibits": ["main", "boxplot"]}}},
            "evaluations.internvl3: model 'internvl3' is asked by lmms-eval, which reads no attention",
        ),
        (
            {"evaluations": {"internvl3": {"prompt": "think", "control": "no_trace"}}},
            "evaluations.internvl3: model 'internvl3' is asked by lmms-eval, which begins no response",
        ),
        (
            {"evaluations": {"internvl3": {"decoding": {"temperature": 1.0, "top_k": 5}}}},
            "evaluations.internvl3: model 'internvl3' is asked by lmms-eval, which samples among all tokens",
        ),
        ({"evaluations": {"video_r1": {"prompts": {"thinking": "?"}}}}, "evaluations.video_r1.prompts.thinking"),
        (
            {"evaluations": {"video_r1": {"response": {"answer": ["", ""]}}}},
            "evaluations.video_r1.response: a trace needs a mark at its end, and an answer one at its beginning",
        ),
        ({"figures": {"palette": "colourful"}}, "figures.palette"),
        ({"figures": {"heatmap": "rainbow"}}, "figures.heatmap"),
    ],
)
def test_what_is_wrong_is_named(root: Path, keys: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        read_config([root / "config.yaml"], keys)
    assert complaint in str(caught.value)


def test_all_that_is_wrong_is_named_at_once(root: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_config([root / "config.yaml"], {"semantics": "other", "data": {"decoder": "eyes"}})
    assert "semantics" in str(caught.value)
    assert "data.decoder" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a: [", "is not valid YAML"),
        (b"- 1", "holds a list"),
        (b"a: {b: 1, c: 2, b: 3}", "the key 'b' stands there twice"),
        (b"a: \xff", "is not UTF-8 text (byte 3)"),
        (None, "no such file"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path = tmp_path / "settings.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_yaml(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)


# --- generated pages --------------------------------------------------------------------------------------------------


def test_every_key_is_on_the_reference_page() -> None:
    page = config_pages.pages()["config.md"]

    def sections(section: type[Section]) -> set[type[Section]]:
        found = {section}
        for field in section.model_fields.values():
            if (below := config_pages._section_of(field.annotation)) and below[0] not in found:
                found |= sections(below[0])
        return found

    for section in sections(config.Config):
        for key in section.model_fields:
            assert f"\n| `{key}` |" in page


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    content = json.loads(config_pages.pages()["config.schema.json"])
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


@pytest.mark.parametrize("path", SOURCES["smoke"])
def test_the_schema_accepts_the_files_of_the_repository(
    root: Path, path: str, schema: jsonschema.Draft202012Validator
) -> None:
    schema.validate(read_yaml(root / path))


@pytest.mark.parametrize(
    "wrong", [{"semantic": "corrected"}, {"judge": {"kind": "oracle"}}, {"seeds": "0"}, {"models": {"a": {"stage": 1}}}]
)
def test_the_schema_refuses_what_is_wrong(wrong: dict[str, Any], schema: jsonschema.Draft202012Validator) -> None:
    assert not schema.is_valid(wrong)


def test_a_kind_of_row_stands_in_one_batch_of_a_step() -> None:
    with pytest.raises(ValueError, match="echo stands in several"):
        config.BasePhase(steps=1, batches=[{"echo": 1, "read": 1}, {"echo": 2}])
