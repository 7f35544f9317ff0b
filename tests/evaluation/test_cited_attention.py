"""Where claims look: on attention that is known, so that the shares can be told by hand."""

from __future__ import annotations

import pytest
import torch

from video_r2.evaluation.cited_attention import attention_to_cited_times
from video_r2.model.attention import AttentionReadout
from video_r2.reading.times import Interval


def characters(text: str) -> list[tuple[int, int]]:
    """A token a character."""
    return [(at, at + 1) for at in range(len(text))]


def readout(moments: torch.Tensor, seconds_per_moment: float = 2.0) -> AttentionReadout:
    video = moments.sum(1)
    return AttentionReadout(video, 1 - video, torch.zeros(len(moments)), moments, seconds_per_moment)


def test_a_claim_reaches_from_its_time_to_the_next_or_the_end_of_its_sentence() -> None:
    response = "<think>Look. 00:02: red, 00:06-00:07: blue. So B.</think><answer>B</answer>"
    first, second, end = response.index("00:02"), response.index("00:06"), response.index(" So")
    # Four patches of two seconds; every token pays 0.5 to the video, all of it to one patch.
    looks = torch.zeros(len(response), 4)
    looks[:, 0] = 0.5
    looks[first:second, 0], looks[first:second, 1] = 0.1, 0.4
    looks[second:end, 0], looks[second:end, 3] = 0.0, 0.5
    claims = attention_to_cited_times(readout(looks), response, characters(response))
    assert [claim.interval for claim in claims] == [Interval(2, 2), Interval(6, 7)]
    assert [claim.share for claim in claims] == pytest.approx([0.8, 1.0])
    assert [claim.even for claim in claims] == [0.25, 0.25]


def test_a_claim_whose_time_comes_last_begins_with_what_is_said() -> None:
    """As the generated world's traces have it; what is said is most of a claim."""
    response = "<think>red circle 3 rising 00:02 to 00:04. blue cross 1 resting 00:04 to 00:08. So B.</think>"
    second, end = response.index(" blue"), response.index(" So")
    looks = torch.zeros(len(response), 4)
    looks[: response.index("00:02"), 1] = 0.5
    looks[response.index("00:02") : second, 0] = 0.5
    looks[second:end, 2] = 0.5
    one, two = attention_to_cited_times(readout(looks), response, characters(response))
    said, time = len("red circle 3 rising "), len("00:02 to 00:04.")
    assert one.share == pytest.approx(said / (said + time))
    assert (two.interval, two.share) == (Interval(4, 8), 1.0)


def test_the_trace_is_found_where_its_text_stands_twice() -> None:
    response = "00:02: red. <think>00:02: red.</think><answer>00:02: red.</answer>"
    looks = torch.zeros(len(response), 4)
    looks[:, 0] = 0.5
    looks[response.index("<think>") : response.index("</think>"), 1] = 0.5
    looks[response.index("<think>") : response.index("</think>"), 0] = 0.0
    (claim,) = attention_to_cited_times(readout(looks), response, characters(response))
    assert claim.share == 1.0


def test_an_interval_counts_all_patches_that_it_touches() -> None:
    response = "<think>00:01-00:04: red.</think>"
    looks = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).expand(len(response), -1)
    (claim,) = attention_to_cited_times(readout(looks), response, characters(response))
    # Seconds 1 to 4 touch the patches of 0 to 2, 2 to 4 and 4 to 6.
    assert (claim.share, claim.even) == (pytest.approx(0.6), 0.75)


@pytest.mark.parametrize(
    "think",
    ["red.", "00:09: red, after the end.", "00:70: no time.", "00:04 minus 00:01 is 3.", "So it is red at 00:02."],
)
def test_what_claims_nothing_of_a_time_of_the_video_is_left_out(think: str) -> None:
    response = f"<think>{think}</think><answer>00:02</answer>"
    looks = torch.full((len(response), 4), 0.1)
    assert attention_to_cited_times(readout(looks), response, characters(response)) == []


def test_a_response_without_a_trace_has_no_claims() -> None:
    looks = torch.full((20, 4), 0.1)
    assert attention_to_cited_times(readout(looks), "It is red at 00:02.", characters("It is red at 00:02.")) == []
