"""The training conversations: read from the release's JSON, checked, split by video, and handed on as JSON lines."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from video_r2.data.rejected import refuse_signs_of_models
from video_r2.data.subtitles import read_srt
from video_r2.errors import RejectedRecord, UserError
from video_r2.files import is_file, replacing

MEDIA_FOLDER = "videos"  # below which the release keeps images, too
Kind = Literal["video", "image"]
PLACEHOLDERS: dict[Kind, str] = {kind: f"<{kind}>" for kind in get_args(Kind)}
_RESPONSE = re.compile(r"<think>(.*)</think>\s*<answer>(.*)</answer>\s*", re.DOTALL)
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_TIME = re.compile(r"(?:(\d{1,2}):([0-5]\d)|(\d{1,3})):([0-5]\d)", re.ASCII)


@dataclass(frozen=True)
class Medium:
    """A video or an image: its path, and that of a video's `.srt` file, None if it has none."""

    path: str
    subtitle: str | None = None


@dataclass(frozen=True)
class Conversation:
    """A training example.

    Attributes:
        id: unique within its file.
        kind: whether it is over videos or over images.
        media: what the model sees, in order; at least one.
        question: the human turn, with the instruction to think. Without placeholders, all media come before it; placeholders
            that stand within the text stay in it, one for each medium.
        trace: the whole response: think block and answer block.
        think: what the think block holds.
        answer: what the answer block holds.
        grounding: sentence of what happens, by its time (MM:SS, HH:MM:SS, or a range A-B); empty where not known, or not known
            of which video.
    """

    id: str
    kind: Kind
    media: list[Medium]
    question: str
    trace: str
    think: str
    answer: str
    grounding: dict[str, str]

    @property
    def video(self) -> Medium | None:
        """The video of an example over one; None of any other."""
        return self.media[0] if self.kind == "video" and len(self.media) == 1 else None

    @property
    def parts(self) -> list[str]:
        """The question around its media: the text before each of them, then what follows them all."""
        within = self.question.split(PLACEHOLDERS[self.kind]) if len(self.media) > 1 else []
        return within if len(within) > 1 else [*[""] * len(self.media), self.question]


class _Repeated(dict[str, Any]):
    """A JSON object in which a key stands more than once; Python would keep the last and forget the others."""

    key = ""


def read_conversations(path: str | Path, media_root: str | Path) -> tuple[list[Conversation], list[RejectedRecord]]:
    """Read a training set in the release's schema.

    Args:
        path: JSON file with a list of rows {video | image, conversations, temporal_grounding?, id?}.
        media_root: folder with the data set. Paths in the rows start from its folder `videos`, as in the release, or from
            the folder itself; a video's subtitle lies beside it.

    Returns:
        The examples in the order of the file, and the rows that cannot be used, each with its reason.

    Raises:
        UserError: if the file as a whole cannot be used: missing, not UTF-8, not JSON, not a list, empty.
    """
    rows = _read_rows(path)
    conversations: list[Conversation] = []
    rejected: list[RejectedRecord] = []
    seen: set[str] = set()
    for number, row in enumerate(rows):
        identity = f"{Path(path).stem}-{number:06d}"
        try:
            if not isinstance(row, dict):
                raise _unusable(f"is a {type(row).__name__}, not an object")
            identity = _identity(row, identity)
            conversation = _read_row(row, identity, Path(media_root))
            if identity in seen:
                raise _unusable("has the id of an earlier row", "give every row its own id")
        except RejectedRecord as error:
            # A defect of the row's own files keeps their name in the reason.
            reason = f"{error.file}: {error.reason}" if error.file else error.reason
            rejected.append(type(error)(reason, file=path, record=identity, cure=error.cure))
            continue
        seen.add(identity)
        conversations.append(conversation)
    return conversations, rejected


def parse_span(text: str) -> tuple[float, float]:
    """Read a time, MM:SS or HH:MM:SS, or a range A-B of two, as its start and end in seconds.

    Raises:
        ValueError: if it is anything else, such as 00:70, ~00:16 or a range that ends before it starts.
    """
    times = [_TIME.fullmatch(part.strip()) for part in re.split(r"[-–]", text)]
    if len(times) > 2 or any(time is None for time in times):
        raise ValueError(f"{text!r} is not a time; times look like 00:16, 01:02:03 or 00:16-00:20")
    seconds = [_seconds(time) for time in times if time is not None]
    if seconds[-1] < seconds[0]:
        raise ValueError(f"{text!r} ends before it starts")
    return seconds[0], seconds[-1]


def held_out_videos(videos: Iterable[str], share: float) -> set[str]:
    """Choose the videos that are held out: those whose name draws a number below `share`.

    The draw rests on the name alone, so that adding videos moves no other one. Where none draws low enough, the lowest
    is held out.

    Args:
        videos: paths of the videos below the data set's folder.
        share: share of the videos to hold out, from 0 to 1; 0 holds out none.
    """
    draws = {name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64 for name in videos}
    if not draws or share == 0:
        return set()
    return {name for name, draw in draws.items() if draw < share} or {min(draws, key=lambda name: draws[name])}


def write_jsonl(path: str | Path, conversations: Iterable[Conversation]) -> None:
    """Write examples, one JSON object a line."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for conversation in conversations:
            file.write(json.dumps(asdict(conversation), ensure_ascii=False) + "\n")


def read_jsonl(path: str | Path) -> list[Conversation]:
    """Read examples that `write_jsonl` wrote.

    Raises:
        UserError: if the file is missing, or a line is not an example.
    """
    cure = "delete it; it will be made again"
    try:
        lines = Path(path).read_bytes().decode("utf-8").split("\n")
    except FileNotFoundError as error:
        raise UserError("there is no such file", file=path) from error
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 text (byte {error.start})", file=path, cure=cure) from error
    conversations = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            conversations.append(_from_json(json.loads(line)))
        except ValueError as error:
            raise UserError(
                f"is not a training example: {error}", file=path, record=f"line {number}", cure=cure
            ) from error
    return conversations


# --- the rows of the release ------------------------------------------------------------------------------------------


def _read_rows(path: str | Path) -> list[Any]:
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        rows = json.loads(text, object_pairs_hook=_object)
    except FileNotFoundError as error:
        raise UserError("there is no such file", file=path, cure="fetch the training data") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"is not UTF-8 text (byte {error.start})", file=path, cure="save it as UTF-8, or fetch it again"
        ) from error
    except json.JSONDecodeError as error:
        raise UserError(
            f"is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}",
            file=path,
            cure="fetch it again",
        ) from error
    except RecursionError as error:
        raise UserError("is not valid JSON: it is nested too deeply", file=path, cure="fetch it again") from error
    if not isinstance(rows, list):
        raise UserError(f"holds a JSON {type(rows).__name__} where a list of rows is needed", file=path)
    if not rows:
        raise UserError("has no rows", file=path, cure="fetch it again")
    return rows


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) == len(pairs):
        return whole
    names = [name for name, _ in pairs]
    repeated = _Repeated(whole)
    repeated.key = next(name for name in names if names.count(name) > 1)
    return repeated


def _identity(row: dict[str, Any], default: str) -> str:
    identity = row.get("id", default)
    return str(identity) if isinstance(identity, str | int) and str(identity) and _can_be_written(identity) else default


def _can_be_written(value: Any) -> bool:
    """Whether no text in it has half of a character, which JSON can hold and no file can."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _read_row(row: dict[str, Any], identity: str, media_root: Path) -> Conversation:
    if isinstance(row, _Repeated):
        raise _unusable(f"field {row.key!r} stands more than once")
    if broken := [name for name, value in row.items() if not _can_be_written({name: value})]:
        raise _unusable(f"field {broken[0]!a} has half of a character (a lone surrogate)", "write the text anew")
    kinds = [kind for kind in PLACEHOLDERS if row.get(kind)]
    if len(kinds) != 1:
        raise _unusable("needs a field 'video' or 'image'" if not kinds else "has both 'video' and 'image'")
    (kind,) = kinds
    paths = [_media(path, media_root) for path in _strings(row[kind], kind)]
    human, response = _turns(row)
    refuse_signs_of_models(human, response)
    think, answer = _blocks(response)
    grounding = _grounding(row.get("temporal_grounding"))
    return Conversation(
        id=identity,
        kind=kind,
        media=[Medium(str(path), _subtitle(path) if kind == "video" else None) for path in paths],
        question=_question(human, PLACEHOLDERS[kind], len(paths)),
        trace=response.strip(),
        think=think,
        answer=answer,
        grounding=grounding if len(paths) == 1 else {},  # a time does not say of which video it is
    )


def _strings(value: Any, field: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item for item in values):
        raise _unusable(f"field {field!r} is neither a path nor a list of paths")
    return values


def _media(path: str, media_root: Path) -> Path:
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts:
        raise _unusable(f"{path!r} lies outside of the data set's folder", "give paths below the data set's folder")
    places = [media_root / MEDIA_FOLDER / relative, media_root / relative]
    found = next(filter(is_file, places), None)
    if found is None:
        raise _unusable(
            f"there is no file {str(places[1])!r}, nor one below {MEDIA_FOLDER!r}",
            "fetch or unpack the media, or leave the row out",
        )
    return found


def _turns(row: dict[str, Any]) -> tuple[str, str]:
    turns = row.get("conversations")
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise _unusable("needs a field 'conversations' with a list of turns")
    roles = [turn.get("from") for turn in turns]
    if roles != ["human", "gpt"]:
        raise _unusable(f"its turns are from {roles}, not from ['human', 'gpt']")
    values = [turn.get("value") for turn in turns]
    for role, value in zip(roles, values, strict=True):
        if not isinstance(value, str) or not value.strip():
            raise _unusable(f"the turn from {role!r} has no text in its field 'value'")
    return values[0], values[1]


def _question(human: str, placeholder: str, media: int) -> str:
    if human.count(placeholder) != media:
        raise _unusable(f"has {human.count(placeholder)} placeholders {placeholder} for {media} files")
    question = human.replace(placeholder, "").strip()
    if not question:
        raise _unusable("the human turn asks nothing")
    *before, _ = human.split(placeholder)
    return human.strip() if media > 1 and "".join(before).strip() else question


def _blocks(response: str) -> tuple[str, str]:
    match = _RESPONSE.search(response)
    if match is None or match.end() != len(response) or any(response.count(tag) != 1 for tag in _TAGS):
        raise _unusable("the response does not end in one think block and one answer block")
    think, answer = (text.strip() for text in match.groups())
    if not think or not answer:
        raise _unusable(f"the {'answer' if think else 'think'} block is empty")
    return think, answer


def _grounding(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _unusable("field 'temporal_grounding' is not an object from times to sentences")
    if isinstance(value, _Repeated):
        raise _unusable(f"field 'temporal_grounding' has the time {value.key!r} more than once", "join the sentences")
    for span, sentence in value.items():
        try:
            parse_span(span)
        except ValueError as error:
            raise _unusable(f"field 'temporal_grounding': {error}", "correct the time, or remove the entry") from error
        if not isinstance(sentence, str) or not sentence.strip():
            raise _unusable(f"field 'temporal_grounding' has no sentence at {span!r}", "remove the entry")
    return dict(value)


def _subtitle(video: Path) -> str | None:
    subtitle = video.with_suffix(".srt")
    # An empty one is that of a silent video.
    if not subtitle.exists() or not subtitle.read_bytes().strip(b"\xef\xbb\xbf \t\r\n"):
        return None
    read_srt(subtitle, rejected=[])  # a file without one usable cue is refused here, rather than in the middle of a run
    return str(subtitle)


def _seconds(time: re.Match[str]) -> float:
    hours, minutes, long_minutes, seconds = time.groups()
    return float(int(hours or 0) * 3600 + int(minutes or long_minutes) * 60 + int(seconds))


def _unusable(reason: str, cure: str = "correct the row, or leave it out") -> RejectedRecord:
    return RejectedRecord(reason, cure=cure)


def _from_json(entry: Any) -> Conversation:
    names = {field.name for field in fields(Conversation)}
    if not isinstance(entry, dict) or entry.keys() != names:
        raise ValueError(f"its fields are not {', '.join(sorted(names))}")
    for name, value in entry.items():
        if not _FITS[name](value):
            raise ValueError(f"field {name!r} is {json.dumps(value)[:60]}")
    return Conversation(**{**entry, "media": [Medium(**medium) for medium in entry["media"]]})


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_medium(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"path", "subtitle"}:
        return False
    return _is_text(value["path"]) and (value["subtitle"] is None or _is_text(value["subtitle"]))


_FITS: dict[str, Callable[[Any], bool]] = {
    **{field.name: _is_text for field in fields(Conversation)},
    "kind": lambda value: value in get_args(Kind),
    "media": lambda value: isinstance(value, list) and len(value) > 0 and all(map(_is_medium, value)),
    "grounding": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
}
