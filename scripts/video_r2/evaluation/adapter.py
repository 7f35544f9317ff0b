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
from video_r2.evaluation.kept import Kept, Question
from video_r2.evaluation.prefixes import PrefixReader
from video_r2.model.generation import Completion, Prompt, batches_of, generate, make_suffix

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
        kept: takes the answers as they come, and knows those of a job that was broken off, which are not asked for again;
            None keeps them in memory only.
        progress: where the progress bar is drawn; None for the standard error stream.
    """

    def __init__(
        self,
        reader: PrefixReader,
        decoding: config.Decoding,
        seed: int,
        starts: Mapping[Question, str | RejectedRecord] | None = None,
        kept: Kept[Response] | None = None,
        progress: TextIO | None = None,
    ) -> None:
        super().__init__()
        self.reader = reader
        self.device = reader.model.device
        self.decoding = decoding
        self.seed = seed
        self.starts = starts or {}
        self.progress = progress
        self.kept = kept or Kept(Response)
        self.responses = self.kept.results

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
        """Put questions whose videos fit into memory together."""
        if all(_key(doc) in self.responses for doc, _, _ in questions):
            bar.update(len(questions))
            return
        shown = [(str(doc["video"]), str(doc["subtitle"])) for doc, _, _ in questions]
        prefixes = self.reader.read(shown, self.decoding.batch)
        prompts: dict[Question, Prompt] = {}
        texts: dict[Question, tuple[str, str]] = {}
        rejected: dict[Question, Response] = {}
        for doc, text, settings in questions:
            key = _key(doc)
            prefix = prefixes[str(doc["video"]), str(doc["subtitle"])]
            start = self.starts.get(key, "")
            if isinstance(prefix, RejectedRecord):
                rejected[key] = Response(text, rejected=prefix)
            elif isinstance(start, RejectedRecord):
                rejected[key] = Response(text, rejected=start)
            else:
                suffix = make_suffix(self.reader.processor, text, start)
                prompts[key] = Prompt(prefix, suffix, settings["max_new_tokens"], question_seed(self.seed, *key))
                texts[key] = (text, start)
        self.responses.update(rejected)
        bar.update(len(rejected))
        keys = list(prompts)
        for batch in batches_of(list(prompts.values()), self.decoding.batch):
            some = [keys[at] for at in batch]
            if any(key not in self.responses for key in some):
                completions = generate(
                    self.reader.model,
                    [prompts[key] for key in some],
                    batch=len(some),
                    temperature=self.decoding.temperature,
                    top_k=self.decoding.top_k,
                )
                said = zip(some, completions, strict=True)
                self.kept.add({key: self._response(*texts[key], completion) for key, completion in said})
            bar.update(len(some))

    def _response(self, prompt: str, start: str, completion: Completion) -> Response:
        text = start + self.reader.processor.tokenizer.decode(completion.tokens)
        return Response(prompt, text, len(completion.tokens), completion.finished)

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


def _key(doc: Mapping[str, Any]) -> Question:
    return str(doc["benchmark"]), str(doc["id"])


def _result(response: Response) -> GenerationResult:
    return GenerationResult(response.text or "", TokenCounts(output_tokens=response.tokens))
