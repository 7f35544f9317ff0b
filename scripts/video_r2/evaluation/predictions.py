"""From prepared questions to predictions, through lmms-eval."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pandas as pd
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager
from loguru import logger

from video_r2 import config
from video_r2.errors import UserError
from video_r2.evaluation.adapter import VideoR2Model
from video_r2.evaluation.answering import Response
from video_r2.evaluation.prompts import Style
from video_r2.evaluation.tasks import write_tasks
from video_r2.reading.responses import parse_response
from video_r2.records import PREDICTION, QUESTION, read_table

BYTES_PER_TOKEN = 16  # four characters, in the journal and three times in the table: response, think block, answer
BYTES_PER_QUESTION = 8192  # question, options, grounding and prompt, in the same places


def answers_size(questions: int, max_new_tokens: int) -> int:
    """Bytes that answers take on the disk, at most, in their journal and their tables together."""
    return questions * (BYTES_PER_QUESTION + BYTES_PER_TOKEN * max_new_tokens)


def read_questions(path: str | Path, benchmark: str) -> pd.DataFrame:
    """Read a benchmark's questions.

    Raises:
        UserError: if there are none, or two have one id.
    """
    questions = read_table(path, QUESTION)
    if questions.empty:
        raise UserError(f"benchmark {benchmark} has no questions", file=path, cure="see why its records were rejected")
    twice = questions["id"][questions["id"].duplicated()]
    if len(twice):
        raise UserError("two questions have this id", file=path, record=str(twice.iloc[0]), cure="prepare it again")
    return questions


def ask(
    model: VideoR2Model,
    questions: Mapping[str, str | Path],
    benchmarks: Mapping[str, config.Benchmark],
    prompts: config.Prompts,
    style: Style,
    max_new_tokens: int,
) -> dict[str, float]:
    """Put every question to the model by lmms-eval; the answers are then in `model.responses`.

    Args:
        questions: table of questions of each benchmark.

    Returns:
        lmms-eval's own accuracy of each benchmark, in percent; a missing answer counts as wrong there.
    """
    logger.disable("lmms_eval")
    said = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="video-r2-tasks-") as folder:
        names = write_tasks(Path(folder), questions, benchmarks, prompts, style, max_new_tokens)
        model.progress = model.progress or sys.stderr
        try:
            with redirect_stderr(said), redirect_stdout(said):
                results = simple_evaluate(
                    model=model,
                    tasks=names,
                    task_manager=TaskManager(include_path=folder, include_defaults=False),
                    bootstrap_iters=0,
                    log_samples=False,
                    process_docs_parallel=1,
                )
        except BaseException:
            sys.stderr.write(said.getvalue())
            raise
    return {
        benchmark: float(results["results"][name]["accuracy,none"])
        for benchmark, name in zip(questions, names, strict=True)
    }


def make_predictions(
    questions: pd.DataFrame, responses: Mapping[tuple[str, str], Response], evaluation: str, seed: int, style: Style
) -> pd.DataFrame:
    """Put questions and responses together as rows of `records.PREDICTION`, one per question and in their order."""
    rows: list[dict[str, Any]] = []
    for values in questions[list(QUESTION)].itertuples(index=False, name=None):
        question: dict[str, Any] = dict(zip(QUESTION, values, strict=True))
        response = responses[question["benchmark"], question["id"]]
        parsed = parse_response(response.text)
        answer = parsed.answer
        if answer is None and style == "direct" and response.text is not None:
            answer = response.text.strip()
        rows.append(
            {
                **question,
                "evaluation": evaluation,
                "seed": seed,
                "prompt": response.prompt,
                "response": response.text,
                "think": parsed.think,
                "answer": answer,
                "times": parsed.times,
                "tokens": response.tokens,
                "finished": response.finished,
            }
        )
    return pd.DataFrame(rows, columns=list(PREDICTION))
