"""What a run was to make again and has not made: Snakemake forgets it where files that were made from the old one are there.

It deletes the outputs of a job that fails, and notes the inputs and parameters that it failed with. So the next run finds no
change, and, since nothing that it is asked for needs what is missing, nothing to do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from video_r2.files import replacing

NAME = "unfinished.json"  # beside the states of an experiment's jobs: outputs that are missing


def note_unfinished(states: str | Path, workflow: Any) -> None:
    """Note what a run that ends has not made; what was noted before and is there now is forgotten."""
    note = Path(states) / NAME
    dag = workflow.dag
    left = {str(output) for job in dag.needrun_jobs() if not dag.finished(job) for output in job.output}
    missing = sorted(output for output in left | unfinished(states) if not Path(output).exists())
    if missing:
        with replacing(note) as temporary:
            temporary.write_text(json.dumps(missing, indent=1), encoding="utf-8")
    else:
        note.unlink(missing_ok=True)


def force_unfinished(states: str | Path, workflow: Any) -> None:
    """Have Snakemake make what is noted, as far as its targets come from it, and so what is made from it."""
    noted, build = unfinished(states), workflow._build_dag

    def build_with_noted() -> None:
        workflow.dag.forcefiles.update(noted)
        build()

    if noted:
        workflow._build_dag = build_with_noted  # what a user forces is no setting yet when this is called


def unfinished(states: str | Path) -> set[str]:
    """The outputs that are to be made whatever Snakemake finds."""
    try:
        noted = json.loads((Path(states) / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return {output for output in noted if isinstance(output, str) and not Path(output).exists()}
