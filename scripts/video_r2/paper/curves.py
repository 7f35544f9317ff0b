"""Training logs turned into the points of the curves."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from video_r2.checksums import require_whole
from video_r2.errors import UserError

# Logged quantities by name, with the headings of their panels.
QUANTITIES = {
    "reward/total": "Reward",
    "reward/accuracy": "Accuracy reward",
    "reward/format": "Format reward",
    "reward/f1": "Temporal alignment (F1)",
    "reward/recall": "Temporal alignment (recall)",
    "reward/consistency": "Consistency",
    "kl": "KL divergence",
    "length": "Completion length (tokens)",
    "entropy": "Entropy (nats)",
}
LOGARITHMIC = frozenset({"kl"})
POINTS = ["label", "seed", "step", "quantity", "value"]


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """Read a training log: one JSON object a line, each with `step` and the quantities logged at it.

    Raises:
        UserError: if the file is missing or damaged, or a line is not such an object.
    """
    try:
        require_whole(Path(path))
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UserError("there is no such file", file=path) from error
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 text (byte {error.start})", file=path) from error
    entries = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"is not JSON: {error.msg}", file=path, record=f"line {number}") from error
        if not isinstance(entry, dict) or "step" not in entry:
            raise UserError("is not an object with the key 'step'", file=path, record=f"line {number}")
        entries.append(entry)
    return entries


def curve_points(entries: Sequence[dict[str, Any]], label: str, seed: int, quantities: Sequence[str]) -> pd.DataFrame:
    """The logged values of some quantities, as a frame with the columns of `POINTS`.

    Where a step was logged twice, because training was taken up again, the later value counts.
    """
    found: dict[tuple[str, int], float] = {}
    for entry in entries:
        for quantity in quantities:
            value = entry.get(quantity)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
                found[quantity, int(entry["step"])] = float(value)
    rows = [[label, seed, step, quantity, value] for (quantity, step), value in sorted(found.items())]
    return pd.DataFrame(rows, columns=POINTS)
