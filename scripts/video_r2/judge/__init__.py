"""Judges of traces: rules, a model behind a server, or both, behind one interface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from video_r2 import config
from video_r2.judge.base import Judge
from video_r2.judge.cascade import CascadeJudge
from video_r2.judge.llm import LLMJudge
from video_r2.judge.rules import RuleJudge
from video_r2.judge.server import Address, JudgeServer

if TYPE_CHECKING:
    from video_r2.run import Job


def make_judge(
    settings: config.Judge,
    semantics: config.Semantics = "corrected",
    server: JudgeServer | None = None,
    version: str = "",
) -> Judge:
    """Make the judge that the configuration names.

    Args:
        semantics: how a model is asked whether a trace and its answer are consistent (see `llm.LLMJudge`); as released it is
            asked everything.
        server: to be started once it is needed, where there is no address.
        version: of the model, where its name does not say enough: replies of others are not taken from the cache.
    """
    if settings.kind == "rules":
        return RuleJudge()
    model = LLMJudge(settings, semantics, server=server, version=version)
    return model if settings.kind == "llm" or semantics == "reference" else CascadeJudge(model)


def judge_of(job: Job, shared: Address | None = None) -> Judge:
    """The judge of a rule's job; to be closed, since a server may live with it.

    Args:
        job: of its parameters `judge` says who judges, and in which version, `judge_service` how a server is reached or
            started, and `semantics` how it is asked.
        shared: address of a server, where several processes of a job share one; see `server.JudgeServer`.
    """
    service = dict(job.params.judge_service)
    logs, weights = service.pop("logs", ""), service.pop("weights", None)
    who = dict(job.params.judge)
    version = who.pop("version", "")
    settings = config.Judge.model_validate({**service, **who})
    server = None
    if settings.serve is not None and settings.kind != "rules":
        log = Path(logs, job.rule, "/".join(map(str, job.wildcards)) + ".log")
        server = JudgeServer(settings.serve, settings.model, log, shared, weights)
    return make_judge(settings, job.params.semantics, server, version)


def gpus_of_server(params: Any) -> int:
    """GPUs of a training job that the judge of its rewards takes for a server; 0 where it starts none."""
    if not getattr(params, "judge_prompts", None):
        return 0
    return int((params.judge_service.get("serve") or {"gpus": 0})["gpus"])
