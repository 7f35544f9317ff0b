"""What ends a training that has gone wrong, before it costs more: it stops, and says what was seen and what to try."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean, median
from typing import Any, NoReturn

from video_r2.config import Guards
from video_r2.errors import UserError

SHOWN = 5  # last values that an error shows
NORM, VARIANCE, EMPTY = "gradient norm", "groups without variance", "empty completions"


class Guard:
    """Looks at every step's figures: losses by name, and what else is known of `NORM`, `VARIANCE` and `EMPTY`.

    The gradient norm is taken before it was scaled down; the others are the share of a step's groups whose rewards do not
    vary, and the share of its completions without text.

    Args:
        settings: from when on a figure is too bad.
        kept: gives the folder of the last saved state; None if there is none.
    """

    def __init__(self, settings: Guards, kept: Callable[[], Path | None]) -> None:
        self._settings, self._kept = settings, kept
        self._seen: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=settings.window))
        self._lowest: dict[str, float] = defaultdict(lambda: math.inf)  # median of the steps of a window
        self._without_variance = 0

    def remember(self, figures: Mapping[str, float]) -> None:
        """Take in a step's figures."""
        for name, value in figures.items():
            self._seen[name].append(value)
            if (usual := self._usual(name)) is not None:
                self._lowest[name] = min(self._lowest[name], usual)
        if VARIANCE in figures:
            self._without_variance = self._without_variance + 1 if figures[VARIANCE] == 1.0 else 0

    @property
    def memory(self) -> dict[str, Any]:
        """What it knows of the steps so far, as JSON has it."""
        return {
            "seen": {name: list(values) for name, values in self._seen.items()},
            "lowest": dict(self._lowest),
            "without_variance": self._without_variance,
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Take up the `memory` of another guard, of the same training before it was interrupted."""
        for name, values in memory["seen"].items():
            self._seen[name].extend(values)
        self._lowest.update(memory["lowest"])
        self._without_variance = memory["without_variance"]

    def check(self, step: int, figures: Mapping[str, float]) -> None:
        """Look at a step's figures, and take them in.

        Raises:
            UserError: if training is to stop.
        """
        before = {name: self._usual(name) for name in figures}
        self.remember(figures)
        for name, value in figures.items():
            if not math.isfinite(value):
                self._stop(step, f"the {name} is {value}", name, "a lower learning rate, or bf16: false")
            if name not in (VARIANCE, EMPTY):
                self._compare(step, name, value, before[name])
        if self._without_variance >= self._settings.steps_without_variance:
            self._stop(
                step,
                f"the rewards of no group have varied for {self._without_variance} steps: there is nothing to learn from",
                VARIANCE,
                "a higher temperature, a larger group_size, or a start that is right sometimes",
            )
        shares = self._seen[EMPTY]
        if len(shares) == self._settings.window and fmean(shares) > self._settings.empty_completions:
            self._stop(
                step,
                f"{fmean(shares):.0%} of the completions of {len(shares)} steps have no text",
                EMPTY,
                "a lower learning rate, a higher kl_weight, or another start",
            )

    def _compare(self, step: int, name: str, value: float, before: float | None) -> None:
        """Stop at a loss that has leapt, and at a loss or a gradient that has grown and stays large, however slowly it grew."""
        settings = self._settings
        steps = f"(median of {settings.window} steps)"
        cure = "a lower learning rate, a lower max_grad_norm or a longer warmup"
        leap = settings.exploding_loss * before if name != NORM and before is not None else math.inf
        if abs(value) > max(leap, settings.least_loss):
            self._stop(step, f"the {name} is {value:.4g}, and was {before:.4g} {steps}", name, cure)
        usual, lowest = self._usual(name), self._lowest[name]
        times, least = (
            (settings.diverging_norm, settings.least_norm)
            if name == NORM
            else (settings.diverging_loss, settings.least_loss)
        )
        if usual is not None and usual > max(times * lowest, least):
            self._stop(step, f"the {name} has grown to {usual:.4g} from {lowest:.4g} at its lowest {steps}", name, cure)

    def _usual(self, name: str) -> float | None:
        """Median size of a figure over the last steps; None if there are too few, or one is no number."""
        sizes = [abs(value) for value in self._seen[name]]
        return median(sizes) if len(sizes) == self._settings.window and all(map(math.isfinite, sizes)) else None

    def _stop(self, step: int, reason: str, name: str, cure: str) -> NoReturn:
        last = ", ".join(f"{value:.4g}" for value in [*self._seen[name]][-SHOWN:])
        kept = self._kept()
        where = f"the last good state is kept in {kept}" if kept else "no state has been saved yet"
        raise UserError(
            f"training stopped at step {step}: {reason}; last values {last}; {where}",
            cure=f"try {cure}; with another setting training begins anew, and that state serves to look into it",
        )
