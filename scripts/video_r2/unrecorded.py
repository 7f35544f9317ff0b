"""Results whose making Snakemake knows nothing of, because `.snakemake` was left behind: the records beside them tell it.

Snakemake itself then goes by times alone, and takes results of other settings or code for this one's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from video_r2.provenance.record import read
from video_r2.state import NO_EFFECT


def force_changed(workflow: Any) -> None:
    """Have Snakemake make what was made with other settings or code than now, by its own record where Snakemake has none."""
    build = workflow._build_dag

    def build_and_compare() -> None:
        build()
        dag = workflow.dag
        changed = [job for job in dag.jobs if not dag.needrun(job) and dag.reason(job).no_metadata and differences(job)]
        if changed:
            print(
                f"note: of {len(changed)} results Snakemake has no record (.snakemake); their own say that they were made "
                f"with other settings or code, such as {changed[0].output[0]}",
                file=sys.stderr,
            )
            dag.forcefiles.update(output for job in changed for output in job.output)
            workflow.async_run(dag.update_needrun())

    workflow._build_dag = build_and_compare


def differences(job: Any) -> dict[str, tuple[Any, Any]]:
    """The parameters of a job that its result was not made with, by their names: what they were and what they are.

    Empty where there is no record of the result, or none that is whole. What Snakemake does not compare is left out.
    """
    record = read(str(job.output[0])) if job.output else None
    if record is None:
        return {}
    compared = {id(value) for value in job.non_derived_params}  # they have no names there
    now = {name: value for name, value in job.params.items() if id(value) in compared}
    return dict(_differing({**record.settings, "code": record.code}, now))


def _differing(before: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name, value in now.items():
        if name not in NO_EFFECT:
            new = json.loads(json.dumps(value, default=str))
            if name not in before or before[name] != new:
                yield name, (before.get(name), value)
