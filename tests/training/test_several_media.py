"""Examples over several videos or images, against what transformers' own processor and model make of the same frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import FRAMES, SIDE, tiny_model
from trl import GRPOConfig

from video_r2 import config
from video_r2.data.conversations import Conversation, Medium
from video_r2.data.encode import write_video
from video_r2.data.frames import FrameCache
from video_r2.data.world import make_film
from video_r2.model.generation import Completion
from video_r2.model.loading import training_implementation
from video_r2.model.shared_prefix import make_shared_prefix_batch
from video_r2.training.examples import VideoEncoder
from video_r2.training.grpo import VideoGRPOTrainer
from video_r2.training.sft import ResponseCollator

SAID = ["<think>00:04-00:08: red.</think><answer>A</answer>", "<answer>blue</answer>"]


class Case(NamedTuple):
    """An example, and what the model's own processor is to be given for it: the chat's contents, frames and their rates."""

    example: Conversation
    contents: list[dict[str, Any]]
    images: list[Image.Image]
    videos: list[np.ndarray]
    rates: list[float]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


@pytest.fixture(scope="module")
def model_and_processor() -> tuple[Any, Any]:
    model, processor = tiny_model()
    for name, weight in model.named_parameters():  # large enough that places and times matter
        if weight.ndim > 1 and "language_model.layers" in name:
            torch.nn.init.normal_(weight, std=1.5 / weight.shape[1] ** 0.5)
    return model, processor


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FrameCache:
    return FrameCache(tmp_path_factory.mktemp("cache"), FRAMES, config.Overlay(), "pyav")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, cache: FrameCache) -> list[Case]:
    """Three images within a text, two videos that fit (4 + 8 of 12 frames), two that do not (8 + 8), and a single one."""
    folder = tmp_path_factory.mktemp("media")
    media = {}
    for name, seconds in (("short", 4), ("long", 8), ("other", 9)):
        write_video(make_film(name, name, (seconds, seconds), [2], (SIDE, SIDE)), folder / f"{name}.mp4")
        media[name] = Medium(str(folder / f"{name}.mp4"))
    for name, size in (("a", (56, 56)), ("b", (112, 28)), ("c", (28, 112))):
        colours = np.random.default_rng(ord(name)).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(colours).save(folder / f"{name}.png")
        media[name] = Medium(str(folder / f"{name}.png"))
    shown = {name: cache.load(medium.path, None).frames for name, medium in media.items()}
    assert [len(shown[name]) for name in ("short", "long", "other")] == [4, 8, 8]

    def example(number: int, kind: Any, names: str, question: str) -> Conversation:
        return Conversation(str(number), kind, [media[name] for name in names.split()], question, SAID[0], "x", "A", {})

    video, image = {"type": "video"}, {"type": "image"}
    # Of 8 + 8 frames three pairs each are left of four: every 8/6th frame.
    six = [0, 1, 2, 4, 5, 6]
    return [
        Case(
            example(0, "image", "a b c", "Which?\nA. <image>\nB. <image><image> red"),
            [text("Which?\nA. "), image, text("\nB. "), image, image, text(" red")],
            [Image.fromarray(shown[name][0]) for name in "abc"],
            [],
            [],
        ),
        Case(
            example(1, "video", "short long", "What colour?"),
            [video, video, text("What colour?")],
            [],
            [shown["short"], shown["long"]],
            [1.0, 1.0],
        ),
        Case(
            example(2, "video", "long other", "<video>A circle <video>"),
            [video, text("A circle "), video],
            [],
            [shown["long"][six], shown["other"][six]],
            [6 / 8, 6 / 9],
        ),
        Case(example(3, "video", "long", "What colour?"), [video, text("What colour?")], [], [shown["long"]], [1.0]),
    ]


def own_inputs(processor: Any, case: Case, said: str) -> dict[str, torch.Tensor]:
    """What the model's own processor makes of a prompt and a response."""
    turns = [{"role": "user", "content": case.contents}]
    written = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + said
    told = [
        {"fps": rate, "frames_indices": list(range(len(frames))), "total_num_frames": len(frames)}
        for frames, rate in zip(case.videos, case.rates, strict=True)
    ]
    shown: dict[str, Any] = {"videos": case.videos, "video_metadata": told, "do_sample_frames": False}
    return processor(
        text=[written],
        **({"images": case.images} if case.images else shown),
        do_resize=False,
        return_tensors="pt",
        return_mm_token_type_ids=True,
    )


def own_logits(model: Any, processor: Any, case: Case, said: str) -> torch.Tensor:
    """Of every token: tokens x vocabulary."""
    with torch.no_grad():
        return model(**own_inputs(processor, case, said)).logits[0]


def test_logits_are_those_of_the_models_own_processor_alone_and_in_a_batch(
    model_and_processor: tuple[Any, Any], cases: list[Case], cache: FrameCache
) -> None:
    model, processor = model_and_processor
    encode = VideoEncoder(model, processor, cache)
    collate = ResponseCollator(processor, encode, [case.example for case in cases], config.Sft())
    expected = [own_logits(model, processor, case, f"{SAID[0]}<|im_end|>") for case in cases]
    for some in ([0], [1], [2], [0, 1, 2, 3]):
        batch = collate([{"example": at} for at in some])
        present = batch["attention_mask"].bool()
        assert present.sum(1).tolist() == [len(expected[at]) for at in some]
        learnt = [processor.tokenizer.decode(labels[labels >= 0]) for labels in batch.pop("labels")]
        assert learnt == [f"{SAID[0]}<|im_end|>"] * len(some)
        with torch.no_grad():
            logits = model(**batch).logits
        for at, own, seen in zip(some, logits, present, strict=True):
            torch.testing.assert_close(own[seen], expected[at], atol=1e-5, rtol=1e-4)
    # The order of the videos counts, and the time between their frames.
    case = cases[1]
    for other in (case._replace(videos=case.videos[::-1]), case._replace(rates=[0.5, 1.0])):
        changed = own_logits(model, processor, other, f"{SAID[0]}<|im_end|>")
        assert changed.shape == expected[1].shape
        assert (changed - expected[1]).abs().max() > 0.01


def test_groups_that_share_such_a_prompt_learn_and_generate_the_same(
    model_and_processor: tuple[Any, Any], cases: list[Case], cache: FrameCache, tmp_path: Path
) -> None:
    model, processor = model_and_processor
    encode = VideoEncoder(model, processor, cache)
    examples = [case.example for case in cases]
    media = encode(examples)
    arguments = GRPOConfig(
        output_dir=str(tmp_path),
        per_device_train_batch_size=2,
        num_generations=2,
        max_completion_length=8,
        top_k=1,  # greedy
        bf16=False,
        report_to="none",
        use_cpu=True,
        gradient_checkpointing=False,
    )
    trainer = VideoGRPOTrainer(model, None, processor, encode, None, arguments, [], 1000)
    for case, (one, other) in zip(cases, trainer.generate_groups(examples, media), strict=True):
        inputs = own_inputs(processor, case, "")
        new = model.generate(**inputs, max_new_tokens=8, do_sample=False)[0, inputs["input_ids"].shape[1] :].tolist()
        assert one == other
        assert new[: len(one.tokens)] == list(one.tokens)
        assert len(one.tokens) == 8 or one.finished
    model.eval()

    said = [processor.tokenizer.encode(words, add_special_tokens=False) for words in SAID]
    group = [Completion(tuple(tokens), finished=True) for tokens in said]
    expected = []
    for case in cases:
        for words, tokens in zip(SAID, said, strict=True):
            learnt = torch.tensor([*tokens, processor.tokenizer.eos_token_id])
            logits = own_logits(model, processor, case, f"{words}<|im_end|>")[-len(learnt) - 1 : -1]
            expected.append(logits.log_softmax(-1).gather(1, learnt[:, None])[:, 0])
    before = model.config.text_config._attn_implementation
    model.set_attn_implementation(training_implementation("eager"))
    try:
        batch = make_shared_prefix_batch(processor, model, trainer._trees(examples, media, [group] * len(cases)))
        with torch.no_grad():
            log_probs, _, mask = trainer.token_log_probs(model, batch)
    finally:
        model.set_attn_implementation(before)
    assert len(log_probs) == len(expected) == 8
    for own, present, wanted in zip(log_probs, mask.bool(), expected, strict=True):
        torch.testing.assert_close(own[present], wanted, atol=1e-5, rtol=1e-4)
