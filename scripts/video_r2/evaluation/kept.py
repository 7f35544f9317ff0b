"""Results of questions that outlive the process that made them: a job that was broken off makes those that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from video_r2.ended import note_end
from video_r2.journal import Journal
from video_r2.run import Job
from video_r2.state import state_folder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Result = TypeVar("Result", bound="DataclassInstance")
Question = tuple[str, str]
"""Name of a benchmark, and id of a question of it."""


class Kept(Generic[Result]):
    """Results by question, written to a journal as they come.

    What is missing is to be made in the same batches as without a break: a result may differ in its last bits with what
    stands beside it.

    Args:
        kind: the results' dataclass, whose fields are plain values.
        journal: None keeps nothing.

    Attributes:
        results: those that the journal knew, and those that came since. What is put here, and not given to `add`, is not
            kept: a reason why there is no result, which may have been mended when the job goes on.
    """

    def __init__(self, kind: type[Result], journal: Journal | None = None) -> None:
        self._journal = journal
        entries = [] if journal is None else journal.entries
        self.results: dict[Question, Result] = dict(_remembered(kind, entry) for entry in entries)

    def add(self, results: Mapping[Question, Result]) -> None:
        """Keep results; when this returns, they are on the disk."""
        if self._journal is not None:
            self._journal.append(
                {"benchmark": benchmark, "id": name, **asdict(result)}
                for (benchmark, name), result in results.items()
                if (benchmark, name) not in self.results
            )
        self.results.update(results)


@contextmanager
def kept_results(job: Job, kind: type[Result], output: str | Path) -> Iterator[Kept[Result]]:
    """Hold what a job, or one before it that was broken off, has made.

    Args:
        job: has the parameter `state`, the folder of all states.
        output: what tells the job from others of its rule.

    Raises:
        UserError: if an input is missing or damaged, or another process is at the same.
    """
    folder = state_folder(job.params.state, job, output)
    with Journal(folder / "results.jsonl") as journal:
        if journal.entries:
            print(f"{len(journal.entries)} questions were done before this job was broken off")
        yield Kept(kind, journal)
        note_end(folder, job.output)


def _remembered(kind: type[Result], entry: Mapping[str, Any]) -> tuple[Question, Result]:
    values = {name: value for name, value in entry.items() if name not in ("benchmark", "id")}
    return (entry["benchmark"], entry["id"]), kind(**values)
