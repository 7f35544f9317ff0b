"""VAS by attention: the share of the final layer's attention that goes from each response to the video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from video_r2.errors import RejectedRecord
from video_r2.evaluation.prefixes import PrefixReader, Shown
from video_r2.model.attention import AttentionReadout, attention_to_video
from video_r2.model.generation import Prompt, make_suffix

DIGITS = 5  # decimals of the shares in the scores' details


def read_attention(
    reader: PrefixReader, records: Sequence[Mapping[str, Any]], batch: int
) -> list[AttentionReadout | RejectedRecord]:
    """Read out where the tokens of each response look.

    Args:
        records: rows of `records.PREDICTION`.
        batch: responses read together.

    Returns:
        for each record the readout, or why there is none.
    """
    readouts: dict[int, AttentionReadout | RejectedRecord] = {}
    tokens: dict[int, list[int]] = {}
    for at, record in enumerate(records):
        response = record["response"]
        tokens[at] = reader.processor.tokenizer.encode(response, add_special_tokens=False) if response else []
        if not tokens[at]:
            reason = "the response is missing" if response is None else "the response is empty"
            readouts[at] = RejectedRecord(reason, record=record["id"])
    # Rows of one length need no padding, and a video is read once if its questions stand together.
    order = sorted((at for at in tokens if at not in readouts), key=lambda at: (_shown(records[at]), len(tokens[at])))
    for first in tqdm(range(0, len(order), batch), desc="reading attention", unit="batch"):
        some = order[first : first + batch]
        prefixes = reader.read([_shown(records[at]) for at in some], batch)
        prompts: dict[int, Prompt] = {}
        for at in some:
            prefix = prefixes[_shown(records[at])]
            if isinstance(prefix, RejectedRecord):
                readouts[at] = prefix
            else:
                prompts[at] = Prompt(prefix, make_suffix(reader.processor, records[at]["prompt"]), max_new_tokens=0)
        if prompts:
            read = attention_to_video(reader.model, list(prompts.values()), [tokens[at] for at in prompts])
            readouts.update(zip(prompts, read, strict=True))
    return [readouts[at] for at in range(len(records))]


def describe(readout: AttentionReadout) -> dict[str, Any]:
    """Shares of a response, averaged over its tokens, for the details of its score."""
    return {
        "tokens": len(readout.video),
        "prompt": round(float(readout.prompt.mean()), DIGITS),
        "response": round(float(readout.response.mean()), DIGITS),
        "per_second": {second: round(share, DIGITS) for second, share in readout.per_second().items()},
    }


def evenly_spaced(identities: Sequence[str], number: int) -> set[str]:
    """Choose `number` ids, spread over the sequence, whose neighbours are often alike; all if `number` is 0."""
    if number == 0 or number >= len(identities):
        return set(identities)
    return {identities[at] for at in np.linspace(0, len(identities) - 1, number).round().astype(int)}


def _shown(record: Mapping[str, Any]) -> Shown:
    return str(record["video"]), str(record["subtitle"])
