"""Tiny random checkpoints of the compared models' families, in the form of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from tiny import TEXTS
from transformers import (
    GotOcr2ImageProcessor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    PerceptionLMConfig,
    PerceptionLMForConditionalGeneration,
    PerceptionLMImageProcessor,
    PerceptionLMProcessor,
    PerceptionLMVideoProcessor,
    PreTrainedTokenizerFast,
)

from video_r2.model.scratch import END_OF_TEXT, TURN_END, make_tokenizer

SIDE, PATCH = 28, 14
TEXT = {
    "model_type": "qwen2",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 4096,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": PATCH,
}
TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{%- if message.content is string %}
{{ message.content }}
{%- else -%}
{%- for part in message.content %}
{% if part.type == 'video' %}VIDEO{% elif part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}
{%- endfor -%}
{%- endif -%}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}
"""


def template(image: str, video: str) -> str:
    return TEMPLATE.replace("VIDEO", video).replace("IMAGE", image)


def tokenizer_with(named: dict[str, str]) -> PreTrainedTokenizerFast:
    """A tokenizer that knows a family's own special tokens by their names."""
    tokenizer = make_tokenizer(TEXTS * 4, 400)
    tokenizer.add_special_tokens({"additional_special_tokens": list(named.values())})
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer,
        pad_token=END_OF_TEXT,
        eos_token=TURN_END,
        extra_special_tokens=named,
        model_max_length=4096,
    )


def text_config(tokenizer: PreTrainedTokenizerFast, **changed: object) -> dict[str, object]:
    return {
        **TEXT,
        "vocab_size": len(tokenizer),
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **changed,
    }


def save_llava_onevision(folder: Path) -> None:
    tokenizer = tokenizer_with({"image_token": "<image>", "video_token": "<video>"})
    config = LlavaOnevisionConfig(
        text_config=text_config(tokenizer),
        vision_config={**VISION, "model_type": "siglip_vision_model", "vision_use_head": False},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=[[SIDE, SIDE]],
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    size = {"height": SIDE, "width": SIDE}
    processor = LlavaOnevisionProcessor(
        image_processor=LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=[[SIDE, SIDE]]),
        video_processor=LlavaOnevisionVideoProcessor(size=size),
        tokenizer=tokenizer,
        num_image_tokens=(SIDE // PATCH) ** 2,
        vision_feature_select_strategy="full",
        chat_template=template("<image>", "<video>"),
    )
    _save(LlavaOnevisionForConditionalGeneration, config, processor, folder)


def save_internvl(folder: Path) -> None:
    tokenizer = tokenizer_with(
        {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        }
    )
    config = InternVLConfig(
        text_config=text_config(tokenizer),
        vision_config={**VISION, "image_size": [SIDE, SIDE], "patch_size": [PATCH, PATCH]},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=1,
        tie_word_embeddings=False,
    )
    size = {"height": SIDE, "width": SIDE}
    processor = InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(size=size),
        video_processor=InternVLVideoProcessor(size=size),
        tokenizer=tokenizer,
        image_seq_length=1,
        chat_template=template("<IMG_CONTEXT>", "<video>"),
    )
    _save(InternVLForConditionalGeneration, config, processor, folder)


def save_perception_lm(folder: Path) -> None:
    tokenizer = tokenizer_with({"image_token": "<|image|>", "video_token": "<|video|>"})
    config = PerceptionLMConfig(
        text_config=text_config(tokenizer, model_type="llama", tie_word_embeddings=False),
        vision_config={
            "model_type": "timm_wrapper",
            "architecture": "vit_pe_core_large_patch14_336",
            "do_pooling": False,
            "num_classes": 0,
            "global_pool": "",
            "initializer_range": 0.02,
            "model_args": {
                "embed_dim": 32,
                "depth": 2,
                "num_heads": 2,
                "mlp_ratio": 1.5,
                "img_size": [SIDE, SIDE],
                "patch_size": [PATCH, PATCH],
                "ref_feat_shape": [SIDE // PATCH, SIDE // PATCH],
                "global_pool": "",
                "use_post_transformer_norm": False,
                "init_values": 0.1,
            },
        },
        vision_use_cls_token=True,
        projector_pooling_ratio=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<|image|>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<|video|>"),
    )
    size = {"height": SIDE, "width": SIDE}
    processor = PerceptionLMProcessor(
        image_processor=PerceptionLMImageProcessor(tile_size=SIDE, max_num_tiles=1),
        video_processor=PerceptionLMVideoProcessor(size=size),
        tokenizer=tokenizer,
        patch_size=PATCH,
        pooling_ratio=2,
        chat_template=template("<|image|>", "<|video|>"),
    )
    _save(PerceptionLMForConditionalGeneration, config, processor, folder)


def _save(kind: Callable[..., torch.nn.Module], config: object, processor: object, folder: Path) -> None:
    torch.manual_seed(0)
    model = kind(config)
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and "layers" in name:
            torch.nn.init.normal_(weight, std=1.5 / weight.shape[1] ** 0.5)  # large enough for the answers to differ
    model.to(torch.bfloat16).save_pretrained(folder)
    processor.save_pretrained(folder)


SAVE = {"llava_onevision": save_llava_onevision, "internvl": save_internvl, "perception_lm": save_perception_lm}
