"""How long a job has been at work: what goes on from where it was broken off has taken the time of its attempts before, too."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from video_r2.ended import note_end
from video_r2.files import replacing
from video_r2.state import NO_EFFECT, state_name

PULSE = 30.0  # seconds between notes: so much of an attempt that is killed may be missing
NOTE = "seconds.json"


class Attempts:
    """Measures a job's time, and keeps it for the next attempt where the job keeps what it has: by its parameter `state` or
    `upkeep`.

    Nothing that is wrong with what is kept ends the job.

    Attributes:
        before: seconds of the attempts before this one, of the same code and settings.
    """

    def __init__(self, job: Any) -> None:
        self._began = time.perf_counter()
        self._folder = _folder(job)
        self._ended = Event()
        self.before = 0.0
        if self._folder is not None:
            self.before = _kept(self._folder / NOTE)
            Thread(target=self._beat, daemon=True).start()

    @property
    def seconds(self) -> float:
        """Seconds of all attempts until now."""
        return self.before + time.perf_counter() - self._began

    def leave(self) -> None:
        """Keep the time: this attempt ends, whether it has come to its end or not."""
        if not self._ended.is_set():
            self._ended.set()
            self._keep()

    def end(self, job: Any) -> None:
        """The job has ended well, so that its time is kept only until Snakemake has noted it."""
        self.leave()
        if self._folder is not None:
            with suppress(OSError):
                note_end(self._folder, job.output)

    def _beat(self) -> None:
        while not self._ended.wait(PULSE):
            self._keep()

    def _keep(self) -> None:
        if self._folder is not None:
            with suppress(OSError), replacing(self._folder / NOTE) as temporary:
                temporary.write_text(json.dumps(round(self.seconds, 2)), encoding="utf-8")


def _folder(job: Any) -> Path | None:
    states = getattr(job.params, "state", None) or getattr(job.params, "upkeep", {}).get("folder")
    if states is None:
        return None
    params = {name: value for name, value in job.params.items() if name not in NO_EFFECT}
    return Path(states, "attempts", state_name({**params, "rule": job.rule, "output": list(map(str, job.output))}, []))


def _kept(note: Path) -> float:
    try:
        return float(json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return 0.0
