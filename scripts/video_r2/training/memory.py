"""How much memory a training needs on each GPU, before it begins: an estimate from shapes, and the refusal of what cannot fit.

What is counted, and how, is told in docs/training.md; nobody has compared it with a measurement yet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_r2.config import Frames, Grpo, Optimizer, Sft
from video_r2.errors import UserError
from video_r2.training.layout import Layout, Share, share_of

TEXT_TOKENS = 1024  # of a prompt, and of a trace
RUNTIME = 2 * 2**30  # bytes: CUDA's context, NCCL's and DeepSpeed's buffers
LIVE_WEIGHTS = 10**9  # of stage 3, whole on a device at once: DeepSpeed's stage3_max_live_parameters
BUCKETS = 2 * 5 * 10**8  # gradients on their way, of stage 2: twice DeepSpeed's reduce_bucket_size
ADAM = 8  # bytes: two figures of float32
SHORT, LONG = 2, 4  # bytes of bfloat16 and float32


@dataclass(frozen=True)
class Shape:
    """A Qwen2.5-VL's measures: of the language model, of a picture's patches, and the weights of the tower (and its merger)."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    vocabulary: int
    is_tied: bool
    patch: int
    merge: int
    temporal_patch: int
    tower: int

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Shape:
        """Of a checkpoint's config.json, in the published form or in the one that transformers writes.

        Raises:
            KeyError: if it does not tell.
        """
        text, vision = told.get("text_config", told), told["vision_config"]
        wide, inner, merged = vision["hidden_size"], vision["intermediate_size"], vision["spatial_merge_size"] ** 2
        channels = vision.get("in_channels", vision.get("in_chans", 3))
        embedding = channels * vision["temporal_patch_size"] * vision["patch_size"] ** 2 * wide
        # Two norms, one matrix for queries, keys and values, one after; three of the feed-forward; all with biases.
        layer = 2 * wide + 4 * (wide + 1) * wide + 3 * wide * inner + 2 * inner + wide
        at_once = merged * wide
        merger = wide + (at_once + 1) * at_once + (at_once + 1) * vision["out_hidden_size"]
        return cls(
            hidden=text["hidden_size"],
            intermediate=text["intermediate_size"],
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            key_value_heads=text["num_key_value_heads"],
            vocabulary=text["vocab_size"],
            is_tied=bool(told.get("tie_word_embeddings", text.get("tie_word_embeddings", False))),
            patch=vision["patch_size"],
            merge=vision["spatial_merge_size"],
            temporal_patch=vision["temporal_patch_size"],
            tower=embedding + vision["depth"] * layer + merger,
        )

    @property
    def keys(self) -> int:
        """Width of a layer's keys, and of its values."""
        return self.hidden // self.heads * self.key_value_heads


def shape_in(folder: str | Path) -> Shape | None:
    """The shape of a checkpoint; None where there is none, or its config.json does not tell."""
    try:
        return Shape.of(json.loads(Path(folder, "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True)
class Size:
    """How many weights a model has: in the vision tower, elsewhere, and those that are trained."""

    tower: int
    language: int
    trained: int


def size_of(shape: Shape, settings: Optimizer) -> Size:
    """Count the weights of a model of this shape; of adapters those that are added."""
    wide, keys, inner = shape.hidden, shape.keys, shape.intermediate
    # Queries, keys and values with biases, what follows them, the feed-forward's three, two norms.
    layer = 2 * wide * wide + 2 * wide * keys + wide + 2 * keys + 3 * wide * inner + 2 * wide
    language = shape.layers * layer + (1 if shape.is_tied else 2) * shape.vocabulary * wide + wide
    if not isinstance(settings, Sft):
        return Size(shape.tower, language, language)
    adapted = 2 * (wide + wide) + 2 * (wide + keys) + 3 * (wide + inner)  # both widths of the seven matrices
    return Size(shape.tower, language, settings.lora.r * shape.layers * adapted)


def estimate(shape: Shape, settings: Sft | Grpo, share: Share, processes: int) -> dict[str, float]:
    """Bytes that a training needs on each GPU, by what they are for."""
    size = size_of(shape, settings)
    sharded, in_shares = settings.sharding != "none", settings.sharding == "zero3"
    number = SHORT if settings.bf16 else LONG  # bytes in which it is computed
    held = number if sharded else LONG  # bytes of a weight that lies there
    adapters = isinstance(settings, Sft)
    weights = size.language + (size.trained if adapters else 0)
    parts: dict[str, float] = {"vision tower": size.tower * held}
    parts["weights"] = held * (weights / processes + min(LIVE_WEIGHTS, weights) if in_shares else weights)
    if not sharded:
        parts["gradients and optimizer"] = size.trained * (LONG + ADAM + (SHORT if settings.bf16 else 0))
    else:
        own = size.trained / processes
        parts["gradients and optimizer"] = own * (number + LONG + LONG + ADAM)
        if not in_shares:
            parts["gradients and optimizer"] += min(BUCKETS, size.trained) * number
    prompt = tokens_of(settings.frames, shape) + TEXT_TOKENS
    if isinstance(settings, Grpo):
        prompt = min(prompt, settings.max_prompt_tokens)
        rollouts = settings.group_size // share.parts * share.at_once
        said = rollouts * settings.max_new_tokens
        tokens = share.at_once * prompt + said
        if settings.kl_weight:
            parts["reference model"] = held * size.language / (processes if in_shares else 1)
        cache = 2 * shape.layers * shape.keys * rollouts * (prompt + settings.max_new_tokens) * number
        parts["generation"] = cache + (held * size.language if in_shares else 0)
        # Attention with a shared prefix keeps its scores, before and after the softmax, and their gradient.
        scores = share.at_once * prompt**2 + said * (prompt + settings.max_new_tokens)
        attention = 3 * number * shape.heads * scores
        logits = said * shape.vocabulary * (number + 4 * LONG)  # in float32: scaled, log-softmax, entropy, gradient
    else:
        tokens = share.at_once * (prompt + TEXT_TOKENS)
        quadratic = settings.attention == "eager"
        attention = 3 * number * shape.heads * tokens**2 // share.at_once * quadratic
        logits = tokens * shape.vocabulary * (number + 3 * LONG)  # in float32: logits, shifted, gradient
    # Of a layer: its norms, projections and residuals, and three times the width between the feed-forward's matrices.
    layer = tokens * (10 * shape.hidden + 4 * shape.intermediate) * number + attention
    if settings.gradient_checkpointing:
        kept = shape.layers * tokens * shape.hidden * number
        parts["activations"] = kept + layer
    else:
        parts["activations"] = shape.layers * layer
    parts["logits"] = logits
    parts["CUDA and communication"] = RUNTIME
    return parts


def tokens_of(frames: Frames, shape: Shape) -> int:
    """Tokens of the longest video."""
    return -(-frames.max_frames // shape.temporal_patch) * (frames.max_pixels // (shape.patch * shape.merge) ** 2)


def at_its_peak(parts: dict[str, float]) -> float:
    """Bytes that are needed at once: a step generates first, and learns when that memory is free again."""
    generating = parts.get("generation", 0.0)
    learning = parts["activations"] + parts["logits"]
    return sum(parts.values()) - min(generating, learning)


def needed_by(shape: Shape, settings: Sft | Grpo, layout: Layout) -> dict[str, float]:
    """The estimate for each GPU of a layout.

    Raises:
        UserError: if the layout cannot share a step out.
    """
    batch = getattr(settings, settings.step_batch)
    rollouts = settings.group_size if isinstance(settings, Grpo) else 1
    share = share_of(batch, settings.per_device_batch, layout.processes, rollouts)
    return estimate(shape, settings, share, layout.processes)


def require_memory(parts: dict[str, float], layout: Layout, there: float) -> str:
    """The estimate for each GPU, which has `there` bytes, in words.

    Raises:
        UserError: if it cannot fit.
    """
    needed = at_its_peak(parts)
    told = ", ".join(f"{name} {part / 2**30:.1f}" for name, part in parts.items())
    if needed > there:
        raise UserError(
            f"the training would need about {needed / 2**30:.1f} GiB on each of {layout}, which have {there / 2**30:.1f} "
            f"({told})",
            cure="use sharding: zero3, gradient_checkpointing: true, bf16: true, more GPUs, per_device_batch: 1, or fewer "
            "frames and tokens",
        )
    return f"memory of each GPU, estimated: {needed / 2**30:.1f} of {there / 2**30:.1f} GiB ({told})"
