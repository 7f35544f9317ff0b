"""Whether a claim looks where it says: attention to the seconds of the video that a response cites.

A claim is a time and what the trace says of it, before or after it (`video_r2.reading.claims`). Of the attention that its
tokens pay to the video, a share falls on the cited moments; attention spread evenly over the video would give them the share
of the video that they are. Not in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from video_r2.model.attention import AttentionReadout
from video_r2.reading.claims import find_claims
from video_r2.reading.responses import find_block_places
from video_r2.reading.times import Interval


@dataclass(frozen=True)
class CitedAttention:
    """Where the tokens of a claim look.

    Attributes:
        interval: the time that it cites.
        share: of its attention to the video, what falls on the moments that the interval touches; 0 to 1.
        even: what would fall on them if every moment had as much; 0 to 1.
    """

    interval: Interval
    share: float
    even: float


def attention_to_cited_times(
    readout: AttentionReadout, response: str, places: Sequence[tuple[int, int]]
) -> list[CitedAttention]:
    """Read out where the claims of a response's trace look; times after the end of the video are left out.

    Args:
        places: begin and end, in characters of `response`, of each token of the readout.
    """
    moments = readout.moments.shape[1]
    found = []
    trace, trace_end = find_block_places(response).get("think", (0, 0))
    for begin, end, claim in find_claims(response[trace:trace_end]):
        interval = claim.interval
        if interval is None:
            continue
        first = int(interval.start / readout.seconds_per_moment)
        last = min(moments, int(interval.end / readout.seconds_per_moment) + 1)
        tokens = [at for at, place in enumerate(places) if place[0] < trace + end and place[1] > trace + begin]
        if first < last and tokens:
            looks = readout.moments[tokens].sum(0)
            found.append(
                CitedAttention(interval, float(looks[first:last].sum() / looks.sum()), (last - first) / moments)
            )
    return found
