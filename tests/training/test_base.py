"""The base model learns from nothing: here, on text alone, to look letters up."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest
import torch
from tiny import upkeep
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from video_r2 import config
from video_r2.data.corpus import VALUES, make_rows
from video_r2.data.traces import LETTERS, write_response, write_trace
from video_r2.data.world import make_film
from video_r2.model.inputs import NOTHING, make_batch
from video_r2.model.loading import training_implementation
from video_r2.model.scratch import make_model, make_processor, make_tokenizer
from video_r2.training.base import train_base
from video_r2.training.processes import run_in_processes


def ask(question: str, options: list[str]) -> str:
    return "\n".join([question, *(f" {text} ({letter})" for letter, text in zip(LETTERS, options, strict=False))])


def text_rows(kind: str, seed: int, number: int = 20) -> list[dict]:
    films = [make_film(f"{seed}-{at}", f"{seed}-{at}", (8, 12), [8], (112, 112)) for at in range(number)]
    rows = make_rows(films, (8, 12), 10, ask, ask, random.Random(seed))
    return [row for row in rows if row["branches"][0]["kind"] == kind]


Trained = tuple[Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor, list[dict[str, float]]]


@pytest.fixture(scope="module")
def trained_on_options(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    rows = text_rows("echo", 1, number=300)  # enough not to be learnt by heart
    texts = [each["prompt"] + each["response"] for row in rows for each in row["branches"]]
    tokenizer = make_tokenizer(texts, 600)
    processor = make_processor(tokenizer, config.Frames())
    settings = config.Base(
        phases=[config.BasePhase(steps=300, batches=[{"echo": 4}])], learning_rate=2e-3, matrix_learning_rate=0.01
    )
    model = make_model(settings.shape, tokenizer, seed=0)
    model.set_attn_implementation(training_implementation("eager"))
    log = train_base(model, processor, rows, {}, settings, seed=0, upkeep=upkeep(tmp_path_factory.mktemp("state")))
    model.set_attn_implementation("sdpa")
    return model, processor, log


def right_tokens(trained: Trained, prompts: list[str], responses: list[str], tokens: list[str]) -> torch.Tensor:
    """Whether each of `tokens` in the responses is what the model would have said there."""
    model, processor, _ = trained
    batch = make_batch(processor, prompts, responses, [NOTHING] * len(prompts))
    with torch.no_grad():
        predicted = model(**batch.model_inputs()).logits[:, :-1].argmax(-1)
    labels = batch.labels[:, 1:]
    numbers = torch.tensor([processor.tokenizer(token).input_ids for token in tokens])
    assert numbers.shape == (len(tokens), 1)
    return (predicted == labels)[torch.isin(labels, numbers)].float()


def test_letters_of_options_that_were_not_seen_in_this_order_are_looked_up(trained_on_options):
    unseen = [each for row in text_rows("echo", 2)[:5] for each in row["branches"]]
    responses = [each["response"] for each in unseen]
    right = right_tokens(
        trained_on_options, [each["prompt"] for each in unseen], responses, [f" ({letter})" for letter in LETTERS]
    )
    assert len(right) == sum(response.count(" (") for response in responses) > 400
    assert right.mean() > 0.8  # guessing has 0.2
    log = trained_on_options[2]
    assert log[-1]["step"] == 300
    assert log[-1]["loss/echo"] < log[0]["loss/echo"] / 2


def test_a_letter_in_answer_tags_is_the_one_that_was_concluded(trained_on_options):
    rng = random.Random(3)
    prompts, responses = [], []
    for _ in range(100):
        options = rng.sample(VALUES, 4)
        prompts.append(ask("Which?", options))
        responses.append(write_response(write_trace([], [], (said := rng.choice(options)), options), said, options))
    right = right_tokens(trained_on_options, prompts, responses, list(LETTERS))
    assert len(right) == 100
    assert right.mean() > 0.9  # no trace was ever seen


def test_two_processes_learn_what_one_does(tmp_path: Path):
    rows = text_rows("echo", 1) + text_rows("read", 1)
    tokenizer = make_tokenizer([each["prompt"] + each["response"] for row in rows for each in row["branches"]], 400)
    processor = make_processor(tokenizer, config.Frames())
    settings = config.Base(phases=[config.BasePhase(steps=10, batches=[{"echo": 2}, {"read": 3}])])
    learnt = []
    for processes in (1, 2):
        model = make_model(settings.shape, tokenizer, seed=0)
        model.set_attn_implementation(training_implementation("eager"))
        train = partial(train_base, model, processor, rows, {}, settings, seed=0, upkeep=upkeep(tmp_path))
        log = run_in_processes(train, processes)
        learnt.append(
            (log[0]["loss/echo"], {name: weight.detach().clone() for name, weight in model.named_parameters()})
        )
    (loss, weights), (other_loss, other_weights) = learnt
    assert loss == pytest.approx(other_loss, rel=1e-3)
    for name, weight in weights.items():
        assert torch.allclose(weight, other_weights[name], atol=1e-3), name
