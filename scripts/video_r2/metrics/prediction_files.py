"""Predictions from files of several kinds, for use of the metrics without the workflow.

Three kinds are read: this project's Parquet files, the same columns as JSON lines, and what lmms-eval writes with
`--log_samples`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any, get_args

from video_r2.data.options import options_in
from video_r2.errors import UserError
from video_r2.files import writable
from video_r2.judge.base import AnswerType
from video_r2.metrics.released import READERS
from video_r2.metrics.summaries import read_predictions
from video_r2.reading.responses import parse_response
from video_r2.rewards.accuracy import target_letter

Grounding = Mapping[str, Mapping[str, str]]
"""What happens in the video of each question: sentences by their times, by the question's id."""

_SAMPLES = re.compile(r"(?:^|_)samples_(?P<task>.+)$")
_JSON_LINES = "give this project's Parquet or JSON lines, or what lmms-eval writes with --log_samples"


def read_any_predictions(path: str | Path, groundings: Grounding | None = None) -> list[dict[str, Any]]:
    """Read predictions as records with the columns of `records.PREDICTION` that metrics look at.

    Args:
        path: a `.parquet` file of this project; any other file is read as JSON lines. A line with a field `response` has
            this project's columns, of which only that one is needed; one with `resps` or `filtered_resps` is
            lmms-eval's. Where options are not given they are read out of the prompt, and the type of an answer follows from
            them and from the target.
        groundings: laid over those that the records have.

    Raises:
        UserError: if the file is missing or empty, or a record is of none of these kinds.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("there is no such file", file=path, cure=_JSON_LINES)
    records = read_predictions(path) if path.suffix == ".parquet" else [_record(*line, path) for line in _lines(path)]
    if not records:
        raise UserError("there are no predictions", file=path, cure=_JSON_LINES)
    for record in records:
        found = (groundings or {}).get(str(record["id"]))
        if found is not None:
            record["grounding"] = json.dumps(found, ensure_ascii=False)
    return records


def read_groundings(path: str | Path) -> dict[str, dict[str, str]]:
    """Read what happens when out of a training set: a JSON list, or JSON lines.

    A row's grounding is its field `temporal_grounding` or `grounding`, an object from times to sentences. It belongs to the
    question with the row's `id`, or, where rows have none, with the row's place (from 0), which is lmms-eval's `doc_id`.

    Raises:
        UserError: if the file cannot be read, or a row's grounding is no such object.
    """
    path = Path(path)
    rows = _listed_rows(path)
    groundings = {}
    for place, row in enumerate(rows):
        identity = str(row.get("id", place)) if isinstance(row, dict) else str(place)
        grounding = _grounding_in(row) if isinstance(row, dict) else None
        if grounding is not None:
            groundings[identity] = _checked_grounding(grounding, path, identity)
    if not groundings:
        raise UserError("no row has a field 'temporal_grounding' or 'grounding'", file=path)
    return groundings


def adapter_of(benchmark: str) -> str:
    """The reader of a benchmark or lmms-eval task by its name, such as "videomme" for "videomme_think".

    A name that begins with none of the known ones is its own reader: a benchmark without peculiarities.
    """
    known = [name for name in READERS if benchmark.startswith(name)]
    return max(known, key=len, default=benchmark)


def _listed_rows(path: Path) -> list[Any]:
    text = _text(path)
    if text.lstrip().startswith("["):
        try:
            return list(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise UserError(f"is no JSON list: {error}", file=path) from error
    return [row for _, row in _lines(path)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 text (byte {error.start})", file=path, cure=_JSON_LINES) from error
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", file=path) from error


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbers, from 1, and contents of the lines that are not empty."""
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:  # of numbers with thousands of digits, too
            raise UserError(f"is no JSON: {error}", file=path, record=f"line {number}", cure=_JSON_LINES) from error
        if not isinstance(row, dict):
            raise UserError(
                f"is a {type(row).__name__}, no object", file=path, record=f"line {number}", cure=_JSON_LINES
            )
        yield number, row


def _record(number: int, row: Mapping[str, Any], path: Path) -> dict[str, Any]:
    if "response" in row:
        given, response = row, row["response"]
    elif "resps" in row or "filtered_resps" in row:
        # Where lmms-eval took the trace out of a response, the whole of it stands in `resps`.
        response = _only(_first_given(row, "resps", "filtered_resps"))
        given = {"id": row.get("doc_id"), "question": _prompt_in(row.get("input")), **row}
    else:
        raise UserError(
            f"has neither 'response' nor 'resps' nor 'filtered_resps', but {', '.join(map(repr, row)) or 'nothing'}",
            file=path,
            record=f"line {number}",
            cure=_JSON_LINES,
        )
    if not (response is None or isinstance(response, str)):
        raise UserError(
            f"its response is no text, but {json.dumps(response)[:60]}",
            file=path,
            record=f"line {number}",
            cure="give one text for each question, or null where there is none",
        )
    task = _SAMPLES.search(path.stem)
    identity = str(number - 1 if given.get("id") is None else given["id"])
    question, target = (
        "" if given.get(name) is None else writable(str(given[name])) for name in ("question", "target")
    )
    response = None if response is None else writable(response)
    options = _options(given.get("options"), question)
    kind = answer_type if (answer_type := given.get("answer_type")) in get_args(AnswerType) else _kind(target, options)
    parsed = parse_response(response)
    grounding = _grounding_in(given)
    return {
        "id": identity,
        "benchmark": str(given.get("benchmark") or (task["task"] if task else path.stem)),
        "evaluation": str(given.get("evaluation") or path.resolve().parent.name),
        "seed": given["seed"] if isinstance(given.get("seed"), int) else 0,
        "category": str(given.get("category") or ""),
        "video": str(given.get("video") or identity),
        "question": question,
        "options": options,
        "answer_type": kind,
        "target": _target_of_choice(target, options) if kind == "choice" else target,
        "grounding": "{}" if grounding is None else json.dumps(_checked_grounding(grounding, path, f"line {number}")),
        "response": response,
        "think": _text_in(given, "think", parsed.think),
        "answer": _text_in(given, "answer", parsed.answer),
    }


def _text_in(given: Mapping[str, Any], field: str, otherwise: str | None) -> str | None:
    value = given.get(field, otherwise)
    if value is not None and not isinstance(value, str):
        value = otherwise
    return None if value is None else writable(value)


def _first_given(row: Mapping[str, Any], *fields: str) -> Any:
    """What stands in the first of these fields that is not null."""
    return next((row[field] for field in fields if row.get(field) is not None), None)


def _only(responses: Any) -> Any:
    """The response that lmms-eval holds in one or two lists."""
    while isinstance(responses, list) and len(responses) == 1:
        responses = responses[0]
    return responses


def _prompt_in(given: Any) -> Any:
    """The text of a prompt, which lmms-eval logs as a text, or for chat models as messages, of which the user's count."""
    if isinstance(given, list):
        return "\n".join(filter(None, map(_prompt_in, given)))
    if isinstance(given, dict):
        return "" if given.get("role", "user") != "user" else _prompt_in(given.get("content", given.get("text", "")))
    return given


def _options(given: Any, question: str) -> list[str]:
    """Texts of the options, without their letters: a list, an object by letters or a text, else those in the question."""
    if isinstance(given, dict):
        given = [f"{letter}. {given[letter]}" for letter in sorted(given)]
    lines = list(map(str, given)) if isinstance(given, list) else str(given or "").split("\n")
    labelled = options_in("\n".join(lines))
    if isinstance(given, list) and len(labelled) != len(given):
        return lines
    return labelled or options_in(question)


def _target_of_choice(target: str, options: list[str]) -> str:
    """Letter of the right option: lmms-eval's tasks log the letter, the option with it, its text alone, or its place from 0."""
    place = int(target) if re.fullmatch(r"\d{1,2}", target.strip()) else len(options)
    if place < len(options) and target.strip() not in options:
        return ascii_uppercase[place]
    return target_letter(target, options) or target


def is_known(record: Mapping[str, Any]) -> bool:
    """Whether a record says which answer is right: of a question with options, by its letter."""
    target = str(record["target"]).strip()
    letters = ascii_uppercase[: len(record["options"]) or None]
    return (len(target) == 1 and target.upper() in letters) if record["answer_type"] == "choice" else bool(target)


def _kind(target: str, options: list[str]) -> str:
    """Type of an answer; a letter alone, or one before its text ("(B) blue"), is one of options that are not known."""
    if options or re.fullmatch(r"\s*\(?[A-Z]\)?\.?\s*|\s*(?:\([A-Z]\)|[A-Z][.):])\s+\S.*", target):
        return "choice"
    try:
        float(target.replace(",", ""))
    except ValueError:
        return "text"
    return "number"


def _grounding_in(row: Mapping[str, Any]) -> Any:
    return _first_given(row, "temporal_grounding", "grounding")


def _checked_grounding(grounding: Any, path: Path, record: str) -> dict[str, str]:
    if isinstance(grounding, str):
        try:
            grounding = json.loads(grounding)
        except (ValueError, RecursionError) as error:
            raise UserError(f"its grounding is no JSON: {error}", file=path, record=record) from error
    if not isinstance(grounding, dict) or not all(isinstance(text, str) for text in grounding.values()):
        raise UserError(
            "its grounding is no object from times to sentences",
            file=path,
            record=record,
            cure='write it like {"00:04-00:08": "a dog barks"}',
        )
    return grounding
