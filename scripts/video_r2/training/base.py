"""Training a small Qwen2.5-VL from nothing: to read, to see, to answer directly.

The miniature's stand-in for Qwen2.5-VL-7B-Instruct. Everything that can be asked about a film is a branch of one row, so
that the film is looked at once for all of them (video_r2.model.shared_prefix).
"""

from __future__ import annotations

import math
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from video_r2.config import Base, RowKind
from video_r2.model.inputs import IGNORED, VideoPatches, one_moment
from video_r2.model.shared_prefix import Tree, encode_tree, make_shared_prefix_batch

LOG_EVERY = 10  # steps
FLOOR = 0.05  # the learning rate falls to this share of its peak


def train_base(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    rows: Sequence[Mapping[str, Any]],
    patches: Mapping[str, VideoPatches],
    settings: Base,
    seed: int,
) -> list[dict[str, float]]:
    """Train `model` in place through the phases of its curriculum.

    Args:
        rows: the corpus (video_r2.data.corpus.make_rows).
        patches: the clip of each film by its name.

    Returns:
        what was logged: step, phase, loss by kind of row, share of the peak learning rate, seconds.
    """
    rng = random.Random(f"base {seed}")
    torch.manual_seed(seed)
    films = [row for row in rows if row["video"] is not None]
    texts = {kind: [row for row in rows if row["branches"][0]["kind"] == kind] for kind in ("read", "echo")}
    optimizers = _optimizers(model, settings)
    total = sum(phase.steps for phase in settings.phases)
    log: list[dict[str, float]] = []
    losses: dict[str, list[float]] = defaultdict(list)
    started = time.monotonic()
    model.train()
    progress = tqdm(total=total, desc="base", unit="step", mininterval=5)
    for number, phase in enumerate(settings.phases):
        last = number == len(settings.phases) - 1
        for step in range(phase.steps):
            share = min(1.0, (progress.n + 1) / settings.warmup)
            if last:
                share *= FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * step / phase.steps))
            # Kinds of rows are apart in memory, for their lengths differ, and together in every step.
            for kind, count in phase.rows.items():
                drawn = rng.choices(texts.get(kind, films), k=count)
                trees = [_tree(kind, row, settings.branches, processor, patches, rng) for row in drawn]
                loss = _loss(model, processor, trees, settings.bf16)
                (loss / len(phase.rows)).backward()
                losses[kind].append(loss.item())
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
            for optimizer, rate in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate * share
                optimizer.step()
                optimizer.zero_grad()
            progress.update()
            if progress.n % LOG_EVERY == 0:
                means = {f"loss/{name}": sum(values) / len(values) for name, values in losses.items()}
                seconds = time.monotonic() - started
                log.append({"step": progress.n, "phase": number, "share": share, "seconds": seconds, **means})
                progress.set_postfix({name[5:]: f"{mean:.3f}" for name, mean in means.items()}, refresh=False)
                losses.clear()
    progress.close()
    model.eval()
    return log


def _optimizers(model: Qwen2_5_VLForConditionalGeneration, settings: Base) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the matrices between layers, which on this model learns in a third of AdamW's steps; AdamW for the rest."""
    embeddings = {id(model.get_input_embeddings().weight), id(model.lm_head.weight)}
    weights = list(model.parameters())
    seeing = [weight for weight in model.model.visual.parameters() if weight.ndim == 2]
    apart = embeddings | {id(weight) for weight in seeing}
    matrices = [weight for weight in weights if weight.ndim == 2 and id(weight) not in apart]
    tables = [weight for weight in weights if weight.ndim > 2 or id(weight) in embeddings]
    vectors = [weight for weight in weights if weight.ndim < 2]
    adamw = torch.optim.AdamW(
        [{"params": tables, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    return [
        (adamw, settings.learning_rate),
        (torch.optim.Muon(matrices, weight_decay=settings.weight_decay), settings.matrix_learning_rate),
        (torch.optim.Muon(seeing, weight_decay=settings.weight_decay), settings.vision_learning_rate),
    ]


def _tree(
    kind: RowKind,
    row: Mapping[str, Any],
    branches: int,
    processor: Qwen2_5_VLProcessor,
    patches: Mapping[str, VideoPatches],
    rng: random.Random,
) -> Tree:
    """A row with some of its branches; the first branches of a film describe it and each of its moments."""
    if row["video"] is None:
        chosen = rng.sample(row["branches"], min(branches, len(row["branches"])))
        return encode_tree(processor, None, row["prefix"], [(each["prompt"], each["response"]) for each in chosen])
    video = patches[row["video"]]
    if kind == "glance":
        moment = rng.randrange(video.grid[0])
        described = row["moments"][moment]
        return encode_tree(processor, one_moment(video, moment), "", [(described["prompt"], described["response"])])
    asked = rng.sample(row["branches"][1:], branches - 1) if kind == "see" else []
    pairs = [(each["prompt"], each["response"]) for each in (row["branches"][0], *asked)]
    return encode_tree(processor, video, row["prefix"], pairs)


def _loss(
    model: Qwen2_5_VLForConditionalGeneration, processor: Qwen2_5_VLProcessor, trees: Sequence[Tree], bf16: bool
) -> torch.Tensor:
    batch = make_shared_prefix_batch(processor, model, trees)
    with torch.autocast(model.device.type, torch.bfloat16, enabled=bf16):
        hidden = model.model(**batch.model_inputs(), use_cache=False).last_hidden_state
        labels = batch.batch.labels
        said = labels != IGNORED
        logits = model.lm_head(batch.predicting(hidden)[said])
    return cross_entropy(logits.float(), labels[said])
