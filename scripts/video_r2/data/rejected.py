"""Records that were set aside: written where the report finds them, and too many of them stop the run."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from video_r2.errors import RejectedRecord, UserError
from video_r2.files import replacing

SIGNS_OF_MODELS = re.compile(
    r"<\|(?:im_start|im_end|endoftext|vision_start|vision_end|vision_pad|video_pad|image_pad)\|>"
)


def write_rejected(path: str | Path, rejected: Sequence[RejectedRecord]) -> None:
    """Write one JSON object a line: file, record, reason and cure; an empty file if nothing was set aside."""
    # A lone surrogate becomes an escape, which JSON reads.
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for record in rejected:
            entry = {"file": record.file, "record": record.record, "reason": record.reason, "cure": record.cure}
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def refuse_signs_of_models(*texts: str) -> None:
    """Refuse texts that hold what a chat template puts between messages, or for the frames of a video.

    Raises:
        RejectedRecord: naming the first.
    """
    for text in texts:
        if sign := SIGNS_OF_MODELS.search(text):
            raise RejectedRecord(
                f"its text holds {sign[0]!r}, which models read as a sign", cure="take it out of the text"
            )


def require_few(path: str | Path, rejected: Sequence[RejectedRecord], records: int, limit: float) -> None:
    """Stop if more than a share of the records was set aside; all of them are printed then.

    Args:
        path: what the records were read from.
        rejected: what was set aside.
        records: number of records in all.
        limit: the largest share that may be, from 0 to 1 (`data.max_rejected`).

    Raises:
        UserError: naming the first of them.
    """
    if len(rejected) > limit * records:
        print("\n".join(map(str, rejected)))
        raise UserError(
            f"{len(rejected)} of {records} records cannot be used, more than data.max_rejected = {limit:g} allows; "
            f"the first (all stand in the log): {rejected[0]}",
            file=path,
            cure="mend the data, or raise data.max_rejected",
        )
