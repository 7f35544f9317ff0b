"""Judges of traces: rules, a model behind a server, or both, behind one interface."""

from __future__ import annotations

from typing import Any

from video_r2 import config
from video_r2.judge.base import Judge
from video_r2.judge.cascade import CascadeJudge
from video_r2.judge.llm import LLMJudge
from video_r2.judge.rules import RuleJudge


def make_judge(settings: config.Judge, semantics: config.Semantics = "corrected") -> Judge:
    """Make the judge that the configuration names.

    Args:
        semantics: how a model is asked whether a trace and its answer are consistent; see `llm.LLMJudge`.
    """
    if settings.kind == "rules":
        return RuleJudge()
    model = LLMJudge(settings, semantics)
    return model if settings.kind == "llm" else CascadeJudge(model)


def judge_of(params: Any) -> Judge:
    """The judge of a rule's job.

    Args:
        params: the rule's, of which `judge` says who judges, `judge_service` how a server is reached, and `semantics` how it
            is asked.
    """
    return make_judge(config.Judge.model_validate({**params.judge_service, **params.judge}), params.semantics)
