"""All rewards of a batch of completions, weighted and summed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from video_r2.config import RewardWeights, Semantics, TemporalAlignment
from video_r2.judge.base import Judge, Verdict
from video_r2.judge.certainty import certain_claims
from video_r2.reading.claims import Claim
from video_r2.reading.responses import ParsedResponse, first_blocks, parse_response
from video_r2.rewards.accuracy import accuracy_reward
from video_r2.rewards.embedding import SentenceEmbedder
from video_r2.rewards.format import format_reward
from video_r2.rewards.temporal_alignment import Alignment, Embed, sentences_needed, temporal_alignment


class RewardModel:
    """Rewards completions.

    Args:
        weights: of each reward, and whether the consistency gate is on.
        temporal: settings of the temporal alignment reward.
        judge: reads claims and consistency.
        semantics: as released, or with its defects mended.
        embed: sentence embeddings; by default the configured model.
    """

    def __init__(
        self,
        weights: RewardWeights,
        temporal: TemporalAlignment,
        judge: Judge,
        semantics: Semantics = "corrected",
        embed: Embed | None = None,
    ) -> None:
        self._weights = weights
        self._temporal = temporal
        self._judge = judge
        self._semantics = semantics
        self._embed = embed or SentenceEmbedder(temporal.sentence_model)

    def __call__(
        self,
        completions: Sequence[str],
        targets: Sequence[str],
        answer_types: Sequence[str],
        options: Sequence[Sequence[str]],
        groundings: Sequence[Mapping[str, str]],
        questions: Sequence[str],
    ) -> dict[str, list[float]]:
        """Reward n completions; every argument has n items.

        A question decides what a bare number stands for ("2 minutes", answered "120" to "how many seconds").

        Returns:
            Columns of n figures, 0 to 1: `accuracy`, `format`, `temporal_alignment` (F1, or as released the precision),
            `gate` (what multiplies it), `consistency` (the judge's verdict), `precision`, `recall` and `f1`; and
            `total`, the weighted sum. A figure that was not asked for, or that the judge failed to give, is NaN; so
            is a total that hangs on what the judge failed to give. As released, a failure counts as 0.
        """
        parse = first_blocks if self._semantics == "reference" else parse_response
        parsed = [parse(completion) for completion in completions]
        alignments = self._alignments(parsed, groundings)
        consistency = self._consistency(parsed, answer_types, options, questions, alignments)
        self._judge.check_missing()
        columns: dict[str, list[float]] = {
            "accuracy": [
                accuracy_reward(completion, target, kind, choices, self._semantics, question)
                for completion, target, kind, choices, question in zip(
                    completions, targets, answer_types, options, questions, strict=True
                )
            ],
            "format": [format_reward(completion, self._semantics) for completion in completions],
            "temporal_alignment": [found.reward if found else math.nan for found in alignments],
            "precision": [found.precision if found else math.nan for found in alignments],
            "recall": [found.recall if found else math.nan for found in alignments],
            "f1": [found.f1 if found else math.nan for found in alignments],
            "consistency": consistency,
            "gate": [self._known(value) for value in consistency] if self._weights.gate else [1.0] * len(parsed),
        }
        columns["total"] = [
            self._weights.accuracy * accuracy + self._weights.format * layout + self._aligned(gate, aligned)
            for accuracy, layout, gate, aligned in zip(
                columns["accuracy"], columns["format"], columns["gate"], columns["temporal_alignment"], strict=True
            )
        ]
        return columns

    def _aligned(self, gate: float, aligned: float) -> float:
        """What temporal alignment adds to the total; 0 as soon as one of its factors is, whatever the others are."""
        factors = (self._weights.temporal_alignment, gate, self._known(aligned))
        return 0.0 if 0.0 in factors else math.prod(factors)

    def _known(self, figure: float) -> float:
        return 0.0 if self._semantics == "reference" and math.isnan(figure) else figure

    def _alignments(
        self, parsed: Sequence[ParsedResponse], groundings: Sequence[Mapping[str, str]]
    ) -> list[Alignment | None]:
        """None where it is not needed, or the judge failed."""
        # A paid judge is not asked where nothing can match (no grounding, or nothing in the trace that could be a time),
        # nor where the gate is closed whatever it says (no answer).
        wanted: list[int] = []
        unknown: list[int] = []
        for at, (response, grounding) in enumerate(zip(parsed, groundings, strict=True)):
            if (
                response.think
                and grounding
                and (self._judge.free or (self._weights.temporal_alignment and certain_claims(response.think) is None))
            ):
                gated = self._weights.gate and not response.answer and not self._judge.free
                (unknown if gated else wanted).append(at)
        claims: dict[int, list[Claim] | None] = dict.fromkeys(unknown)
        claims.update(zip(wanted, self._judge.claims_of([parsed[at].think or "" for at in wanted]), strict=True))
        needed = [
            sentence
            for at, made in claims.items()
            for sentence in sentences_needed(made or [], groundings[at], self._temporal)
        ]
        if needed:
            self._embed(list(dict.fromkeys(needed)))  # one batch for all; what follows finds them in memory
        found: list[Alignment | None] = []
        for at, grounding in enumerate(groundings):
            made = claims.get(at, [])
            if made is None or not (self._judge.free or self._weights.temporal_alignment):
                found.append(None)
                continue
            found.append(temporal_alignment(made, grounding, self._temporal, self._embed, self._semantics))
        return found

    def _consistency(
        self,
        parsed: Sequence[ParsedResponse],
        answer_types: Sequence[str],
        options: Sequence[Sequence[str]],
        questions: Sequence[str],
        alignments: Sequence[Alignment | None],
    ) -> list[float]:
        found = [math.nan] * len(parsed)
        wanted = []
        for at, (response, alignment) in enumerate(zip(parsed, alignments, strict=True)):
            if not response.think or not response.answer:
                found[at] = 0.0
            elif self._judge.free or (self._weights.gate and alignment is not None and alignment.reward > 0):
                wanted.append(at)
        verdicts = [
            Verdict(
                parsed[at].think or "",
                parsed[at].answer or "",
                answer_types[at],
                options[at],
                questions[at],
            )
            for at in wanted
        ]
        for at, verdict in zip(wanted, self._judge.consistency_of(verdicts), strict=True):
            found[at] = math.nan if verdict is None else float(verdict)
        return found
