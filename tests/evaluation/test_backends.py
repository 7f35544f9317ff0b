"""Models of other families by lmms-eval's classes, vLLM's requests, and checkpoints with code of their own."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest
import torch
from families import SAVE
from lmms_eval.models.simple import internvl2
from PIL import Image
from tiny import tiny_model
from transformers import AutoModelForImageTextToText, AutoProcessor

import predict
from video_r2 import config
from video_r2.data.frames import Clip, FrameCache, at_most
from video_r2.errors import RejectedRecord, UserError
from video_r2.evaluation import vllm_engine
from video_r2.evaluation.answering import Asked
from video_r2.evaluation.backends import require_trust
from video_r2.evaluation.clips import Clips
from video_r2.evaluation.lmms_models import LmmsAnswerer, internvl2_tiles
from video_r2.evaluation.vllm_engine import VllmAnswerer, build_request, engine_settings, sampling_settings
from video_r2.model.inputs import expand_video_tokens, make_patches
from video_r2.records import PREDICTION, QUESTION, read_table, write_table

Job = Callable[..., Any]
CLASSES = {"llava_onevision": "llava_hf", "internvl": "internvl_hf", "perception_lm": "huggingface"}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("families")
    for name, save in SAVE.items():
        save(folder / name)
    return {name: folder / name for name in SAVE}


def backend_of(family: str, **changed: Any) -> dict[str, Any]:
    return {"kind": "lmms_eval", "model": CLASSES[family], "max_frames": 4, **changed}


def job_of(make_job: Job, folder: Path, backend: dict[str, Any], **settings: Any) -> Any:
    job = make_job(backend=backend, evaluation={"prompt": "direct"}, **settings)
    job.input[0] = job.input.checkpoint = str(folder)
    return job


@pytest.mark.parametrize("family", list(SAVE))
def test_a_family_answers_as_transformers_does_with_the_same_frames(
    make_job: Job, checkpoints: dict[str, Path], world: Any, settings: Any, family: str
) -> None:
    folder = checkpoints[family]
    job = job_of(make_job, folder, backend_of(family))
    predict.main(job)
    rows = pd.concat([read_table(path, PREDICTION) for path in job.output.predictions], ignore_index=True)
    assert len(rows) == 24
    assert rows["response"].notna().all()
    assert rows["response"].nunique() > 6
    assert (rows["tokens"] <= [settings.benchmarks[name].max_new_tokens or 16 for name in rows["benchmark"]]).all()

    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.bfloat16).eval()
    processor = AutoProcessor.from_pretrained(folder)
    cache = FrameCache(world.folder / "cache", settings.frames, config.Overlay(), "pyav")
    for row in rows.iloc[[0, 13]].to_dict("records"):
        frames = cache.load(row["video"], None).frames
        assert len(frames) >= 8
        frames = frames[[len(frames) * at // 4 for at in range(4)]]
        content = [{"type": "video"}, {"type": "text", "text": row["prompt"]}]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = processor(text=[text], videos=[frames], return_tensors="pt").to(torch.bfloat16)
        limit = settings.benchmarks[row["benchmark"]].max_new_tokens or 16
        made = model.generate(**inputs, do_sample=False, max_new_tokens=limit)[0, inputs["input_ids"].shape[1] :]
        assert row["response"] == processor.tokenizer.decode(made, skip_special_tokens=True)


def test_two_processes_and_other_containers_change_no_answer_of_another_family(
    make_job: Job, checkpoints: dict[str, Path], world: Any, tmp_path: Path
) -> None:
    folder, settings = checkpoints["llava_onevision"], {"decoding": {"batch": 1, "temperature": 0.7}}
    predict.main(alone := job_of(make_job, folder, backend_of("llava_onevision"), name="alone", **settings))
    tables = {}
    for name, path in world.questions.items():
        rows = read_table(path, QUESTION)
        rows["video"] = [remuxed(Path(video), tmp_path / f"{Path(video).stem}.mkv") for video in rows["video"]]
        write_table(tables.setdefault(name, tmp_path / f"{name}.parquet"), rows, QUESTION)
    two = job_of(make_job, folder, backend_of("llava_onevision"), name="two", questions=tables, processes=2, **settings)
    predict.main(two)
    for one, other in zip(alone.output.predictions, two.output.predictions, strict=True):
        said = [read_table(path, PREDICTION)["response"].tolist() for path in (one, other)]
        assert said[0] == said[1]
        assert len(set(said[0])) > 6


def remuxed(video: Path, into: Path) -> str:
    """The same frames in another container."""
    if not into.exists():
        with av.open(str(video)) as source, av.open(str(into), "w") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
    return str(into)


def test_a_video_that_fails_and_a_class_that_fails(
    make_job: Job, checkpoints: dict[str, Path], settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = Clips(FrameCache(tmp_path, settings.frames, config.Overlay(), "pyav"))
    folder = str(checkpoints["internvl"])
    backend = config.Backend.model_validate(backend_of("internvl"))
    answerer = LmmsAnswerer.of_checkpoint(folder, backend, config.Decoding(bf16=True), clips, 0)
    asked = Asked(("b", "q"), str(tmp_path / "none.mp4"), "", "What?", 4)
    ((_, response),) = next(answerer.answer([asked], set())).items()
    assert isinstance(response.rejected, RejectedRecord)

    monkeypatch.setattr(Clips, "load", lambda *arguments: Clip(np.zeros((2, 56, 56, 3), np.uint8), np.arange(2.0), 1.0))

    def fail(**arguments: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(answerer.model.model, "generate", fail)
    with pytest.raises(UserError, match=r"b q: lmms-eval's model 'internvl_hf' failed: Error out of memory"):
        list(answerer.answer([asked], set()))
    assert not list(answerer.answer([asked], {("b", "q")}))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", r"lmms-eval has no model 'nothing'"),
        ("llava_hf", r"lmms-eval's model 'llava_hf' cannot load it: KeyError: 'internvl'"),
        ("plm", r"lmms-eval's model 'plm' cannot load it: ModuleNotFoundError: No module named 'apps'"),
    ],
)
def test_a_class_that_is_not_for_the_checkpoint(
    make_job: Job, checkpoints: dict[str, Path], name: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        predict.main(job_of(make_job, checkpoints["internvl"], backend_of("internvl", model=name)))


def test_frames_of_internvl2_are_one_tile_each() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, 60, 90, 3), dtype=np.uint8)
    tiles, numbers = internvl2_tiles(frames, internvl2.load_image)
    assert (tiles.shape, numbers) == (torch.Size([3, 3, 448, 448]), [1, 1, 1])
    picture = Image.fromarray(frames[1]).resize((448, 448))
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (torch.tensor(np.asarray(picture)).float() / 255 - mean) / deviation
    assert torch.allclose(tiles[1], expected.permute(2, 0, 1), atol=1e-5)


@pytest.mark.parametrize(
    ("shown", "most", "places"),
    [(6, 4, [0, 1, 3, 4]), (6, 5, [0, 1, 3, 4]), (8, 4, [0, 2, 4, 6]), (2, 4, [0, 1]), (1, 4, [0]), (9, 1, [0])],
)
def test_fewer_frames_are_each_another_one_with_its_time(shown: int, most: int, places: list[int]) -> None:
    clip = Clip(np.arange(shown, dtype=np.uint8)[:, None, None, None], np.arange(shown) * 0.5, 2.0)
    fewer = at_most(clip, most)
    assert fewer.frames.ravel().tolist() == places
    assert fewer.times.tolist() == [0.5 * place for place in places]
    assert fewer.fps_effective == pytest.approx(2.0 * len(places) / shown)


# --- code of a checkpoint's own ---------------------------------------------------------------------------------------


def test_code_of_a_checkpoint_is_not_run_unless_it_is_trusted(
    make_job: Job, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    known = tmp_path / "known"
    shutil.copytree(checkpoints["internvl"], known)
    require_trust(known, trusted=False)
    (known / "modeling.py").write_text("raise SystemExit", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"holds code of its own \(modeling\.py\), which is not run unless it is trusted"
    ):
        predict.main(job_of(make_job, known, backend_of("internvl")))

    unknown = tmp_path / "unknown"
    unknown.mkdir()
    settings = {"model_type": "internvl_chat", "auto_map": {"AutoModel": "modeling.InternVLChatModel"}}
    (unknown / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(UserError, match=r"only its own code can load, .*trust_remote_code: true for this model"):
        predict.main(job_of(make_job, unknown, {"kind": "vllm"}))
    with pytest.raises(UserError, match="the code that it needs was not downloaded"):
        require_trust(unknown, trusted=True)
    (unknown / "modeling.py").write_text("", encoding="utf-8")
    require_trust(unknown, trusted=True)


# --- vLLM -------------------------------------------------------------------------------------------------------------


def test_without_vllm_there_is_a_word_about_it(make_job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(UserError, match=r"vLLM cannot be imported .*docs/models\.md"):
        predict.main(make_job(backend={"kind": "vllm"}))


def test_a_request_to_vllm_is_to_a_processor_what_this_project_decodes() -> None:
    """vLLM hands frames, what is told of them, and the settings to the checkpoint's processor."""
    _, processor = tiny_model()
    frames = np.random.default_rng(0).integers(0, 255, (6, 56, 84, 3), dtype=np.uint8)
    asked = Asked(("b", "q"), "v", "", "What colour is the circle?", 8, "<think>So")
    request = build_request(processor, asked, Clip(frames, np.arange(6) / 1.5, 1.5))
    assert request["prompt"].endswith("What colour is the circle?<|im_end|>\n<|im_start|>assistant\n<think>So")
    ((shown, told),) = request["multi_modal_data"]["video"]
    settings = request["mm_processor_kwargs"]
    made = processor(text=[request["prompt"]], videos=[shown], video_metadata=[told], return_tensors="pt", **settings)
    patches = make_patches(processor, frames, 1.5)
    assert torch.equal(made["pixel_values_videos"], patches.pixels)
    assert tuple(made["video_grid_thw"][0].tolist()) == patches.grid
    assert float(made["second_per_grid_ts"][0]) == pytest.approx(patches.seconds_per_grid)
    ids = processor.tokenizer.encode(request["prompt"], add_special_tokens=False)
    assert made["input_ids"][0].tolist() == expand_video_tokens(processor, ids, [patches])


def test_vllm_is_told_what_is_configured() -> None:
    asked = Asked(("b", "q"), "v", "", "What?", 8)
    drawn = [sampling_settings(asked, config.Decoding(temperature=0.9, top_k=50), seed) for seed in (0, 1)]
    assert {**drawn[0], "seed": 0} == {"temperature": 0.9, "top_k": 50, "max_tokens": 8, "seed": 0}
    assert 0 <= drawn[0]["seed"] != drawn[1]["seed"] < 2**63
    backend = config.Backend.model_validate({"kind": "vllm", "arguments": {"max_num_seqs": 4, "max_model_len": 9}})
    settings = engine_settings(backend, config.Decoding(batch=16))
    assert (settings["max_num_seqs"], settings["max_model_len"], settings["trust_remote_code"]) == (4, 9, False)


def test_what_vllm_says_becomes_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the engine: vLLM itself cannot run where there is no GPU."""
    asked = [Asked(("b", f"{at}"), "v", "", f"question {at}", 3, "start ") for at in range(5)]
    asked[2] = Asked(("b", "2"), "v", "", "question 2", 3, RejectedRecord("no trace"))

    def generate(requests: list[dict[str, Any]], sampling: list[Any], use_tqdm: bool) -> list[Any]:
        assert len(requests) == len(sampling) <= 2
        said = [request["prompt"].split("question ")[1][0] for request in requests]
        ends = {"0": "stop", "1": "length"}
        outputs = [SimpleNamespace(text=f"answer {one}", token_ids=[1, 2, 3], finish_reason=ends[one]) for one in said]
        return [SimpleNamespace(outputs=[output]) for output in outputs]

    monkeypatch.setattr(Clips, "load", lambda *arguments: Clip(np.zeros((2, 56, 56, 3), np.uint8), np.arange(2.0), 1.0))
    clips: Any = Clips(None)  # type: ignore[arg-type]
    engine = SimpleNamespace(generate=generate)
    processor = tiny_model()[1]
    answerer = VllmAnswerer(engine, SimpleNamespace, processor, config.Decoding(batch=2), clips, 0)
    (first, second) = answerer.answer(asked, {("b", "3"), ("b", "4")})
    assert {key: (said.text, said.tokens, said.finished) for key, said in first.items()} == {
        ("b", "0"): ("start answer 0", 2, True),
        ("b", "1"): ("start answer 1", 3, False),
    }
    assert [str(said.rejected) for said in second.values()] == ["no trace"]


def test_a_checkpoint_without_a_processor_writes_the_video_as_text() -> None:
    class Tokenizer:
        def apply_chat_template(self, turns: list[dict[str, str]], **settings: Any) -> str:
            return f"<user>{turns[0]['content']}<assistant>"

    clip = Clip(np.zeros((2, 56, 56, 3), np.uint8), np.arange(2.0), 1.0)
    request = build_request(Tokenizer(), Asked(("b", "q"), "v", "", "What?", 8), clip)
    assert request["prompt"] == f"<user>{vllm_engine.VIDEO}\nWhat?<assistant>"
    assert "mm_processor_kwargs" not in request
