"""What jobs have kept to go on from stays when they have ended well, until Snakemake has noted that they are done.

It deletes what a job has made where it did not come to that: it was killed itself, or the job's process was, at its very end.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from video_r2.files import replacing

ENDED = "ended.json"  # in the folder of a job's state: what it has made


def note_end(state: Path, outputs: Iterable[str | Path]) -> None:
    """Note that a job has ended well.

    Args:
        state: folder of what it has kept.
        outputs: what it has made.
    """
    with replacing(state / ENDED) as temporary:
        temporary.write_text(json.dumps([str(output) for output in outputs]), encoding="utf-8")


def _noted(note: Path) -> list[str]:
    """What a job has made; nothing where the note is damaged, so that what the job has kept stays."""
    try:
        outputs = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        outputs = None
    is_whole = isinstance(outputs, list) and all(isinstance(output, str) for output in outputs)
    return outputs if is_whole else []


def forget_ended(states: str | Path, workflow: Any) -> None:
    """Remove what jobs have kept that have ended well, if Snakemake, too, has noted that they are done.

    Args:
        states: folder of the states of all jobs.
        workflow: Snakemake's, whose jobs are looked at; what others have kept stays.
    """
    found = {note: _noted(note) for note in Path(states).glob(f"*/*/{ENDED}")}
    notes = {note: outputs for note, outputs in found.items() if outputs}
    makers = {str(output): job for job in workflow.dag.jobs for output in job.output} if notes else {}
    for note, outputs in notes.items():
        if all(output in makers and Path(output).exists() for output in outputs):
            jobs = {makers[output] for output in outputs}
            if not any(workflow.async_run(workflow.persistence.incomplete(job)) for job in jobs):
                shutil.rmtree(note.parent)
