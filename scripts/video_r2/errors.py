"""Errors that a user can act on."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Something a user can mend; shown without a traceback.

    Args:
        reason: what is wrong, in one sentence.
        file: the file it was found in, if any.
        record: which record of the file (an id, a line number, a key), if any.
        cure: what to do about it, if known.
    """

    def __init__(
        self,
        reason: str,
        *,
        file: str | Path | None = None,
        record: str | int | None = None,
        cure: str | None = None,
    ) -> None:
        self.reason = reason
        self.file = None if file is None else str(file)
        self.record = None if record is None else str(record)
        self.cure = cure
        super().__init__(str(self))

    def __str__(self) -> str:
        where = ", ".join(
            part for part in (self.file, f"record {self.record}" if self.record is not None else None) if part
        )
        text = f"{where}: {self.reason}" if where else self.reason
        return f"{text} (cure: {self.cure})" if self.cure else text


class RejectedRecord(UserError):
    """A record that cannot be used: set aside with its reason, while the others go on."""


class Interrupted(Exception):
    """A training was asked to leave and has saved where it is; not an error, and not the end.

    Args:
        step: optimizer steps that are done.
        steps: optimizer steps that there are.
        why: who asked.
    """

    def __init__(self, step: int, steps: int, why: str) -> None:
        self.step, self.steps, self.why = step, steps, why
        super().__init__(f"saved at step {step} of {steps}; run again to go on ({why})")
