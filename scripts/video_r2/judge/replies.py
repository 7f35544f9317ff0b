"""What replies of a model are to look like, and how they are read."""

from __future__ import annotations

import json
import math
from typing import Any

from video_r2.files import writable
from video_r2.judge.base import Reading
from video_r2.reading.answering import quantity_of
from video_r2.reading.answers import choice_of
from video_r2.reading.claims import Claim
from video_r2.reading.times import parse_time

LONGEST_TIME = 64  # characters; anything longer that a server calls a time is none


class InvalidReplyError(Exception):
    """A reply that is not what was asked for."""


def json_in(content: Any) -> Any:
    """The JSON object of a reply, which may stand in a code fence, after a few words or after a trace of its own."""
    if isinstance(content, str):
        content = content.rpartition("</think>")[2]
    if not isinstance(content, str) or "{" not in content or "}" not in content:
        raise InvalidReplyError("the reply holds no JSON object")
    return loads(content[content.index("{") : content.rindex("}") + 1])


def loads(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InvalidReplyError("the reply is nested too deeply") from error


def _schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_TEXT = {"type": "string"}
CLAIMS_SCHEMA = _schema(claims={"type": "array", "items": _schema(time=_TEXT, text=_TEXT)})
ANSWER_SCHEMA = _schema(answer=_TEXT)
CONSISTENCY_SCHEMA = _schema(consistent={"type": "boolean"})
EVIDENCE_SCHEMA = _schema(score={"type": "integer", "minimum": 0, "maximum": 10})


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


def as_claims(reply: Any) -> list[Claim]:
    claims = []
    for entry in _field(reply, "claims", list):
        written, text = _text_field(entry, "time"), _text_field(entry, "text")
        short = len(written) <= LONGEST_TIME
        claims.append(Claim(written[:LONGEST_TIME], parse_time(written) if short else None, text))
    return claims


_NOTHING = frozenset({"", "none", "null", "n/a"})  # what models write for an answer that is not there


def as_answer(reading: Reading, reply: Any) -> str:
    """The answer of a reply, "" for none; a choice that is no option, or a number that is none, does not fit."""
    answer = _text_field(reply, "answer").strip()
    if reading.answer_type == "text":
        return answer
    is_choice = reading.answer_type == "choice"
    found = choice_of(answer, reading.options) if is_choice else quantity_of(answer, reading.question) and answer
    if not found and answer.casefold().rstrip(".") not in _NOTHING:
        raise InvalidReplyError(f"the reply {answer[:LONGEST_TIME]!r} is no {reading.answer_type}")
    return found or ""


def as_truth(reply: Any) -> bool:
    value = _field(reply, "consistent", (bool, str))
    if isinstance(value, bool):
        return value
    if value.strip().lower() not in ("true", "false"):
        raise InvalidReplyError("the reply says neither true nor false")
    return bool(value.strip().lower() == "true")


def released_decision(reply: Any) -> bool:
    """Whether the first line that is not empty begins with TRUE, in any case of letters, or holds it and no FALSE."""
    if not isinstance(reply, str):
        raise InvalidReplyError("the reply is no text")
    line = next(filter(None, map(str.strip, reply.upper().splitlines())), "")
    return line.startswith("TRUE") or ("TRUE" in line and "FALSE" not in line)


def as_score(reply: Any) -> float:
    score = _number_field(reply, "score", (int, float, str))
    if not 0 <= score <= 10:
        raise InvalidReplyError(f"the score {score} is not within 0 and 10")
    return score


def released_score(reply: Any) -> float:
    return min(max(_number_field(reply, "score", (int, float)), 0.0), 10.0)


def _number_field(reply: Any, name: str, kinds: tuple[type, ...]) -> float:
    try:
        number = float(_field(reply, name, kinds))
    except (ValueError, OverflowError) as error:
        raise InvalidReplyError(f"the {name} is no number") from error
    if not math.isfinite(number):
        raise InvalidReplyError(f"the {name} {number} is no number")
    return number
