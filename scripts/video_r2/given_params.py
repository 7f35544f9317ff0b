"""What a run gives its jobs, noted when it begins: each job's own Snakemake reads configuration and code anew, maybe edited.

The run's Snakemake would record the parameters that it began with, and take a result of others for theirs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from video_r2.errors import UserError
from video_r2.files import replacing
from video_r2.state import NO_EFFECT, digest_of, without_effect

# They tell of the disk and of packages, which are as the job finds them, however it was called.
FOUND = frozenset({"raw", "environment"})
NAME = "params.json"  # beside the states of an experiment's jobs: by a job's first output, a digest of each parameter


def note_params(states: str | Path, workflow: Any) -> None:
    """Note, before the first job of a run begins, the parameters of all, and the names of their inputs.

    Raises:
        OSError: if the note cannot be written, as on a full disk.
    """
    jobs = [job for job in workflow.dag.needrun_jobs() if job.output]
    note = Path(states) / NAME
    with replacing(note) as temporary:
        noted = {str(job.output[0]): _digests(job) for job in jobs}
        temporary.write_text(json.dumps(noted, sort_keys=True), encoding="utf-8")


def forget_params(states: str | Path) -> None:
    """The run has ended."""
    (Path(states) / NAME).unlink(missing_ok=True)


def require_given(job: Any) -> None:
    """Stop a job that was not given what its run began with.

    Raises:
        UserError: naming the parameters.
    """
    output = Path(str(job.output[0]))
    note = Path(*output.parts[:2], "state", NAME)  # results/<experiment>
    try:
        given = json.loads(note.read_text(encoding="utf-8"))[str(output)]
    except (OSError, ValueError, LookupError):
        return  # of a job that is run by itself
    now = _digests(job)
    edited = sorted(name for name in {*given, *now} if given.get(name) != now.get(name))
    if edited:
        raise UserError(
            f"the code or the configuration of {job.rule} has been edited since this run began ({', '.join(edited)}), which "
            "would take its result for that of the one before",
            cure="run again when the other jobs have ended",
        )


def _digests(job: Any) -> dict[str, str]:
    left_out = without_effect(job.input)
    given = {**job.params, "input": [path for path in map(str, job.input) if path not in left_out]}
    return {name: digest_of(value) for name, value in given.items() if name not in NO_EFFECT | FOUND}
