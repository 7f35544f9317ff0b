"""Whether a claim looks where it says: attention to the seconds of the video that a response cites.

A claim is a time and what its sentence goes on to say, up to the next time. Of the attention that its tokens pay to the
video, a share falls on the cited moments; attention spread evenly over the video would give them the share of the video that
they are. Not in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from video_r2.model.attention import AttentionReadout
from video_r2.reading.sentences import sentences_of
from video_r2.reading.times import Interval, find_times


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
    """Read out where the claims of a response look; times after the end of the video are left out.

    Args:
        places: begin and end, in characters of `response`, of each token of the readout.
    """
    moments = readout.moments.shape[1]
    found = []
    for begin, end, interval in _claims(response):
        first = int(interval.start / readout.seconds_per_moment)
        last = min(moments, int(interval.end / readout.seconds_per_moment) + 1)
        tokens = [at for at, place in enumerate(places) if place[0] < end and place[1] > begin]
        if first < last and tokens:
            looks = readout.moments[tokens].sum(0)
            found.append(
                CitedAttention(interval, float(looks[first:last].sum() / looks.sum()), (last - first) / moments)
            )
    return found


def _claims(response: str) -> list[tuple[int, int, Interval]]:
    """Begin, end and time of what each sentence says of every time in it."""
    sentences = sentences_of(response)
    mentions = list(find_times(response))
    claims = []
    for mention, following in zip(mentions, [*mentions, None][1:], strict=True):
        ends = [end for begin, end in sentences if begin <= mention.begin < end]
        if mention.interval is not None and ends:
            end = ends[0] if following is None else min(ends[0], following.begin)
            claims.append((mention.begin, end, mention.interval))
    return claims
