"""The claims on what training teaches: which are made, and what the scores say of them."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from video_r2.paper.exhibits import Study
from video_r2.paper.layouts import learning_sheet
from video_r2.paper.learning import Claim, check_claims, expected_claims
from video_r2.paper.tables import to_markdown


@pytest.fixture
def study(params: SimpleNamespace) -> Study:
    return Study.from_params(params)


def by_text(study: Study) -> dict[tuple[str, bool], tuple[str | None, str | None]]:
    return {(claim.text, claim.sampled): (claim.evaluation, claim.against) for claim in expected_claims(study)}


def test_rows_are_found_by_what_they_are_made_of(study: Study) -> None:
    claims = by_text(study)
    assert claims["The base sees: it answers directly, above chance", False] == ("base_direct", "chance")
    assert claims["SFT makes trace and answer agree", False] == ("sft", "base_think")
    assert claims["GRPO raises accuracy over SFT", False] == ("grpo", "sft")
    assert claims["without trace: accuracy is lost without its trace (a form never shown to it)", False] == (
        "grpo",
        "grpo_no_trace",
    )
    assert claims["blind: grey frames leave chance", False] == ("grpo_blind", "chance")
    several = "SFT + GRPO: ahead of answering without a trace where several looks are needed"
    assert claims[several, False] == ("grpo", "base_direct")


def test_sampled_rows_are_compared_with_sampled_rows_only(study: Study) -> None:
    claims = by_text(study)
    assert claims["GRPO raises accuracy over SFT", True] == ("grpo_sampled", "sft_sampled")
    # the think-prompted base was not sampled
    assert ("SFT makes trace and answer agree", True) not in claims


def test_a_greedy_claim_whose_rows_are_not_configured_shows_as_open(study: Study) -> None:
    claims = by_text(study)
    assert claims["The gate raises consistency", False] == (None, None)
    checked = check_claims(expected_claims(study), pd.DataFrame(columns=list(SCORES)), study)
    gate = checked[checked["claim"] == "The gate raises consistency"].iloc[0]
    assert math.isnan(gate["value"])
    assert gate["holds"] is None
    assert "| The gate raises consistency | greedy | TAC, overall | – | – | interval above 0 | – |" in to_markdown(
        learning_sheet(checked)
    )


SCORES = ["id", "benchmark", "evaluation", "seed", "metric", "category", "video", "score", "detail"]


def scores(study: Study, metric: str, values: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        [f"sum-{at}", benchmark, evaluation, 0, metric, "", f"{benchmark}{at}.mp4", value, "{}"]
        for benchmark in study.header.members("overall")
        for evaluation, column in values.items()
        for at, value in enumerate(column)
    ]
    return pd.DataFrame(rows, columns=SCORES)


@pytest.mark.parametrize(
    ("gain", "needed", "holds"),
    [
        ([10.0] * 6, 0.0, True),
        ([10.0] * 6, 20.0, False),  # the interval is above 0, the difference below what is asked for
        ([100.0, -100.0, 100.0, -100.0, 10.0, 0.0], 0.0, False),  # a mean of 1.7 that could as well be below 0
        ([-10.0] * 6, 0.0, False),
    ],
)
def test_a_claim_holds_by_its_interval_and_its_size(
    study: Study, gain: list[float], needed: float, holds: bool
) -> None:
    frame = scores(
        study, "tac", {"sft": [50.0 + value / 2 for value in gain], "grpo": [50.0 - value / 2 for value in gain]}
    )
    claim = Claim("c", "tac", "overall", "sft", "grpo", sampled=False, points=needed)
    found = check_claims([claim], frame, study).iloc[0]
    assert found["value"] == pytest.approx(sum(gain) / 6)
    assert found["holds"] is holds


def test_a_claim_of_nearness_holds_within_its_margin() -> None:
    claim = Claim("c", "accuracy", "overall", "a", "chance", sampled=False, points=5.0, within=True)
    assert claim.holds(-4.9, -9.0) is True
    assert claim.holds(5.2, 1.0) is False
    assert claim.holds(math.nan, math.nan) is None
