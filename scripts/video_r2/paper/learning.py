"""What training is expected to teach, read off the configuration, and whether the scores bear it out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from video_r2 import config
from video_r2.paper.controls import CHANCE, normal_row
from video_r2.paper.exhibits import LOOKS, Study, differences

CLAIMS = [
    "claim",
    "decoding",
    "metric",
    "column",
    "evaluation",
    "against",
    "value",
    "low",
    "high",
    "needed",
    "holds",
]
# Points by which a claim has to hold, beyond its interval lying above 0.
SEES, CONSISTENT, BLIND = 25.0, 20.0, 5.0


@dataclass(frozen=True)
class Claim:
    """One evaluation is ahead of another.

    Args:
        text: the claim in words.
        metric, column: what is compared, and over which questions.
        evaluation, against: the two rows; `chance` for guessing; None where the configuration has no such row.
        sampled: whether both sample their responses.
        points: least difference that is asked for; for `within`, the largest.
        within: the claim is instead that the difference is at most `points` either way.
    """

    text: str
    metric: str
    column: str
    evaluation: str | None
    against: str | None
    sampled: bool
    points: float = 0.0
    within: bool = False

    @property
    def needed(self) -> str:
        """The condition in words."""
        if self.within:
            return f"at most {self.points:.0f} either way"
        return f"at least {self.points:.0f}, interval above 0" if self.points else "interval above 0"

    def holds(self, value: float, low: float) -> bool | None:
        """Whether a difference with this lower bound bears the claim out; None where it is not known."""
        if math.isnan(value):
            return None
        return abs(value) <= self.points if self.within else low > 0 and value >= self.points


def expected_claims(study: Study) -> list[Claim]:
    """The claims that the rows of a configuration allow to be checked.

    Rows are known by what they are made of: the ablation's check marks, the prompt, the control. A claim on sampled
    responses is made where both rows have sampled counterparts; one on greedy responses always, so that a gap shows.
    """
    rows: dict[tuple[frozenset[str], str], str] = {
        (frozenset(entry.components), entry.prompt): entry.model for entry in _ablation(study)
    }

    def row(components: str, sampled: bool, prompt: str = "think") -> str | None:
        model = rows.get((frozenset(components.split()), prompt))
        return None if model is None else study.find(model, prompt, sampled=sampled)

    claims = []
    for sampled in (False, True):
        direct, base, sft = row("", sampled, "direct"), row("", sampled), row("sft", sampled)
        grpo, tar, gate = (row(f"sft grpo{more}", sampled) for more in ("", " tar", " tar gate"))
        found = [
            Claim(
                "The base sees: it answers directly, above chance", "accuracy", "generic", direct, CHANCE, sampled, SEES
            ),
            Claim("SFT makes trace and answer agree", "tac", "overall", sft, base, sampled, CONSISTENT),
            Claim("GRPO raises accuracy over SFT", "accuracy", "overall", grpo, sft, sampled),
            Claim(
                "The reward raises temporal alignment on held-out videos", "temporal_f1", "heldout", tar, grpo, sampled
            ),
            Claim("The gate raises consistency", "tac", "overall", gate, tar, sampled),
            *_trace_claims(study, sampled),
        ]
        claims += [claim for claim in found if not sampled or (claim.evaluation and claim.against)]
    return claims


def check_claims(claims: Iterable[Claim], scores: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Hold claims against scores.

    Returns:
        A row per claim, with the columns of `CLAIMS`; value, low and high are NaN where a row has no scores.
    """
    rows = []
    for claim in claims:
        value = low = high = math.nan
        if claim.evaluation is not None and claim.against is not None:
            pair = (claim.evaluation, claim.against)
            found = differences(scores, study, [claim.metric], [pair], [claim.column])
            value, low, high = found.iloc[0][["value", "low", "high"]] if len(found) else (value, low, high)
        rows.append(
            {
                "claim": claim.text,
                "decoding": "sampled" if claim.sampled else "greedy",
                "metric": claim.metric,
                "column": claim.column,
                "evaluation": claim.evaluation,
                "against": claim.against,
                "value": value,
                "low": low,
                "high": high,
                "needed": claim.needed,
                "holds": claim.holds(value, low),
            }
        )
    return pd.DataFrame(rows, columns=CLAIMS).astype({"holds": object})


def _ablation(study: Study) -> list[config.Evaluation]:
    return [study.evaluations[name] for name in study.shown_in("ablation")]


def _trace_claims(study: Study, sampled: bool) -> list[Claim]:
    """The trace does the work: accuracy is lost without it, or with another's; with it, several looks are joined."""
    claims = []
    lost = {
        "no_trace": "its trace (a form never shown to it)",
        "no_claims": "its claims",
        "other_trace": "the claims of its own video",
    }
    for name, entry in study.evaluations.items():
        if study.is_sampled(name) != sampled:
            continue
        normal = normal_row(study, name)
        if entry.control in lost:
            text = f"{entry.label}: accuracy is lost without {lost[entry.control]}"
            claims.append(Claim(text, "accuracy", "overall", normal, name, sampled))
        elif entry.control == "blind":
            text = f"{entry.label}: grey frames leave chance"
            claims.append(Claim(text, "accuracy", "overall", name, CHANCE, sampled, BLIND, within=True))
    direct = next((entry for entry in _ablation(study) if not entry.components and entry.prompt == "direct"), None)
    for entry in _ablation(study):
        if direct is not None and "grpo" in entry.components:
            row = study.find(entry.model, "think", sampled=sampled)
            against = study.find(direct.model, "direct", sampled=sampled)
            text = f"{entry.label}: ahead of answering without a trace where several looks are needed"
            claims.append(Claim(text, "accuracy", LOOKS[1], row, against, sampled))
    return claims
