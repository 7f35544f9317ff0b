"""What a training leaves behind: a Hugging Face folder, a manifest and the curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from video_r2.checksums import write_sums
from video_r2.files import replacing_folder
from video_r2.training.processes import place


def save_checkpoint(
    folder: str | Path,
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    manifest: Mapping[str, Any],
    log: Sequence[Mapping[str, Any]],
    bf16: bool = False,
) -> None:
    """Write weights (safetensors), processor, checksums, manifest.json and log.jsonl; move the folder into place when whole.

    With `bf16` the model is rounded to bfloat16: half the bytes, and what whoever trained it so computed with.

    Of several processes the first one does. Whoever asks for a state that begins with the checkpoint compares it with the
    checksums (`video_r2.state`).
    """
    if place()[0] > 0:
        return
    if bf16:
        model.to(torch.bfloat16)  # type: ignore[arg-type]  # its decorator hides the argument
    with replacing_folder(folder) as temporary:
        model.save_pretrained(temporary)
        processor.save_pretrained(temporary)
        (temporary / "manifest.json").write_text(json.dumps(manifest, indent=2, default=str) + "\n", encoding="utf-8")
        with (temporary / "log.jsonl").open("w", encoding="utf-8") as file:
            for entry in log:
                file.write(json.dumps(entry) + "\n")
        write_sums(temporary)
