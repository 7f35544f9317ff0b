"""Training a small Qwen2.5-VL from nothing: to read, to see, to answer directly.

The miniature's stand-in for Qwen2.5-VL-7B-Instruct. Everything that can be asked about a film is a branch of one row, so
that the film is looked at once for all of them (video_r2.model.shared_prefix). The batches of a step are shared out among the
processes that take part (video_r2.training.processes); what is learnt does not depend on their number.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from video_r2.config import Base, RowKind
from video_r2.errors import Interrupted
from video_r2.model.inputs import NOTHING, Media, VideoPatches, one_moment
from video_r2.model.shared_prefix import Tree, encode_tree, make_shared_prefix_batch
from video_r2.training.guards import NORM
from video_r2.training.processes import (
    add_over_processes,
    any_of_them,
    collect_shares,
    exchange_shares,
    own_share,
    place,
)
from video_r2.training.upkeep import Upkeep

Batch = dict[RowKind, list[Tree]]
Optimizers = list[tuple[torch.optim.Optimizer, float]]  # each with its learning rate

LOG_EVERY = 10  # steps
FLOOR = 0.05  # the learning rate falls to this share of its peak
TENSORS, REST = "state.safetensors", "state.json"  # files of a saved state


def train_base(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    rows: Sequence[Mapping[str, Any]],
    patches: Mapping[str, VideoPatches],
    settings: Base,
    seed: int,
    upkeep: Upkeep,
) -> list[dict[str, float]]:
    """Train `model` in place through the phases of its curriculum, from the last saved state if there is one.

    Args:
        rows: the corpus (video_r2.data.corpus.make_rows).
        patches: the clip of each film by its name.
        upkeep: where to save, and when to stop.

    Returns:
        what was logged: step, phase, loss by kind of row, share of the peak learning rate, seconds.

    Raises:
        Interrupted: in the first process, if training was asked to leave and its state is saved.
        UserError: in the first process, if training has gone wrong.
    """
    rank, processes = place()
    rng = random.Random(f"base {seed}")
    torch.manual_seed(seed)
    by_kind: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        for kind in {branch["kind"] for branch in row["branches"]}:
            by_kind[kind].append(row)
    matrices = _matrices(model)
    # Muon takes a while over each matrix: every process sees to some, and tells the others.
    optimizers = _optimizers(model, own_share(matrices), settings)
    schedule = [(number, phase, step) for number, phase in enumerate(settings.phases) for step in range(phase.steps)]
    log: list[dict[str, float]] = []
    losses: dict[str, list[float]] = defaultdict(list)
    started, first = time.monotonic(), 0
    if upkeep.snapshots.last is not None:
        first, said, seconds = _load_state(upkeep.snapshots.last, model, optimizers, rng)
        log += said["log"]
        losses.update(said["losses"])
        upkeep.guard.recall(said["guard"])
        started -= seconds
    if rank == 0:
        weights = sum(weight.nbytes for weight in model.parameters())
        upkeep.snapshots.make_room(3 * weights, weights)  # AdamW keeps two figures for each weight, Muon one
        if first:
            print(f"going on from step {first} of {len(schedule)}")
    model.train()
    progress = tqdm(total=len(schedule), initial=first, desc="base", unit="step", mininterval=5, disable=rank > 0)
    with upkeep.watch as watch:
        watch.saved(first)
        for done, (number, phase, step) in enumerate(schedule[first:], first + 1):
            share = min(1.0, done / settings.warmup)
            if number == len(settings.phases) - 1:
                share *= FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * step / phase.steps))
            # Every process draws every batch, and computes its own.
            drawn = [
                {
                    kind: [
                        _tree(kind, row, settings.branches[kind], processor, patches, rng)
                        for row in rng.choices(by_kind[kind], k=count)
                    ]
                    for kind, count in batch.items()
                }
                for batch in phase.batches
            ]
            step_losses = {kind: torch.zeros(()) for batch in drawn for kind in batch}
            for batch in _share_out(drawn, processes)[rank]:
                by_row = _losses(model, processor, batch, settings.bf16)
                (torch.stack([*by_row.values()]).sum() / len(step_losses)).backward()
                step_losses.update({kind: loss.detach() for kind, loss in by_row.items()})
            add_over_processes([*step_losses.values(), *(_gradient(weight) for weight in model.parameters())])
            for kind, loss in step_losses.items():
                losses[kind].append(loss.item())
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
            if rank == 0:
                seen = {f"loss of {kind}": losses[kind][-1] for kind in step_losses}
                upkeep.guard.check(done, {**seen, NORM: norm.item()})
            for optimizer, rate in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate * share
                optimizer.step()
            model.zero_grad()
            exchange_shares(matrices)
            progress.update()
            seconds = time.monotonic() - started
            if done % LOG_EVERY == 0:
                means = {f"loss/{name}": sum(values) / len(values) for name, values in losses.items()}
                log.append({"step": done, "phase": number, "share": share, "seconds": seconds, **means})
                progress.set_postfix({name[5:]: f"{mean:.3f}" for name, mean in means.items()}, refresh=False)
                losses.clear()
            # A signal may reach one process only, and clocks differ: all do what one of them is to do.
            why = watch.why
            leaving, due = any_of_them(why is not None, rank == 0 and watch.due(done))
            if (leaving or due) and done < len(schedule):
                said = {"log": log, "losses": losses, "guard": upkeep.guard.memory}
                _save_state(upkeep, done, model, matrices, optimizers, rng, said, seconds)
                if leaving and rank > 0:
                    return log
                if leaving:
                    raise Interrupted(done, len(schedule), why or "another of its processes was asked to")
    progress.close()
    model.eval()
    return log


def _save_state(
    upkeep: Upkeep,
    step: int,
    model: Qwen2_5_VLForConditionalGeneration,
    matrices: Sequence[torch.Tensor],
    optimizers: Optimizers,
    rng: random.Random,
    said: Mapping[str, Any],
    seconds: float,
) -> None:
    """Save all that the next step depends on; the first process writes what all of them have.

    Args:
        said: what has been logged, the losses since then, and what the guard has seen.
        seconds: that training has taken.
    """
    of_muon = {id(weight): state for optimizer, _ in optimizers[1:] for weight, state in optimizer.state.items()}
    momenta = [of_muon[id(matrix)]["momentum_buffer"] if id(matrix) in of_muon else None for matrix in matrices]
    collected = collect_shares(momenta, matrices)
    if place()[0] > 0:
        return
    names = {id(weight): name for name, weight in model.named_parameters()}
    tensors = {f"weight/{name}": weight.detach() for name, weight in model.named_parameters()}
    for matrix, momentum in zip(matrices, collected, strict=True):
        tensors[f"{names[id(matrix)]}/momentum_buffer"] = momentum
    for weight, state in optimizers[0][0].state.items():
        tensors.update({f"{names[id(weight)]}/{key}": value for key, value in state.items()})
    tensors["random"] = torch.get_rng_state()
    with upkeep.snapshots.writing(step) as folder:
        save_file(tensors, folder / TENSORS)
        rest = {"step": step, "seconds": seconds, "random": rng.getstate(), **said}
        (folder / REST).write_text(json.dumps(rest), encoding="utf-8")
    upkeep.watch.saved(step)


def _load_state(
    folder: Path, model: Qwen2_5_VLForConditionalGeneration, optimizers: Optimizers, rng: random.Random
) -> tuple[int, dict[str, Any], float]:
    """Take up what `_save_state` has saved.

    The number of processes may be another one than then: what each sees to is found by its name.

    Returns:
        the step, what had been said with it, and the seconds that training had taken.
    """
    tensors = load_file(folder / TENSORS)
    rest = json.loads((folder / REST).read_text(encoding="utf-8"))
    of_optimizers: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    for place_of, tensor in tensors.items():
        name, _, key = place_of.rpartition("/")
        of_optimizers[name][key] = tensor
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(tensors[f"weight/{name}"])
    names = {id(weight): name for name, weight in model.named_parameters()}
    for optimizer, _ in optimizers:
        for group in optimizer.param_groups:
            for weight in group["params"]:
                optimizer.state[weight] = of_optimizers[names[id(weight)]]
    torch.set_rng_state(tensors["random"])
    version, numbers, gauss = rest["random"]
    rng.setstate((version, tuple(numbers), gauss))
    return rest["step"], {name: rest[name] for name in ("log", "losses", "guard")}, rest["seconds"]


def _matrices(model: Qwen2_5_VLForConditionalGeneration) -> list[torch.Tensor]:
    """The matrices between layers, those that Muon is for: not the tables of embeddings."""
    tables = {id(model.get_input_embeddings().weight), id(model.lm_head.weight)}
    return [weight for weight in model.parameters() if weight.ndim == 2 and id(weight) not in tables]


def _optimizers(
    model: Qwen2_5_VLForConditionalGeneration, owned: Sequence[torch.Tensor], settings: Base
) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the matrices that this process sees to, AdamW for what is no matrix; each with its learning rate."""
    matrices = {id(matrix) for matrix in _matrices(model)}
    others = [weight for weight in model.parameters() if id(weight) not in matrices]
    tables, vectors = [w for w in others if w.ndim > 1], [w for w in others if w.ndim < 2]
    adamw = torch.optim.AdamW(
        [{"params": tables, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    visual = {id(weight) for weight in model.model.visual.parameters()}
    rates = {True: settings.vision_learning_rate, False: settings.matrix_learning_rate}
    optimizers: list[tuple[torch.optim.Optimizer, float]] = [(adamw, settings.learning_rate)]
    for seeing, rate in rates.items():
        if some := [matrix for matrix in owned if (id(matrix) in visual) is seeing]:
            optimizers.append((torch.optim.Muon(some, weight_decay=settings.weight_decay), rate))
    return optimizers


def _tree(
    kind: RowKind,
    row: Mapping[str, Any],
    number: int,
    processor: Qwen2_5_VLProcessor,
    patches: Mapping[str, VideoPatches],
    rng: random.Random,
) -> Tree:
    """A row with at most `number` of its branches of one kind."""
    branches = [branch for branch in row["branches"] if branch["kind"] == kind]
    chosen = rng.sample(range(len(branches)), min(number, len(branches)))
    video = None if row["video"] is None else patches[row["video"]]
    if video is not None and kind == "glance":
        video, chosen = one_moment(video, chosen[0]), chosen[:1]
    said = [(branches[at]["prompt"], branches[at]["given"], branches[at]["response"]) for at in chosen]
    return encode_tree(processor, NOTHING if video is None else Media((video,)), "", said)


def _share_out(batches: Sequence[Batch], processes: int) -> list[list[Batch]]:
    """Batches of each process: the largest first, each to the process that has least to do."""

    def size(batch: Batch) -> int:
        return sum(tree.tokens for of_kind in batch.values() for tree in of_kind)

    shares: list[list[Batch]] = [[] for _ in range(processes)]
    loads = [0] * processes
    for batch in sorted(batches, key=size, reverse=True):
        least = loads.index(min(loads))
        shares[least].append(batch)
        loads[least] += size(batch)
    return shares


def _gradient(weight: torch.Tensor) -> torch.Tensor:
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)
    return weight.grad


def _losses(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    trees: Batch,
    bf16: bool,
) -> dict[RowKind, torch.Tensor]:
    """Mean loss of the tokens said in each kind of row, the rows computed together."""
    kinds = [kind for kind, of_kind in trees.items() for _ in of_kind]
    batch = make_shared_prefix_batch(processor, model, [tree for of_kind in trees.values() for tree in of_kind])
    with torch.autocast(model.device.type, torch.bfloat16, enabled=bf16):
        hidden = model.model(**batch.model_inputs(), use_cache=False).last_hidden_state
        logits = model.lm_head(batch.predicting(hidden))
    by_token = cross_entropy(logits.float(), batch.said_tokens(), reduction="none")
    by_tree = by_token.split([sum(said) for said in batch.said])
    return {
        kind: torch.cat([part for part, of in zip(by_tree, kinds, strict=True) if of == kind]).mean() for kind in trees
    }
