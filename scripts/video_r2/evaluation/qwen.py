"""A Qwen2.5-VL that answers: clips from the frame cache, each read once for all questions on it, and batched decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from video_r2 import config
from video_r2.errors import RejectedRecord
from video_r2.evaluation.answering import Asked, Response, Responses, question_seed
from video_r2.evaluation.kept import Question
from video_r2.evaluation.prefixes import PrefixReader
from video_r2.model.generation import Completion, Prompt, batches_of, generate, make_suffix


@dataclass(frozen=True)
class QwenAnswerer:
    """Answers with this project's own decoding.

    Attributes:
        reader: the model, its processor, and what it is shown of the videos.
        decoding: temperature, top_k and batch.
        seed: of sampling; every question draws from its own random numbers, whatever stands beside it in a batch.
    """

    reader: PrefixReader
    decoding: config.Decoding
    seed: int

    def answer(self, questions: Sequence[Asked], known: Set[Question]) -> Iterator[Responses]:
        """Answer questions whose videos fit into memory together; batches of which all is known are left out."""
        prefixes = self.reader.read([(asked.video, asked.subtitle) for asked in questions], self.decoding.batch)
        put: list[Asked] = []
        prompts: list[Prompt] = []
        rejected: dict[Question, Response] = {}
        for asked in questions:
            prefix = prefixes[asked.video, asked.subtitle]
            if isinstance(prefix, RejectedRecord):
                rejected[asked.key] = Response(asked.prompt, rejected=prefix)
            elif isinstance(asked.start, RejectedRecord):
                rejected[asked.key] = Response(asked.prompt, rejected=asked.start)
            else:
                suffix = make_suffix(self.reader.processor, asked.prompt, asked.start)
                prompts.append(Prompt(prefix, suffix, asked.max_new_tokens, question_seed(self.seed, *asked.key)))
                put.append(asked)
        yield rejected
        for batch in batches_of(prompts, self.decoding.batch):
            if all(put[at].key in known for at in batch):
                continue
            completions = generate(
                self.reader.model,
                [prompts[at] for at in batch],
                batch=len(batch),
                temperature=self.decoding.temperature,
                top_k=self.decoding.top_k,
            )
            said = zip(batch, completions, strict=True)
            yield {put[at].key: self._response(put[at], completion) for at, completion in said}

    def _response(self, asked: Asked, completion: Completion) -> Response:
        text = f"{asked.start}{self.reader.processor.tokenizer.decode(completion.tokens)}"
        return Response(asked.prompt, text, len(completion.tokens), completion.finished)
