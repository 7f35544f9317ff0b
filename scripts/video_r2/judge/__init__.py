"""Judges of traces: rules, or a model behind a server, behind one interface."""

from __future__ import annotations

from video_r2 import config
from video_r2.judge.base import Judge


def make_judge(settings: config.Judge) -> Judge:
    """Make the judge that the configuration names."""
    # Imported here because modules of `rewards` import `judge.base`, and the judges import `rewards`.
    if settings.kind == "llm":
        from video_r2.judge.llm import LLMJudge

        return LLMJudge(settings)
    from video_r2.judge.rules import RuleJudge

    return RuleJudge()
