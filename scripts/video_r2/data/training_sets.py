"""The generated world's training sets, in the release's schema: a human turn that asks for a trace, and the trace."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from video_r2 import config
from video_r2.data.corpus import OPTION_COUNTS, Asker
from video_r2.data.questions import KINDS, Item, Places, choose_items
from video_r2.data.traces import misplace, write_response, write_trace
from video_r2.data.world import Film, Scene, draw_film
from video_r2.files import replacing

Row = dict[str, Any]

OPEN_SHARE = 0.3  # share of the number questions that have no options


def base_films(world: config.Films, number: int) -> list[Film]:
    """Films that the base model is trained on: in no other set, as Qwen2.5-VL saw other videos than the release's."""
    return [draw_film(world, f"base-{at:05d}") for at in range(number)]


def training_films(world: config.World) -> list[Film]:
    """Films of the training sets."""
    return [draw_film(world, f"train-{number:04d}") for number in range(world.training_videos)]


def validation_films(world: config.World) -> list[Film]:
    """Films of the validation split, on which settings are chosen."""
    return [draw_film(world, f"validation-{number:04d}") for number in range(world.validation_videos)]


def sft_rows(films: Sequence[Film], world: config.World, ask: Asker) -> tuple[list[Row], list[Row]]:
    """Rows of the SFT set, with the errors that annotators make, and the same rows without them.

    In a share of the traces one claim stands at a wrong time (`World.claim_error_rate`). Where the right option is among the
    first (`World.hedged_options`), they hedge: the conclusion names a second answer (`World.hedge_rate`). The answer given
    after it is right.
    """
    rng = random.Random(f"sft {world.seed}")
    noisy: list[Row] = []
    clean: list[Row] = []
    for film, item, options in _asked(films, world.sft_rows, rng):
        prompt = ask(item.question, options)
        identity = f"{item.kind}-{len(clean):04d}"
        clean.append(_conversation(identity, film, prompt, item, options, film.scenes))
        scenes = misplace(film.scenes, rng) if rng.random() < world.claim_error_rate else film.scenes
        hedges = item.answer in options[: world.hedged_options] and rng.random() < world.hedge_rate
        hedge = rng.choice([option for option in options if option != item.answer]) if hedges else None
        noisy.append(_conversation(identity, film, prompt, item, options, scenes, hedge))
    return noisy, clean


def grpo_rows(films: Sequence[Film], world: config.World, ask: Asker) -> list[Row]:
    """Rows of the GRPO set."""
    return _clean_rows(films, world.grpo_rows, random.Random(f"grpo {world.seed}"), ask)


def validation_rows(films: Sequence[Film], world: config.World, ask: Asker) -> list[Row]:
    """Rows of the validation split."""
    return _clean_rows(films, world.validation_rows, random.Random(f"validation {world.seed}"), ask)


def _clean_rows(films: Sequence[Film], number: int, rng: random.Random, ask: Asker) -> list[Row]:
    return [
        _conversation(f"{item.kind}-{at:04d}", film, ask(item.question, options), item, options, film.scenes)
        for at, (film, item, options) in enumerate(_asked(films, number, rng))
    ]


def _asked(films: Sequence[Film], number: int, rng: random.Random) -> Iterator[tuple[Film, Item, list[str]]]:
    """`number` questions of all kinds with their options; no options for a share of the number questions."""
    places = Places(rng)
    chosen = choose_items(films, list(KINDS), number, rng)
    rng.shuffle(chosen)
    for film, item in chosen:
        count = 0 if item.is_number and rng.random() < OPEN_SHARE else rng.choice(OPTION_COUNTS)
        yield film, item, places.options(item, count)


def _conversation(
    identity: str,
    film: Film,
    prompt: str,
    item: Item,
    options: list[str],
    scenes: Sequence[Scene],
    hedge: str | None = None,
) -> Row:
    trace = write_trace(scenes, item.steps, item.answer, options, hedge)
    return {
        "id": identity,
        "video": f"videos/{film.name}.mp4",
        "conversations": [
            {"from": "human", "value": f"<video>\n{prompt}"},
            {"from": "gpt", "value": write_response(trace, item.answer, options)},
        ],
        "temporal_grounding": film.grounding,
        "temporal_captions": [f"{span}: {sentence}" for span, sentence in film.grounding.items()],
        "key_frame": film.scenes[0].span.partition("-")[0],
    }


def write_training(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as the release's training JSON: one list."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
