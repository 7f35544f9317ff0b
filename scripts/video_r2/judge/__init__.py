"""Judges of traces: rules, a model behind a server, or both, behind one interface."""

from __future__ import annotations

from typing import Any

from video_r2 import config
from video_r2.judge.base import Judge
from video_r2.judge.cascade import CascadeJudge
from video_r2.judge.llm import LLMJudge
from video_r2.judge.rules import RuleJudge


def make_judge(settings: config.Judge) -> Judge:
    """Make the judge that the configuration names."""
    if settings.kind == "rules":
        return RuleJudge()
    model = LLMJudge(settings)
    return model if settings.kind == "llm" else CascadeJudge(model)


def judge_of(params: Any) -> Judge:
    """The judge of a rule's job.

    Args:
        params: the rule's, of which `judge` says who judges, and `judge_service` how a server is reached.
    """
    return make_judge(config.Judge.model_validate({**params.judge_service, **params.judge}))
