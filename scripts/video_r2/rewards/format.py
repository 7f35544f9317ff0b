"""The format reward: a completion is a think block followed by an answer block."""

from __future__ import annotations

import re

from video_r2.config import Semantics

_BETWEEN = re.compile(r"</think>\s*<answer>")
_TAGS = re.compile(r"</?(?:think|answer)>")
_OPEN, _CLOSE = "<think>", "</answer>"


def format_reward(completion: str, semantics: Semantics = "corrected") -> float:
    """Reward 1 for a well-formed completion, else 0.

    Released (training, `format_reward`): the whole completion begins with an opening think tag and ends with a
    closing answer tag, with "think ends, answer begins" somewhere between; so a trailing new line gives 0, and
    repeated tags and empty blocks give 1. Corrected: exactly one think block, then one answer block, neither empty,
    white space around them allowed.
    """
    if semantics == "reference":
        inside = _BETWEEN.search(completion, len(_OPEN), max(len(completion) - len(_CLOSE), 0))
        return float(completion.startswith(_OPEN) and completion.endswith(_CLOSE) and inside is not None)
    text = completion.strip()
    tags = [(tag[0], tag.start(), tag.end()) for tag in _TAGS.finditer(text)]
    if [name for name, _, _ in tags] != ["<think>", "</think>", "<answer>", "</answer>"]:
        return 0.0
    (_, begin, think), (_, unthink, gap), (_, answer, inner), (_, unanswer, end) = tags
    whole = begin == 0 and end == len(text) and not text[gap:answer].strip()
    return float(whole and bool(text[think:unthink].strip()) and bool(text[inner:unanswer].strip()))
