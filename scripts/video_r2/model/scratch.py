"""A small Qwen2.5-VL from nothing: tokenizer, processor and weights of the real classes, at a size that a laptop trains."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLAttention

from video_r2.config import Frames, ModelShape

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL_TOKENS = [
    END_OF_TEXT,
    TURN_START,
    TURN_END,
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
# Parts of the names of weights that begin larger or smaller than the others, and by what factor.
SHARES = {"embed_tokens": 5.0, "patch_embed|lm_head": 0.5, r"language_model.*(o_proj|down_proj)": 0.3}
PATCH, MERGE, TEMPORAL_PATCH = 14, 2, 2
LOOK_BACK = 3  # heads of the first layer that begin by looking back, one token further each
NEAR = 0.375  # share of the rotary frequencies, the highest, that tell a token from itself

# Turns as Qwen2.5-VL writes them: a default system turn, and a vision block for every image or video.
CHAT_TEMPLATE = """\
{%- if messages[0].role != 'system' -%}
{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif -%}
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'video' -%}
{{ '<|vision_start|><|video_pad|><|vision_end|>' }}
{%- elif part.type == 'image' -%}
{{ '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- else -%}
{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""


def make_tokenizer(corpus: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer with Qwen's special tokens.

    A time, a number of at most two digits and an option's letter with its mark ("B." or " (B)") are one token each, so
    that a letter stands right beside its option and a small model can learn to look it up.
    """
    tokenizer = Tokenizer(models.BPE())
    pieces = r" ?\d\d:\d\d| ?\([A-Z]\)|[A-Z]\.(?!\w)|<[^<>\s]+>| ?\p{L}+| ?\d{1,2}| ?[^\s\p{L}\d<]+|<|\s+(?!\S)|\s+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pieces), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=END_OF_TEXT,
        eos_token=TURN_END,
        additional_special_tokens=[token for token in SPECIAL_TOKENS if token not in (END_OF_TEXT, TURN_END)],
        model_max_length=32_768,
    )


def make_processor(tokenizer: PreTrainedTokenizerFast, frames: Frames) -> Qwen2_5_VLProcessor:
    """Put a tokenizer together with Qwen2-VL's image and video processors, sized as `frames` says."""
    size = {"shortest_edge": frames.min_pixels, "longest_edge": frames.max_pixels}
    patches: dict[str, Any] = {"patch_size": PATCH, "merge_size": MERGE, "temporal_patch_size": TEMPORAL_PATCH}
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=size, **patches),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(size=size, **patches),
        chat_template=CHAT_TEMPLATE,
    )


def make_model(shape: ModelShape, tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen2_5_VLForConditionalGeneration:
    """Draw the weights of a Qwen2.5-VL of `shape` from `seed`."""
    torch.manual_seed(seed)
    half = shape.text_width // shape.text_heads // 2
    sections = [half - 2 * (3 * half // 8), 3 * half // 8, 3 * half // 8]  # Qwen2.5-VL's 16, 24, 24 of 64
    ids = {token: cast(int, tokenizer.convert_tokens_to_ids(token)) for token in SPECIAL_TOKENS}
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": shape.text_width,
            "intermediate_size": shape.text_feedforward,
            "num_hidden_layers": shape.text_layers,
            "num_attention_heads": shape.text_heads,
            "num_key_value_heads": shape.text_kv_heads,
            "max_position_embeddings": 32_768,
            "rope_parameters": {"rope_type": "default", "mrope_section": sections, "rope_theta": 10_000.0},
            "tie_word_embeddings": False,
            "bos_token_id": None,
            "eos_token_id": ids[TURN_END],
            "pad_token_id": ids[END_OF_TEXT],
        },
        vision_config={
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_width,
            "intermediate_size": shape.vision_feedforward,
            "num_heads": shape.vision_heads,
            "out_hidden_size": shape.text_width,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": TEMPORAL_PATCH,
            "tokens_per_second": 2,
            # Without it every layer of so shallow a tower would see single windows only.
            "fullatt_block_indexes": list(range(shape.vision_layers)),
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
    )
    model = Qwen2_5_VLForConditionalGeneration(config)
    initialise(model, shape.initial_scale)
    model.generation_config.eos_token_id = ids[TURN_END]
    model.generation_config.pad_token_id = ids[END_OF_TEXT]
    return model


@torch.no_grad()
def initialise(model: Qwen2_5_VLForConditionalGeneration, scale: float) -> None:
    """Draw weights from which so small a model learns to see and to look things up sooner than from the usual small ones.

    Matrices have standard deviation `scale`, embeddings of tokens five times it, the projections back into the language
    model's residual stream a third: what a token is stands out from what the layers first write about it. The first
    layer begins with heads that look one, two and three tokens back; in the layers behind it keys begin as queries do, so that
    a token attends to its like (Trockman and Kolter 2023, Mimetic Initialization of Self-Attention Layers), with the
    sign turned at the highest rotary frequencies, so that it attends to its like elsewhere and not to itself.
    """
    for name, weight in model.named_parameters():
        if weight.ndim >= 2:
            share = next((share for part, share in SHARES.items() if re.search(part, name)), 1.0)
            weight.normal_(std=share * scale)
    first, *others = model.model.language_model.layers
    heads = first.self_attn.config.num_attention_heads
    groups = first.self_attn.num_key_value_groups
    frequencies = model.model.language_model.rotary_emb.inv_freq
    for head in range(min(LOOK_BACK, heads - 1)):
        _look_back(first.self_attn, head, head // groups, head + 1, frequencies)
    for layer in others:
        attention = layer.self_attn
        size = attention.head_dim
        queries = attention.q_proj.weight.view(-1, groups, size, attention.q_proj.in_features)
        keys = queries[:, 0].unflatten(1, (2, size // 2)).clone()
        keys[:, :, : round(NEAR * size / 2)] *= -1
        attention.k_proj.weight.copy_(keys.reshape_as(attention.k_proj.weight))


def _look_back(
    attention: Qwen2_5_VLAttention,
    head: int,
    key_head: int,
    distance: int,
    frequencies: torch.Tensor,
    strength: float = 6.0,
) -> None:
    """Set a head's query and key biases so that its score is highest for the token `distance` before."""
    half = len(frequencies)
    fast = (torch.arange(half) < half // 2).float() * strength
    angles = frequencies * distance
    start = head * 2 * half
    attention.q_proj.bias[start : start + 2 * half] = torch.cat([fast * angles.cos(), -fast * angles.sin()])
    start = key_head * 2 * half
    attention.k_proj.bias[start : start + 2 * half] = torch.cat([fast, torch.zeros(half)])
