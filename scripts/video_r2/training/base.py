"""Training a small Qwen2.5-VL from nothing: to read, to see, to answer directly.

The miniature's stand-in for Qwen2.5-VL-7B-Instruct. Everything that can be asked about a film is a branch of one row, so
that the film is looked at once for all of them (video_r2.model.shared_prefix).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from video_r2.config import Base, BasePhase
from video_r2.model.inputs import IGNORED, VideoPatches
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
        what was logged: step, phase, loss, learning rate, seconds.
    """
    rng = random.Random(f"base {seed}")
    torch.manual_seed(seed)
    by_kind = {
        kind: [row for row in rows if row["branches"][-1]["kind"] == kind] for kind in ("see", "read", "echo")
    }
    matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
    vectors = [weight for weight in model.parameters() if weight.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    total = sum(phase.steps for phase in settings.phases)
    warmup = max(1, round(settings.warmup * total))
    log: list[dict[str, float]] = []
    losses: list[float] = []
    started = time.monotonic()
    model.train()
    progress = tqdm(total=total, desc="base", unit="step", mininterval=5)
    for number, phase in enumerate(settings.phases):
        last = number == len(settings.phases) - 1
        for step in range(phase.steps):
            rate = phase.learning_rate * min(1.0, (progress.n + 1) / warmup)
            if last:
                rate *= FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * step / phase.steps))
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = _loss(model, processor, _draw(by_kind, phase, processor, patches, rng), settings.bf16)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
            optimizer.step()
            losses.append(loss.item())
            progress.update()
            if progress.n % LOG_EVERY == 0:
                mean = sum(losses) / len(losses)
                seconds = time.monotonic() - started
                log.append({"step": progress.n, "phase": number, "loss": mean, "learning_rate": rate, "seconds": seconds})
                progress.set_postfix(loss=f"{mean:.3f}", refresh=False)
                losses.clear()
    progress.close()
    model.eval()
    return log


def _draw(
    by_kind: Mapping[str, Sequence[Mapping[str, Any]]],
    phase: BasePhase,
    processor: Qwen2_5_VLProcessor,
    patches: Mapping[str, VideoPatches],
    rng: random.Random,
) -> list[Tree]:
    """The rows of one step, each with some of its branches; the first branch of a film is its description."""
    shares = sum(phase.mix.values())
    trees = []
    for kind, share in phase.mix.items():
        for row in rng.choices(by_kind[kind], k=max(1, round(phase.batch * share / shares))):
            described, asked = row["branches"][: kind == "see"], row["branches"][kind == "see" :]
            branches = [*described, *rng.sample(asked, min(len(asked), phase.branches - len(described)))]
            pairs = [(branch["prompt"], branch["response"]) for branch in branches]
            video = None if row["video"] is None else patches[row["video"]]
            trees.append(encode_tree(processor, video, row["prefix"], pairs))
    return trees


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
