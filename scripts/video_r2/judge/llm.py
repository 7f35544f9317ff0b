"""A judge behind any server that speaks the OpenAI chat-completions protocol."""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from http.client import HTTPException
from pathlib import Path
from string import ascii_uppercase
from typing import Any, TypeVar

from video_r2 import config
from video_r2.errors import UserError
from video_r2.judge.base import Judge, Reading, Verdict
from video_r2.judge.cache import ReplyCache, key_of
from video_r2.judge.connection import Sockets, described, open_request, read_all, retry_after
from video_r2.judge.replies import (
    ANSWER_SCHEMA,
    CLAIMS_SCHEMA,
    CONSISTENCY_SCHEMA,
    EVIDENCE_SCHEMA,
    InvalidReplyError,
    as_answer,
    as_claims,
    as_score,
    as_truth,
    json_in,
    loads,
    released_decision,
    released_score,
)
from video_r2.judge.server import JudgeServer
from video_r2.reading.claims import Claim

Answer = TypeVar("Answer")

PROMPTS = Path(__file__).parent / "prompts"
LONGEST_WAIT = 30.0  # seconds between two attempts
REPLY_TOKENS = 1024
ALLOWANCE = 3  # failures that no rate is calculated for
REFUSED = (400, 422)  # what servers answer that cannot hold a model to a schema


class LLMJudge(Judge):
    """Asks a model: temperature 0, seeded, in JSON of a given schema, all questions of a batch in flight together.

    A failed request (no connection, time-out, status 408, 429 or 5xx, a reply that does not fit) is tried again after
    a growing wait; what still fails is missing. A reply that fits is kept in the cache (`settings.cache`), so that a question
    that was answered before is not sent again. A server that refuses schemas is asked without them: the prompts name the
    form too.

    Args:
        settings: server, model, cache, time-out, retries, concurrency and the share of missing answers that is allowed.
        semantics: as released, consistency is asked for in words, of which the first line decides, and ratings are brought
            within 0 and 10; else it is a JSON truth value, and a rating beyond 0 and 10 is none.
        wait: seconds before the first further attempt; it doubles from attempt to attempt.
        server: to be started for the first question that is not in the cache, where there is no address.
        version: of the model, beside its name in the keys of the cache.
    """

    def __init__(
        self,
        settings: config.Judge,
        semantics: config.Semantics = "corrected",
        wait: float = 0.5,
        server: JudgeServer | None = None,
        version: str = "",
    ) -> None:
        super().__init__()
        url = server.address.url if server else settings.url
        if url is None:
            raise UserError("the judge asks a model, but there is no judge.url", cure="give a server's address")
        self._server = server
        self._url = url.rstrip("/")
        self._settings = settings
        self._semantics = semantics
        self._version = {"version": version} if version else {}
        self._wait = wait
        self._cache = ReplyCache(settings.cache) if settings.cache else None
        if self._cache:
            self._cache.require_own()
        self._last_failure = ""
        self._knows_schemas = True
        self._sockets = Sockets()

    def claims_of(self, thinks: Sequence[str]) -> list[list[Claim] | None]:
        return self._ask("claims", [{"trace": think} for think in thinks], CLAIMS_SCHEMA, [as_claims] * len(thinks))

    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        questions = [
            {
                "text": reading.text,
                "source": reading.source,
                "type": reading.answer_type,
                "options": dict(zip(ascii_uppercase, reading.options, strict=False)),
            }
            for reading in readings
        ]
        return self._ask("answer", questions, ANSWER_SCHEMA, [partial(as_answer, reading) for reading in readings])

    def consistency_of(self, verdicts: Sequence[Verdict]) -> list[bool | None]:
        questions = [
            {
                "question": verdict.question,
                "options": dict(zip(ascii_uppercase, verdict.options, strict=False)),
                "trace": verdict.think,
                "answer": verdict.answer,
            }
            for verdict in verdicts
        ]
        if self._semantics == "reference":
            return self._ask("consistency_released", questions, None, [released_decision] * len(verdicts))
        return self._ask("consistency", questions, CONSISTENCY_SCHEMA, [as_truth] * len(verdicts))

    def evidence_of(self, thinks: Sequence[str]) -> list[float | None]:
        read = released_score if self._semantics == "reference" else as_score
        return self._ask("evidence", [{"trace": think} for think in thinks], EVIDENCE_SCHEMA, [read] * len(thinks))

    def check_missing(self) -> None:
        if self._is_too_many(self.missing, self.asked) or 0 < self.asked == self.missing:
            raise self._too_many(self.missing, self.asked)

    def close(self) -> None:
        if self._server:
            self._server.close()

    def _is_too_many(self, missing: int, questions: int) -> bool:
        allowance = ALLOWANCE if self._settings.max_missing else 0
        return missing > self._settings.max_missing * questions + allowance

    def _too_many(self, missing: int, asked: int) -> UserError:
        return UserError(
            f"the judge {self._settings.model!r} at {self._url} gave no answer to {missing} of {asked} questions; "
            f"the last failure: {self._last_failure}",
            cure="check that the server runs, or allow it more time, retries or missing answers (judge.timeout, judge.retries, "
            "judge.max_missing; of a command: --timeout, --retries, --max-missing)"
            + (f"; what was answered is kept in {self._settings.cache}" if self._settings.cache else ""),
        )

    def _ask(
        self,
        prompt: str,
        questions: Sequence[Mapping[str, Any]],
        schema: Mapping[str, Any] | None,
        reads: Sequence[Callable[[Any], Answer]],
    ) -> list[Answer | None]:
        """Answers to questions, by a prompt; the replies are JSON of a schema, or any text without one.

        Args:
            reads: how the reply to each question is read.
        """
        requests = [self._request(prompt, question, schema) for question in questions]
        keys = [key_of({**request, **self._version}) for request in requests]
        read_by = dict(zip(keys, reads, strict=True))
        answers = {key: self._remembered(key, read) for key, read in read_by.items()}
        unknown = {key: request for key, request in zip(keys, requests, strict=True) if answers[key] is None}
        answers.update(self._fetch(unknown, read_by, len(questions)))
        self.asked += len(questions)
        self.sent += len(unknown)
        self.missing += sum(answers[key] is None for key in keys)
        return [answers[key] for key in keys]

    def _remembered(self, key: str, read: Callable[[Any], Answer]) -> Answer | None:
        reply = self._cache.get(key) if self._cache else None
        try:
            return None if reply is None else read(reply)
        except InvalidReplyError:
            return None

    def _fetch(
        self, requests: Mapping[str, Mapping[str, Any]], reads: Mapping[str, Callable[[Any], Answer]], questions: int
    ) -> dict[str, Answer | None]:
        """Answers of the server to all requests, which are in flight together; none is sent any more once too many failed.

        Args:
            requests: by their keys.
            reads: how the reply to each is read.
            questions: how many questions the batch has, those included that need no request.
        """
        answers: dict[str, Answer | None] = {}
        failed: list[str] = []
        hopeless = threading.Event()
        self._sockets = Sockets()

        def ask(key: str) -> None:
            if hopeless.is_set():
                return
            answers[key] = self._attempt(key, requests[key], reads[key], hopeless)
            if answers[key] is None:
                failed.append(key)
                if self._is_too_many(self.missing + len(failed), self.asked + questions):
                    hopeless.set()

        if requests and self._server:
            self._server.start()
        with ThreadPoolExecutor(min(self._settings.concurrency, len(requests) or 1)) as pool:
            try:
                for _ in pool.map(ask, requests):
                    pass
            except BaseException:
                # Else what is in flight would be waited for.
                hopeless.set()
                self._sockets.shut()
                self.close()
                raise
        if hopeless.is_set():
            raise self._too_many(self.missing + len(failed), self.asked + questions - len(requests) + len(answers))
        return answers

    def _attempt(
        self, key: str, request: Mapping[str, Any], read: Callable[[Any], Answer], hopeless: threading.Event
    ) -> Answer | None:
        wait = self._wait
        for attempt in range(self._settings.retries + 1):
            try:
                reply = self._reply(request)
                answer = read(reply)
            except urllib.error.HTTPError as error:
                self._last_failure = described(error)
                if error.code not in (408, 409, 425, 429) and error.code < 500:
                    return None
                wait = max(wait, retry_after(error))
            except (OSError, HTTPException, ValueError, InvalidReplyError) as error:
                self._last_failure = f"{type(error).__name__}: {error}"
            else:
                if self._cache:
                    self._cache.put(key, reply)
                return answer
            if self._server and not hopeless.is_set():
                self._server.check()
            if attempt == self._settings.retries or _waited(hopeless, min(wait, LONGEST_WAIT)):
                break
            wait *= 2
        return None

    def _request(self, prompt: str, question: Mapping[str, Any], schema: Mapping[str, Any] | None) -> dict[str, Any]:
        """What is asked for, as the protocol has it."""
        form = {"type": "json_schema", "json_schema": {"name": prompt, "strict": True, "schema": schema}}
        return {
            "model": self._settings.model,
            "messages": [
                {"role": "system", "content": _prompt(prompt)},
                {"role": "user", "content": json.dumps(question, ensure_ascii=False)},
            ],
            "temperature": 0,
            "seed": 0,
            "max_tokens": REPLY_TOKENS,
            **({} if schema is None else {"response_format": form}),
        }

    def _reply(self, request: Mapping[str, Any]) -> Any:
        if "response_format" not in request:
            return self._post(request)
        return json_in(self._reply_to_schema(request))

    def _reply_to_schema(self, request: Mapping[str, Any]) -> Any:
        without_schema = {name: value for name, value in request.items() if name != "response_format"}
        if not self._knows_schemas:
            return self._post(without_schema)
        try:
            return self._post(request)
        except urllib.error.HTTPError as error:
            if error.code not in REFUSED:
                raise
        reply = self._post(without_schema)
        if self._knows_schemas:
            note = "refuses JSON schemas; replies are held to their form by the prompts alone"
            print(f"judge: {self._url} {note}", file=sys.stderr)
        self._knows_schemas = False
        return reply

    def _post(self, content: Mapping[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := self._server.address.key if self._server else os.environ.get("OPENAI_API_KEY", "").strip():
            if not key.isascii() or not key.isprintable():
                # What HTTP would say of it holds the token.
                raise UserError("OPENAI_API_KEY has characters that no token has", cure="set it again")
            headers["Authorization"] = f"Bearer {key}"
        data = json.dumps(content).encode()
        request = urllib.request.Request(f"{self._url}/chat/completions", data, headers)  # noqa: S310
        with open_request(request, self._settings.timeout, self._sockets, direct=self._server is not None) as response:
            body = read_all(response)
        reply = loads(body)
        try:
            return reply["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError) as error:
            raise InvalidReplyError("the reply holds no message") from error


def _waited(event: threading.Event, seconds: float) -> bool:
    """Whether an event came while it was waited for."""
    return event.wait(seconds)


@lru_cache(maxsize=8)
def _prompt(name: str) -> str:
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")
