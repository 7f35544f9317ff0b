"""What ends a training that has gone wrong, before it costs more: it stops, and says what was seen and what to try."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean, median
from typing import NoReturn

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
        self._without_variance = 0

    def remember(self, figures: Mapping[str, float]) -> None:
        """Take in a step's figures."""
        for name, value in figures.items():
            self._seen[name].append(value)
        if VARIANCE in figures:
            self._without_variance = self._without_variance + 1 if figures[VARIANCE] == 1.0 else 0

    def check(self, step: int, figures: Mapping[str, float]) -> None:
        """Look at a step's figures, and take them in.

        Raises:
            UserError: if training is to stop.
        """
        before = {name: [abs(value) for value in seen] for name, seen in self._seen.items()}
        self.remember(figures)
        for name, value in figures.items():
            if not math.isfinite(value):
                self._stop(step, f"the {name} is {value}", name, "a lower learning rate, or bf16: false")
            if name not in (NORM, VARIANCE, EMPTY) and self._has_exploded(abs(value), before.get(name, [])):
                usual = median(before[name])
                self._stop(
                    step,
                    f"the {name} is {value:.4g}, and was {usual:.4g} (median of {self._settings.window} steps)",
                    name,
                    "a lower learning rate, a lower max_grad_norm or a longer warmup",
                )
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

    def _has_exploded(self, size: float, before: list[float]) -> bool:
        return (
            len(before) == self._settings.window
            and size > self._settings.least_loss
            and size > self._settings.exploding_loss * median(before)
        )

    def _stop(self, step: int, reason: str, name: str, cure: str) -> NoReturn:
        last = ", ".join(f"{value:.4g}" for value in [*self._seen[name]][-SHOWN:])
        kept = self._kept()
        where = f"the last good state is kept in {kept}" if kept else "no state has been saved yet"
        raise UserError(f"training stopped at step {step}: {reason}; last values {last}; {where}", cure=f"try {cure}")
