"""What a run was to make again and has not made: Snakemake forgets it where files that were made from the old one are there.

It deletes the outputs of a job that fails, and notes the inputs and parameters that it failed with. So the next run finds no
change, and, since nothing that it is asked for needs what is missing, nothing to do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from video_r2.files import replacing, synchronise

NAME = "unfinished.json"  # beside the states of an experiment's jobs: outputs that are to be made
RECORDS = Path(".snakemake", "metadata")  # Snakemake's, a file of JSON for each output, called after it
CONTINUED = "@"  # begins the names of the folders that a long name is cut into


def note_planned(states: str | Path, workflow: Any) -> None:
    """Note, before the first job of a run begins, what the run is to make: it may end at any moment.

    Raises:
        OSError: if the note cannot be written, as on a full disk.
    """
    _write(states, unfinished(states) | _outputs(workflow.dag.needrun_jobs()))


def note_unfinished(states: str | Path, workflow: Any) -> None:
    """Note what a run that ends has not made; what was noted before and is there now is forgotten."""
    dag = workflow.dag
    left = _outputs(job for job in dag.needrun_jobs() if not dag.finished(job)) | unfinished(states)
    try:
        _write(states, {output for output in left if not Path(output).exists()})
    except OSError as error:
        # What was noted at the beginning holds it, too.
        print(f"warning: what this run has not made cannot be noted: {error}", file=sys.stderr)


def force_unfinished(states: str | Path, workflow: Any) -> None:
    """Have Snakemake make what is noted, or recorded by half, as far as its targets come from it, and what is made from it."""
    noted, build = unfinished(states) | half_recorded(), workflow._build_dag

    def build_with_noted() -> None:
        workflow.dag.forcefiles.update(noted)
        build()

    if noted:
        workflow._build_dag = build_with_noted  # what a user forces is no setting yet when this is called


def unfinished(states: str | Path) -> set[str]:
    """The outputs that are to be made whatever Snakemake finds."""
    note = Path(states) / NAME
    if not note.exists():
        return set()
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
        outputs = noted["outputs"]
        is_whole = noted["sha256"] == _checksum(outputs)
    except (OSError, ValueError, LookupError, TypeError):
        is_whole = False
    if not is_whole:
        outputs = _recorded(Path(states).parent)
        warnings.warn(
            f"{note}: what runs have left unfinished is damaged: all that was made once, and is not there, is made again",
            stacklevel=2,
        )
    return {output for output in outputs if not Path(output).exists()}


def _recorded(results: Path) -> set[str]:
    """The outputs of an experiment that Snakemake has a record of."""
    return {output for record in _records() if (output := _output_of(record)).startswith(f"{results}/")}


def _checksum(outputs: list[str]) -> str:
    return hashlib.sha256(json.dumps(outputs).encode()).hexdigest()


def half_recorded() -> set[str]:
    """The outputs of which Snakemake's record is cut off or damaged: it would see no change of what they are made with."""
    return {_output_of(record) for record in _records() if not _is_whole(record)} - {""}


def _records() -> Iterator[Path]:
    return (path for path in RECORDS.rglob("*") if path.is_file())


def _output_of(record: Path) -> str:
    """The output that a record of Snakemake's is about; nothing where its name is none of Snakemake's."""
    name = "".join(part.removeprefix(CONTINUED) for part in record.relative_to(RECORDS).parts)
    try:
        return base64.urlsafe_b64decode(name).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is_whole(record: Path) -> bool:
    try:
        return isinstance(json.loads(record.read_bytes()), dict)
    except (OSError, ValueError):
        return False


def _outputs(jobs: Any) -> set[str]:
    return {str(output) for job in jobs for output in job.output}


def _write(states: str | Path, outputs: set[str]) -> None:
    note = Path(states) / NAME
    if not outputs:
        note.unlink(missing_ok=True)
        return
    note.parent.mkdir(parents=True, exist_ok=True)
    named = sorted(outputs)
    with replacing(note) as temporary:
        temporary.write_text(json.dumps({"sha256": _checksum(named), "outputs": named}, indent=1), encoding="utf-8")
        synchronise(temporary)  # else it may be empty after a power failure, which it is for
    synchronise(note.parent)
