"""What a question is when it is put, what comes back, and what every kind of model that can be asked has in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from video_r2.errors import RejectedRecord
from video_r2.evaluation.kept import Question


@dataclass(frozen=True)
class Asked:
    """A question as it is put to a model: plain values, so that another process can put it.

    Attributes:
        key: name of the benchmark, and id of the question.
        video, subtitle: files; the latter empty if there is none.
        prompt: the text that goes with the video.
        max_new_tokens: limit of the response.
        start: the beginning that the response is given; or why the question is not put.
    """

    key: Question
    video: str
    subtitle: str
    prompt: str
    max_new_tokens: int
    start: str | RejectedRecord = ""


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


Responses = Mapping[Question, Response]


class Answerer(Protocol):
    """A model that answers questions about videos."""

    def answer(self, questions: Sequence[Asked], known: Set[Question]) -> Iterator[Responses]:
        """Answer questions, some at a time.

        Args:
            questions: of one chunk.
            known: those whose answers are there; they are put again only with others of their batch, since a response may
                differ in its last bits with what stands beside it.

        Yields:
            responses as they come, all at once that belong together.
        """
        ...


Chunk = tuple[Sequence[Asked], Set[Question]]
"""Questions that are put together, and those of them whose answers are there."""

Open = Callable[[], Answerer]
"""Loads a model on what its process sees."""

Put = Callable[[Sequence[Chunk]], Iterator[Responses]]
"""Has chunks answered, in whatever order."""


def put_here(open_answerer: Open) -> Put:
    """Answer in this process."""

    def put(chunks: Sequence[Chunk]) -> Iterator[Responses]:
        answerer = open_answerer()
        for questions, known in chunks:
            yield from answerer.answer(questions, known)

    return put


def question_seed(seed: int, benchmark: str, question: str) -> int:
    """Seed of one question's random numbers: the same for every model, so that differences between models vary less."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{benchmark}/{question}".encode()).digest()[:8], "big")
