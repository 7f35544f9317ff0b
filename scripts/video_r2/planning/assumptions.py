"""What the model of costs takes for granted: the types of assumptions.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import Field

from video_r2.config import Fraction, Name, Positive
from video_r2.files import read_yaml
from video_r2.sections import Section, checked

FILE = Path(__file__).with_name("assumptions.yaml")


class Gpu(Section):
    """A kind of GPU."""

    tflops: Positive = Field(description="Dense bfloat16 TFLOP/s.")
    bandwidth: Positive = Field(description="GB/s of its memory.")
    memory: Positive = Field(description="GiB, of the largest of this name.")


class Reached(Section):
    """What is reached of a GPU's figures."""

    training: Fraction
    reading: Fraction
    writing: Fraction


class Weights(Section):
    """The model that is trained and asked, and the weights of the judge's."""

    language_weights: Positive
    vision_weights: Positive
    judge_weights: Positive
    bytes_per_weight: Positive
    lora_weights_per_rank: Positive
    pixels_per_token: Positive
    frames_per_token: Positive
    patches_per_token: Positive


class Tokens(Section):
    """Lengths of texts, in tokens."""

    text: Positive
    thought: Positive
    longest: Positive = Field(description="A group's longest response, as a multiple of the mean.")
    direct: Positive


class TrainingSet(Section):
    """A training set; `seconds` are the mean of its videos."""

    rows: Positive
    videos: Positive
    seconds: Positive


class Questions(Section):
    """A benchmark; `seconds` are the mean of its videos."""

    questions: Positive
    videos: Positive
    seconds: Positive


class Machine(Section):
    """What is beside computing; seconds, MB/s, MB per second of video, and the like."""

    start: Positive
    handling: Positive
    step: Positive
    judge_start: Positive
    judging: Positive
    other_job: Positive
    download: Positive
    video: Positive
    decoding: Positive
    frame_bytes_per_pixel: Positive


class Assumptions(Section):
    """All of it."""

    gpus: dict[Name, Gpu]
    usual_gpu: Name
    reached: Reached
    model: Weights
    shapes: dict[str, dict[str, Any]] = Field(
        description="By hub id, of a config.json what `training.memory.Shape` reads."
    )
    tokens: Tokens
    training_sets: dict[Name, TrainingSet]
    benchmarks: dict[Name, Questions]
    machine: Machine

    def known_gpu(self, site_type: str | None) -> str | None:
        """The kind of GPU that a site's own name for it contains; None where it contains none of these."""
        return next((name for name in self.gpus if name in (site_type or "").lower()), None)

    def gpu_memory(self, site_type: str | None) -> float | None:
        """The most GiB that a GPU of a site's own name for it has; the name may say less: "a100_40gb", "a100_3g.20gb"."""
        known, said = self.known_gpu(site_type), re.search(r"(?<!\d)(\d{1,3})gb(?![a-z0-9])", (site_type or "").lower())
        most = self.gpus[known].memory if known else None
        return min(most, float(said[1])) if most and said else most

    def gpu(self, site_type: str | None) -> str:
        """The same, or the usual one."""
        return self.known_gpu(site_type) or self.usual_gpu


def read_assumptions() -> Assumptions:
    """Those of this repository.

    Raises:
        UserError: naming every wrong key.
    """
    return checked(Assumptions, read_yaml(FILE), str(FILE), cure="see what is written above each figure")
