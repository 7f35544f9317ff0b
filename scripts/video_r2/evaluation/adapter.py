"""The model behind lmms-eval's interface: clips from the frame cache, batched decoding, one record per answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from tqdm import tqdm

from video_r2 import config
from video_r2.errors import RejectedRecord
from video_r2.evaluation.prefixes import PrefixReader
from video_r2.model.generation import Prompt, generate, make_suffix

BATCHES_AT_ONCE = 8  # batches whose videos are held in memory together, and among which prompts are sorted by length


@dataclass(frozen=True)
class Response:
    """What the model said to one question.

    Attributes:
        prompt: the text that it was given.
        text: forced start and what was generated; None if the question could not be put.
        tokens: tokens generated.
        finished: whether the response ended by itself.
        rejected: why the question could not be put.
    """

    prompt: str
    text: str | None = None
    tokens: int = 0
    finished: bool = False
    rejected: RejectedRecord | None = None


class VideoR2Model(lmms):
    """A Qwen2.5-VL that answers lmms-eval's requests about this project's questions.

    The answers are kept in `responses`, by benchmark and question id: lmms-eval itself has no place for a missing one.

    Args:
        reader: the model, its processor, and what it is shown of the videos.
        decoding: temperature, top_k and batch; the tasks say how long a response may be.
        seed: of sampling; every question draws from its own random numbers, whatever stands beside it in a batch.
        starts: beginnings that responses are given, by benchmark and question id; a question with a reason in place of
            a beginning is not put.
        progress: where the progress bar is drawn; None for the standard error stream.
    """

    def __init__(
        self,
        reader: PrefixReader,
        decoding: config.Decoding,
        seed: int,
        starts: Mapping[tuple[str, str], str | RejectedRecord] | None = None,
        progress: TextIO | None = None,
    ) -> None:
        super().__init__()
        self.reader = reader
        self.device = reader.model.device
        self.decoding = decoding
        self.seed = seed
        self.starts = starts or {}
        self.progress = progress
        self.responses: dict[tuple[str, str], Response] = {}

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answer every request, those about one video together; the answers come in the order of `requests`."""
        docs = [self._doc(request) for request in requests]
        by_video = sorted(range(len(docs)), key=lambda at: (docs[at]["video"], docs[at]["subtitle"]))
        chunk = BATCHES_AT_ONCE * self.decoding.batch
        with tqdm(total=len(docs), desc="answering", unit="question", file=self.progress) as bar:
            for first in range(0, len(by_video), chunk):
                some = by_video[first : first + chunk]
                self._answer([(docs[at], *requests[at].args[:2]) for at in some], bar)
        return [_result(self.responses[_key(doc)]) for doc in docs]

    def _answer(self, questions: Sequence[tuple[Mapping[str, Any], str, Mapping[str, Any]]], bar: tqdm) -> None:
        shown = [(str(doc["video"]), str(doc["subtitle"])) for doc, _, _ in questions]
        prefixes = self.reader.read(shown, self.decoding.batch)
        prompts: dict[tuple[str, str], Prompt] = {}
        texts: dict[tuple[str, str], tuple[str, str]] = {}
        for doc, text, settings in questions:
            key = _key(doc)
            prefix = prefixes[str(doc["video"]), str(doc["subtitle"])]
            start = self.starts.get(key, "")
            if isinstance(prefix, RejectedRecord):
                self.responses[key] = Response(text, rejected=prefix)
            elif isinstance(start, RejectedRecord):
                self.responses[key] = Response(text, rejected=start)
            else:
                suffix = make_suffix(self.reader.processor, text, start)
                prompts[key] = Prompt(prefix, suffix, settings["max_new_tokens"], question_seed(self.seed, *key))
                texts[key] = (text, start)
        bar.update(len(questions) - len(prompts))
        completions = generate(
            self.reader.model,
            list(prompts.values()),
            batch=self.decoding.batch,
            temperature=self.decoding.temperature,
            top_k=self.decoding.top_k,
            on_done=bar.update,
        )
        for key, completion in zip(prompts, completions, strict=True):
            prompt, start = texts[key]
            text = start + self.reader.processor.tokenizer.decode(completion.tokens)
            self.responses[key] = Response(prompt, text, len(completion.tokens), completion.finished)

    def _doc(self, request: Instance) -> Mapping[str, Any]:
        _, _, _, at, task, split = request.args
        return self.task_dict[task][split][at]

    def clean(self) -> None:
        """Keep the model: lmms-eval would drop it here to make room for a judge, which this project has elsewhere."""

    def loglikelihood(self, requests: Sequence[Instance]) -> NoReturn:
        """Not needed: every task of this project generates."""
        raise NotImplementedError("this model answers generate_until only")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> NoReturn:
        """Not needed: every task of this project has one round."""
        raise NotImplementedError("this model answers generate_until only")


def question_seed(seed: int, benchmark: str, question: str) -> int:
    """Seed of one question's random numbers: the same for every model, so that differences between models vary less."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{benchmark}/{question}".encode()).digest()[:8], "big")


def _key(doc: Mapping[str, Any]) -> tuple[str, str]:
    return str(doc["benchmark"]), str(doc["id"])


def _result(response: Response) -> GenerationResult:
    return GenerationResult(response.text or "", TokenCounts(output_tokens=response.tokens))
