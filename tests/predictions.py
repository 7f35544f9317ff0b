"""Predictions as a run stores them, for tests of what is made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from video_r2.reading.responses import parse_response


def prediction(
    at: int, response: str | None, grounding: Mapping[str, str] | None = None, **columns: Any
) -> dict[str, Any]:
    """A row of `records.PREDICTION`: question `at`, of a video of its own, whose right answer is blue, option B."""
    parsed = parse_response(response)
    row = {
        "id": f"q{at}",
        "benchmark": "videomme",
        "config": "default",
        "category": "short",
        "video": f"v{at}.mp4",
        "subtitle": "",
        "question": "What colour is the ball?",
        "options": ["red", "blue", "green"],
        "answer_type": "choice",
        "target": "B",
        "grounding": json.dumps(grounding or {}),
        "evaluation": "sft",
        "seed": 3,
        "prompt": "p",
        "response": response,
        "think": parsed.think,
        "answer": parsed.answer,
        "times": parsed.times,
        "tokens": 9,
        "finished": True,
    }
    return {**row, **columns}
