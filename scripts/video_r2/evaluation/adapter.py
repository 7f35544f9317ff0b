"""What answers, behind lmms-eval's interface: requests become questions, sorted by video, and each has one record."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from typing import NoReturn, TextIO

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from tqdm import tqdm

from video_r2 import config
from video_r2.errors import RejectedRecord
from video_r2.evaluation.answering import Asked, Put, Response
from video_r2.evaluation.kept import Kept, Question
from video_r2.reading.responses import with_own_tags

BATCHES_AT_ONCE = 8  # batches whose videos are held in memory together, and among which prompts are sorted by length


class VideoR2Model(lmms):
    """Answers lmms-eval's requests about this project's questions.

    The answers are kept in `responses`, by benchmark and question id: lmms-eval itself has no place for a missing one.

    Args:
        put: has questions answered.
        batch: questions that are answered in one batch.
        starts: beginnings that responses are given, by benchmark and question id; a question with a reason in place of
            a beginning is not put.
        kept: takes the answers as they come, and knows those of a job that was broken off, which are not asked for again;
            None keeps them in memory only.
        form: how the model marks the parts of its responses.
        progress: where the progress bar is drawn, and all goes that is printed meanwhile, since lmms-eval's own words may be
            kept elsewhere; None for the standard error stream.
    """

    def __init__(
        self,
        put: Put,
        batch: int,
        starts: Mapping[Question, str | RejectedRecord] | None = None,
        kept: Kept[Response] | None = None,
        form: config.ResponseFormat | None = None,
        progress: TextIO | None = None,
    ) -> None:
        super().__init__()
        self.put = put
        self.chunk = BATCHES_AT_ONCE * batch
        self.starts = starts or {}
        self.form = form or config.ResponseFormat()
        self.progress = progress
        self.kept = kept or Kept(Response)
        self.responses = self.kept.results

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answer every request, those about one video together; the answers come in the order of `requests`."""
        asked = [self._asked(request) for request in requests]
        by_video = sorted(asked, key=lambda each: (each.video, each.subtitle))
        parts = [by_video[first : first + self.chunk] for first in range(0, len(by_video), self.chunk)]
        chunks = [(part, {each.key for each in part if each.key in self.responses}) for part in parts]
        chunks = [(part, known) for part, known in chunks if len(known) < len(part)]
        done = sum(each.key in self.responses for each in asked)
        stream = self.progress or sys.stderr
        with (
            redirect_stdout(stream),
            redirect_stderr(stream),
            tqdm(total=len(asked), initial=done, desc="answering", unit="question", file=stream) as bar,
        ):
            for responses in self.put(chunks) if chunks else ():
                bar.update(len(responses.keys() - self.responses.keys()))
                # Why a question cannot be put is not kept: it may have been mended when the job goes on.
                self.kept.add(
                    {
                        key: replace(each, text=with_own_tags(each.text or "", self.form))
                        for key, each in responses.items()
                        if each.rejected is None
                    }
                )
                self.responses.update({key: each for key, each in responses.items() if each.rejected is not None})
        return [_result(self.responses[each.key]) for each in asked]

    def _asked(self, request: Instance) -> Asked:
        prompt, settings, _, at, task, split = request.args
        doc = self.task_dict[task][split][at]
        key = str(doc["benchmark"]), str(doc["id"])
        limit, start = settings["max_new_tokens"], self.starts.get(key, "")
        return Asked(key, str(doc["video"]), str(doc["subtitle"]), prompt, limit, start)

    def clean(self) -> None:
        """Keep the model: lmms-eval would drop it here to make room for a judge, which this project has elsewhere."""

    def loglikelihood(self, requests: Sequence[Instance]) -> NoReturn:
        """Not needed: every task of this project generates."""
        raise NotImplementedError("this model answers generate_until only")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> NoReturn:
        """Not needed: every task of this project has one round."""
        raise NotImplementedError("this model answers generate_until only")


def _result(response: Response) -> GenerationResult:
    return GenerationResult(response.text or "", TokenCounts(output_tokens=response.tokens))
