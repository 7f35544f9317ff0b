"""The base model learns from nothing: here, on text alone, to look letters up."""

from __future__ import annotations

import random
from functools import partial

import pytest
import torch

from video_r2 import config
from video_r2.data.corpus import make_rows
from video_r2.data.traces import LETTERS
from video_r2.data.world import make_film
from video_r2.model.inputs import make_batch
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


def test_letters_of_options_that_were_not_seen_in_this_order_are_looked_up():
    rows = text_rows("echo", 1, number=300)  # enough not to be learnt by heart
    tokenizer = make_tokenizer([each["prompt"] + each["response"] for row in rows for each in row["branches"]], 400)
    processor = make_processor(tokenizer, config.Frames())
    settings = config.Base(
        phases=[config.BasePhase(steps=300, batches=[{"echo": 4}])], learning_rate=2e-3, matrix_learning_rate=0.01
    )
    model = make_model(settings.shape, tokenizer, seed=0)
    model.set_attn_implementation(training_implementation("eager"))

    log = train_base(model, processor, rows, {}, settings, seed=0)

    unseen = [each for row in text_rows("echo", 2)[:5] for each in row["branches"]]
    batch = make_batch(
        processor, [each["prompt"] for each in unseen], [each["response"] for each in unseen], [None] * len(unseen)
    )
    model.set_attn_implementation("sdpa")
    with torch.no_grad():
        predicted = model(**batch.model_inputs()).logits[:, :-1].argmax(-1)
    letters = {tokenizer(f" ({letter})").input_ids[0] for letter in LETTERS}
    asked = torch.isin(batch.labels[:, 1:], torch.tensor(sorted(letters)))
    assert asked.sum() == sum(each["response"].count(" (") for each in unseen) > 500
    right = (predicted == batch.labels[:, 1:])[asked].float().mean()
    assert right > 0.8  # guessing has 0.2
    assert log[-1]["step"] == 300
    assert log[-1]["loss/echo"] < log[0]["loss/echo"] / 2


def test_two_processes_learn_what_one_does():
    rows = text_rows("echo", 1) + text_rows("read", 1)
    tokenizer = make_tokenizer([each["prompt"] + each["response"] for row in rows for each in row["branches"]], 400)
    processor = make_processor(tokenizer, config.Frames())
    settings = config.Base(phases=[config.BasePhase(steps=10, batches=[{"echo": 2}, {"read": 3}])])
    learnt = []
    for processes in (1, 2):
        model = make_model(settings.shape, tokenizer, seed=0)
        model.set_attn_implementation(training_implementation("eager"))
        train = partial(train_base, model, processor, rows, {}, settings, seed=0)
        log = run_in_processes(train, processes)
        learnt.append(
            (log[0]["loss/echo"], {name: weight.detach().clone() for name, weight in model.named_parameters()})
        )
    (loss, weights), (other_loss, other_weights) = learnt
    assert loss == pytest.approx(other_loss, rel=1e-3)
    for name, weight in weights.items():
        assert torch.allclose(weight, other_weights[name], atol=1e-3), name
