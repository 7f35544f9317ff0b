"""VAS by attention: the share of the final layer's attention that goes from each response to the video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from video_r2.errors import RejectedRecord
from video_r2.evaluation.cited_attention import CitedAttention, attention_to_cited_times
from video_r2.evaluation.kept import Kept, Question
from video_r2.evaluation.prefixes import PrefixReader, Shown
from video_r2.model.attention import AttentionReadout, attention_to_video
from video_r2.model.generation import Prompt, make_suffix

DIGITS = 5  # decimals of the shares in the scores' details


@dataclass(frozen=True)
class AttentionShare:
    """Where the tokens of a response look.

    Attributes:
        video: share of their attention that goes to the video, averaged over them; 0 to 1.
        detail: the other shares, and those of its claims, for the details of the score.
    """

    video: float
    detail: dict[str, Any]


def read_attention(
    reader: PrefixReader, records: Sequence[Mapping[str, Any]], batch: int, kept: Kept[AttentionShare]
) -> list[AttentionShare | RejectedRecord]:
    """Read out where each response looks.

    Args:
        records: rows of `records.PREDICTION`.
        batch: responses read together.
        kept: takes what is read as it comes, and knows what was read before.

    Returns:
        for each record what was read, or why it could not be.
    """
    rejected: dict[Question, RejectedRecord] = {}
    tokens: dict[int, list[int]] = {}
    places: dict[int, list[tuple[int, int]]] = {}
    for at, record in enumerate(records):
        response = record["response"]
        encoded = reader.processor.tokenizer(response or "", add_special_tokens=False, return_offsets_mapping=True)
        tokens[at], places[at] = encoded["input_ids"], encoded["offset_mapping"]
        if not tokens[at]:
            reason = "the response is missing" if response is None else "the response is empty"
            rejected[_key(record)] = RejectedRecord(reason, record=record["id"])
    # Rows of one length need no padding, and a video is read once if its questions stand together.
    order = sorted((at for at in tokens if tokens[at]), key=lambda at: (_shown(records[at]), len(tokens[at])))
    for first in tqdm(range(0, len(order), batch), desc="reading attention", unit="batch"):
        some = order[first : first + batch]
        if all(_key(records[at]) in kept.results for at in some):
            continue
        prefixes = reader.read([_shown(records[at]) for at in some], batch)
        prompts: dict[int, Prompt] = {}
        for at in some:
            prefix = prefixes[_shown(records[at])]
            if isinstance(prefix, RejectedRecord):
                rejected[_key(records[at])] = prefix
            else:
                prompts[at] = Prompt(prefix, make_suffix(reader.processor, records[at]["prompt"]), max_new_tokens=0)
        if prompts:
            read = attention_to_video(reader.model, list(prompts.values()), [tokens[at] for at in prompts])
            kept.add(
                {
                    _key(records[at]): _share(
                        readout, attention_to_cited_times(readout, records[at]["response"], places[at])
                    )
                    for at, readout in zip(prompts, read, strict=True)
                }
            )
    return [rejected.get(_key(record)) or kept.results[_key(record)] for record in records]


def _share(readout: AttentionReadout, cited: Sequence[CitedAttention]) -> AttentionShare:
    """Shares of a response, averaged over its tokens, and of its claims."""
    claims: dict[str, Any] = (
        {}
        if not cited
        else {
            "cited": [
                {"start": claim.interval.start, "end": claim.interval.end, "share": round(claim.share, DIGITS)}
                for claim in cited
            ],
            "on_cited": round(float(np.mean([claim.share for claim in cited])), DIGITS),
            "on_cited_if_even": round(float(np.mean([claim.even for claim in cited])), DIGITS),
        }
    )
    detail = {
        "tokens": len(readout.video),
        "prompt": round(float(readout.prompt.mean()), DIGITS),
        "response": round(float(readout.response.mean()), DIGITS),
        "per_second": {second: round(share, DIGITS) for second, share in readout.per_second().items()},
        **claims,
    }
    return AttentionShare(float(readout.video.mean()), detail)


def evenly_spaced(identities: Sequence[str], number: int) -> set[str]:
    """Choose `number` ids, spread over the sequence, whose neighbours are often alike; all if `number` is 0."""
    if number == 0 or number >= len(identities):
        return set(identities)
    return {identities[at] for at in np.linspace(0, len(identities) - 1, number).round().astype(int)}


def _shown(record: Mapping[str, Any]) -> Shown:
    return str(record["video"]), str(record["subtitle"])


def _key(record: Mapping[str, Any]) -> Question:
    return str(record["benchmark"]), str(record["id"])
