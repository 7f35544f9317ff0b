"""A judge behind any server that speaks the OpenAI chat-completions protocol."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from string import ascii_uppercase
from typing import Any, TypeVar, cast

from video_r2 import config
from video_r2.errors import UserError
from video_r2.files import writable
from video_r2.judge.base import Judge, Reading, Verdict
from video_r2.judge.cache import ReplyCache, key_of
from video_r2.judge.server import JudgeServer
from video_r2.reading.answering import quantity_of
from video_r2.reading.answers import choice_of
from video_r2.reading.claims import Claim
from video_r2.reading.times import parse_time

Answer = TypeVar("Answer")

PROMPTS = Path(__file__).parent / "prompts"
LONGEST_TIME = 64  # characters; anything longer that a server calls a time is none
LONGEST_REPLY = 1 << 20  # bytes
LONGEST_ERROR, LONGEST_SAID = 1 << 14, 200  # bytes read of what a server says of an error, characters told of it
LONGEST_WAIT = 30.0  # seconds between two attempts
REPLY_TOKENS = 1024
ALLOWANCE = 3  # failures that no rate is calculated for
REFUSED = (400, 422)  # what servers answer that cannot hold a model to a schema


class InvalidReplyError(Exception):
    """A reply that is not what was asked for."""


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
        self._sockets = _Sockets()

    def claims_of(self, thinks: Sequence[str]) -> list[list[Claim] | None]:
        return self._ask("claims", [{"trace": think} for think in thinks], _CLAIMS_SCHEMA, [_as_claims] * len(thinks))

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
        return self._ask("answer", questions, _ANSWER_SCHEMA, [partial(_as_answer, reading) for reading in readings])

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
            return self._ask("consistency_released", questions, None, [_released_decision] * len(verdicts))
        return self._ask("consistency", questions, _CONSISTENCY_SCHEMA, [_as_truth] * len(verdicts))

    def evidence_of(self, thinks: Sequence[str]) -> list[float | None]:
        read = _released_score if self._semantics == "reference" else _as_score
        return self._ask("evidence", [{"trace": think} for think in thinks], _EVIDENCE_SCHEMA, [read] * len(thinks))

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
        self._sockets = _Sockets()

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
                self._last_failure = _described(error)
                if error.code not in (408, 409, 425, 429) and error.code < 500:
                    return None
                wait = max(wait, _retry_after(error))
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
        return _json_in(self._reply_to_schema(request))

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
        with _open(request, self._settings.timeout, self._sockets, direct=self._server is not None) as response:
            body = _read_all(response)
        reply = _loads(body)
        try:
            return reply["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError) as error:
            raise InvalidReplyError("the reply holds no message") from error


def _waited(event: threading.Event, seconds: float) -> bool:
    """Whether an event came while it was waited for."""
    return event.wait(seconds)


class _Sockets:
    """Those that replies are waited for at, so that the waiting can be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._is_shut = False

    def add(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)
            if self._is_shut:
                _shut(sock)

    def shut(self) -> None:
        with self._lock:
            self._is_shut = True
            for sock in self._open:
                _shut(sock)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _open(request: urllib.request.Request, seconds: float, sockets: _Sockets, direct: bool) -> HTTPResponse:
    """The reply to a request, all of which must be read before so many seconds are over, however slowly it drips.

    Args:
        sockets: what is to know where it is waited for.
        direct: whatever proxy the environment names, which would look for this machine's loopback on its own.
    """
    ends = time.monotonic() + seconds
    proxies = urllib.request.ProxyHandler({} if direct else None)
    opener = urllib.request.build_opener(
        proxies, _NoRedirects, _TimelyHTTPHandler(ends, sockets), _TimelyHTTPSHandler(ends, sockets)
    )
    return cast(HTTPResponse, opener.open(request, timeout=seconds))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A question is not asked elsewhere, and a token told to nobody else."""

    def redirect_request(self, *unused: Any) -> None:
        return None


class _TimelyHTTPHandler(urllib.request.HTTPHandler):
    def __init__(self, ends: float, sockets: _Sockets) -> None:
        super().__init__()
        self._timely = partial(_timely, ends, sockets)

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(self._timely, HTTPConnection), req)


class _TimelyHTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, ends: float, sockets: _Sockets) -> None:
        super().__init__()
        self._timely = partial(_timely, ends, sockets)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(self._timely, HTTPSConnection), req)


def _timely(
    ends: float, sockets: _Sockets, connection: type[HTTPConnection], host: str, timeout: float
) -> HTTPConnection:
    """A connection all of whose replies end at a moment of the monotonic clock."""
    made = connection(host, timeout=timeout)
    made.response_class = partial(_TimelyResponse, ends, sockets)  # type: ignore[assignment]
    return made


class _TimelyResponse(HTTPResponse):
    def __init__(self, ends: float, sockets: _Sockets, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        sockets.add(sock)
        self.fp = io.BufferedReader(_TimelyReader(self.fp.detach(), sock, ends))


class _TimelyReader(io.RawIOBase):
    """Reads from a socket, whose own time-out begins anew with every byte, until a moment of the monotonic clock."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, ends: float) -> None:
        self._raw, self._sock, self._ends = raw, sock, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the reply takes too long")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _read_all(response: HTTPResponse) -> bytes:
    """The body of a reply, which may come in drops."""
    body = bytearray()
    while part := response.read1(1 << 16):
        body += part
        if len(body) > LONGEST_REPLY:
            raise InvalidReplyError("the reply is too long")
    return bytes(body)


@lru_cache(maxsize=8)
def _prompt(name: str) -> str:
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")


def _described(error: urllib.error.HTTPError) -> str:
    """The status, and what the server says of it; where it refuses a token, that may be part of what it says."""
    said = ""
    if error.code not in (401, 403):
        with contextlib.suppress(OSError, HTTPException):
            said = error.read(LONGEST_ERROR).decode("utf-8", "replace")
    with contextlib.suppress(ValueError, RecursionError, KeyError, TypeError):
        reply = json.loads(said)
        said = str(reply["error"]["message"] if isinstance(reply["error"], dict) else reply["error"])
    line = writable(" ".join(said.split()))[:LONGEST_SAID]
    return f"HTTP status {error.code}" + (f" ({line})" if line else "")


def _retry_after(error: urllib.error.HTTPError) -> float:
    try:
        return max(0.0, float(error.headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


def _json_in(content: Any) -> Any:
    """The JSON object of a reply, which may stand in a code fence, after a few words or after a trace of its own."""
    if isinstance(content, str):
        content = content.rpartition("</think>")[2]
    if not isinstance(content, str) or "{" not in content or "}" not in content:
        raise InvalidReplyError("the reply holds no JSON object")
    return _loads(content[content.index("{") : content.rindex("}") + 1])


def _loads(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InvalidReplyError("the reply is nested too deeply") from error


# --- what is asked for, and how it is read ----------------------------------------------------------------------------


def _schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_TEXT = {"type": "string"}
_CLAIMS_SCHEMA = _schema(claims={"type": "array", "items": _schema(time=_TEXT, text=_TEXT)})
_ANSWER_SCHEMA = _schema(answer=_TEXT)
_CONSISTENCY_SCHEMA = _schema(consistent={"type": "boolean"})
_EVIDENCE_SCHEMA = _schema(score={"type": "integer", "minimum": 0, "maximum": 10})


def _field(reply: Any, name: str, kind: type | tuple[type, ...]) -> Any:
    value = reply.get(name) if isinstance(reply, dict) else None
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise InvalidReplyError(f"the reply has no fitting {name!r}")
    return value


def _text_field(reply: Any, name: str) -> str:
    """A text, for which some models write a number, or null where there is none."""
    if isinstance(reply, dict) and name in reply and reply[name] is None:
        return ""
    return writable(str(_field(reply, name, (str, int, float))))


def _as_claims(reply: Any) -> list[Claim]:
    claims = []
    for entry in _field(reply, "claims", list):
        written, text = _text_field(entry, "time"), _text_field(entry, "text")
        short = len(written) <= LONGEST_TIME
        claims.append(Claim(written[:LONGEST_TIME], parse_time(written) if short else None, text))
    return claims


_NOTHING = frozenset({"", "none", "null", "n/a"})  # what models write for an answer that is not there


def _as_answer(reading: Reading, reply: Any) -> str:
    """The answer of a reply, "" for none; a choice that is no option, or a number that is none, does not fit."""
    answer = _text_field(reply, "answer").strip()
    if reading.answer_type == "text":
        return answer
    is_choice = reading.answer_type == "choice"
    found = choice_of(answer, reading.options) if is_choice else quantity_of(answer, reading.question) and answer
    if not found and answer.casefold().rstrip(".") not in _NOTHING:
        raise InvalidReplyError(f"the reply {answer[:LONGEST_TIME]!r} is no {reading.answer_type}")
    return found or ""


def _as_truth(reply: Any) -> bool:
    value = _field(reply, "consistent", (bool, str))
    if isinstance(value, bool):
        return value
    if value.strip().lower() not in ("true", "false"):
        raise InvalidReplyError("the reply says neither true nor false")
    return bool(value.strip().lower() == "true")


def _released_decision(reply: Any) -> bool:
    """Whether the first line that is not empty begins with TRUE, in any case of letters, or holds it and no FALSE."""
    if not isinstance(reply, str):
        raise InvalidReplyError("the reply is no text")
    line = next(filter(None, map(str.strip, reply.upper().splitlines())), "")
    return line.startswith("TRUE") or ("TRUE" in line and "FALSE" not in line)


def _as_score(reply: Any) -> float:
    score = _number_field(reply, "score", (int, float, str))
    if not 0 <= score <= 10:
        raise InvalidReplyError(f"the score {score} is not within 0 and 10")
    return score


def _released_score(reply: Any) -> float:
    return min(max(_number_field(reply, "score", (int, float)), 0.0), 10.0)


def _number_field(reply: Any, name: str, kinds: tuple[type, ...]) -> float:
    try:
        number = float(_field(reply, name, kinds))
    except (ValueError, OverflowError) as error:
        raise InvalidReplyError(f"the {name} is no number") from error
    if not math.isfinite(number):
        raise InvalidReplyError(f"the {name} {number} is no number")
    return number
