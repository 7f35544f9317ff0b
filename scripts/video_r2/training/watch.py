"""When a training is saved, and when it leaves before its end: asked to by a signal, or near the job's time limit."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any

from video_r2.config import Resumption

ASKING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)  # as schedulers, and terminals, ask a job to leave


def time_limit(resources: Any, began: float, environment: Mapping[str, str] = os.environ) -> float | None:
    """When the scheduler will end this job, in seconds since the epoch; None if none does.

    Snakemake takes SLURM_JOB_END_TIME away from its job steps, which leaves the rule's runtime (minutes).

    Args:
        resources: the job's, as Snakemake gives them.
        began: when the job began, in seconds since the epoch.
    """
    if end := environment.get("SLURM_JOB_END_TIME"):
        return float(end)
    runtime = getattr(resources, "runtime", None)
    if "SLURM_JOB_ID" in environment and isinstance(runtime, int | float):
        return began + 60 * runtime
    return None


class Watch:
    """Says when to save and when to leave. As a context manager it takes the signals that ask to leave.

    The first signal is kept until the step is done and saved; the second ends the process at once, if it is not `patient`:
    one of several processes may hear of the same from the scheduler and from who started it, who ends it if need be.

    Args:
        settings: how often to save, and how long before the limit to leave.
        limit: when the scheduler ends the job, in seconds since the epoch; None for never.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        settings: Resumption,
        limit: float | None = None,
        clock: Callable[[], float] = time.time,
        patient: bool = False,
    ) -> None:
        self._settings, self._limit, self._clock, self._patient = settings, limit, clock, patient
        self._signal: int | None = None
        self._before: dict[int, Any] = {}
        self._saved_at, self._saved_step = clock(), 0

    def __enter__(self) -> Watch:
        self._before = {number: signal.signal(number, self._asked) for number in ASKING}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None and not self._patient:
            raise SystemExit(128 + number)
        self._signal = number

    @property
    def why(self) -> str | None:
        """Who asks the training to leave; None if nobody does."""
        if self._signal is not None:
            return f"asked to by {signal.Signals(self._signal).name}"
        if self._limit is not None and self._clock() > self._limit - 60 * self._settings.before_limit:
            return "the job's time limit is near"
        return None

    def due(self, step: int) -> bool:
        """Whether it is time to save the state after this step."""
        late = self._clock() - self._saved_at >= 60 * self._settings.minutes
        return late or (self._settings.steps is not None and step - self._saved_step >= self._settings.steps)

    def saved(self, step: int) -> None:
        """The state after this step is saved, or is the one that training begins with."""
        self._saved_at, self._saved_step = self._clock(), step
