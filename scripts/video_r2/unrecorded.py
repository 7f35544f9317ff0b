"""Results that were made otherwise than Snakemake knows: their own records tell it.

Snakemake keeps what it knows in `.snakemake`, in the folder of a clone, and results lie elsewhere: they are copied and put
back, or linked into two clones. It then takes results of other settings or code for this one's, or goes by times alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from video_r2.files import replacing
from video_r2.provenance.record import claims, read, shown_input
from video_r2.state import NO_EFFECT, digest_of, without_effect

NAME = "accepted.json"  # beside the states of an experiment's jobs: by output, a digest of what it was touched for
INPUTS = "inputs"
_JUDGE = ("raw", "judge")  # what it serves is compared by itself


def force_changed(states: str | Path, workflow: Any) -> None:
    """Have Snakemake make what was made with other settings, code or inputs than now, by its own record."""
    build = workflow._build_dag

    def build_and_compare() -> None:
        build()
        dag, accepted = workflow.dag, _accepted(states)
        changed = [
            job
            for job in dag.jobs
            if not dag.needrun(job) and differences(job) and accepted.get(str(job.output[0])) != _digest(job)
        ]
        if changed:
            print(
                f"note: {len(changed)} results were made otherwise than Snakemake knows, by their own records, such as "
                f"{changed[0].output[0]}: they are made again",
                file=sys.stderr,
            )
            dag.forcefiles.update(output for job in changed for output in job.output)
            workflow.async_run(dag.update_needrun())

    workflow._build_dag = build_and_compare


def accept_touched(states: str | Path, workflow: Any) -> None:
    """Note what was touched: it is to stay as it is, though its record says that it was made otherwise."""
    dag = workflow.dag
    touched = {str(job.output[0]): _digest(job) for job in dag.needrun_jobs(exclude_finished=False) if differences(job)}
    if touched:
        note = Path(states) / NAME
        note.parent.mkdir(parents=True, exist_ok=True)
        with replacing(note) as temporary:
            temporary.write_text(json.dumps(_accepted(states) | touched, indent=1, sort_keys=True), encoding="utf-8")


def differences(job: Any) -> dict[str, tuple[Any, Any]]:
    """The parameters of a job that its result was not made with, by their names: what they were and what they are.

    Its inputs are among them, under `INPUTS`, as lists of paths. Empty where there is no result, or no record of it that is
    whole. What Snakemake does not compare is left out.
    """
    if not job.output or not all(Path(path).exists() for path in job.output):
        return {}
    output = str(job.output[0])
    before = claims(output)
    if before is None:
        return {}
    found = dict(_differing(before, _now(job)))
    return found if found and read(output) is not None else {}


def _now(job: Any) -> dict[str, Any]:
    compared = {id(value) for value in job.non_derived_params}  # they have no names there
    params = {name: value for name, value in job.params.items() if id(value) in compared and name not in NO_EFFECT}
    left_out = without_effect(job.input)
    return params | {INPUTS: sorted({shown_input(str(path)) for path in job.input if str(path) not in left_out})}


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name, value in now.items():
        new, old = _plain(value), before.get(name)
        if name == INPUTS:
            old = [path for path in before[INPUTS] if path in new or Path(path).parts[2:4] != _JUDGE]
        if name not in before or digest_of(old) != digest_of(new):  # the order of keys counts
            yield name, (old, value)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _digest(job: Any) -> str:
    return digest_of(_plain(dict(sorted(_now(job).items()))))


def _accepted(states: str | Path) -> dict[str, str]:
    try:
        return dict(json.loads((Path(states) / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
