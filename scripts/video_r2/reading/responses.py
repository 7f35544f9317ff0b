"""The parts of a response: its think and answer blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from video_r2 import config
from video_r2.reading.times import find_times


@dataclass(frozen=True)
class ParsedResponse:
    """The parts of a response.

    Attributes:
        think: content of the last closed think block; None if there is none.
        answer: content of the last closed answer block; None if there is none.
    """

    think: str | None
    answer: str | None

    @property
    def times(self) -> list[str]:
        """The times that the think block cites, as written."""
        return [mention.written for mention in find_times(self.think or "")]


_BLOCKS = ("think", "answer")
_TAG = re.compile(r"<(/?)(think|answer)>", re.IGNORECASE)


def parse_response(text: str | None) -> ParsedResponse:
    """Find the last think block and the last answer block; a block whose closing tag is missing is none."""
    blocks = find_blocks(text or "")
    return ParsedResponse(blocks.get("think"), blocks.get("answer"))


def first_blocks(text: str | None) -> ParsedResponse:
    """Find the first blocks, with tags in small letters, as the release's rewards and its accuracy do."""
    contents = {}
    for name in _BLOCKS:
        _, opened, after = (text or "").partition(f"<{name}>")
        content, closed, _ = after.partition(f"</{name}>")
        contents[name] = content.strip() if opened and closed else None
    return ParsedResponse(**contents)


def with_own_tags(text: str, form: config.ResponseFormat) -> str:
    """The response with the tags that everything here reads; as it is where its model writes them itself, or writes no marks.

    Of several marks the last ones count, as of tags. An answer's end may be in the answer, too: "\\boxed{\\frac{1}{2}}".
    """
    if form == config.ResponseFormat():
        return text
    (think_begin, think_end), (answer_begin, answer_end) = form.think, form.answer
    begin = text.rfind(answer_begin)
    end = text.rfind(answer_end) if answer_end else len(text)
    answer = text[begin + len(answer_begin) : end] if 0 <= begin < end else None
    before = text[: begin + len(answer_begin)] if answer is not None else text
    stop = before.rfind(think_end)
    start = before.rfind(think_begin, 0, stop) if think_begin else 0
    think = before[start + len(think_begin) : stop] if 0 <= start <= stop else None
    if think is None and answer is None:
        return text
    parts = {"think": think, "answer": answer}
    return "".join(f"<{name}>{part.strip()}</{name}>" for name, part in parts.items() if part is not None)


def find_blocks(text: str) -> dict[str, str]:
    """Contents of the last closed block of each name, "think" and "answer"."""
    return {name: text[begin:end].strip() for name, (begin, end) in find_block_places(text).items()}


def find_block_places(text: str) -> dict[str, tuple[int, int]]:
    """Where the contents of the last closed block of each name begin and end."""
    opened: dict[str, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if not tag[1]:
            opened[name] = tag.end()
        elif name in opened:
            places[name] = opened.pop(name), tag.start()
    return places
