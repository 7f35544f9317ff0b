"""The text around a question, written in one place for training and evaluation alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import cycle, product
from string import ascii_uppercase
from typing import Any, Literal

from video_r2 import config
from video_r2.data.options import split_options
from video_r2.errors import RejectedRecord, UserError

Style = Literal["think", "direct"]


def build_prompt(
    question: Mapping[str, Any], benchmark: config.Benchmark, prompts: config.Prompts, style: Style
) -> str:
    """Write the text that the model is given with the video.

    Args:
        question: a row of `records.QUESTION`; `question`, `options` and `answer_type` are read.
        benchmark: gives the text before the question, and may write options in a way of its own.
        prompts: gives the instruction after it, and the way that options are written elsewhere.
        style: ask for a trace first ("think") or for the answer alone ("direct").

    Returns:
        Context, question, options (one a line) and instruction, each on a new line; empty parts are left out.

    Raises:
        RejectedRecord: if there are more options than letters.
    """
    options = list(question["options"]) if question["options"] is not None else []
    context = benchmark.contexts.get(str(question.get("config", "")), benchmark.context)
    lines = [context, str(question["question"])]
    if options:
        lines += [
            "Options:",
            *option_lines(options, benchmark.option_format or prompts.option, record=question.get("id")),
        ]
    lines.append(instruction(str(question["answer_type"]), prompts, style))
    return "\n".join(line for line in lines if line)


def option_lines(options: Sequence[str], option_format: str, record: object = None) -> list[str]:
    """Write each option with its letter, e.g. "A. blue"."""
    if len(options) > len(ascii_uppercase):
        raise RejectedRecord(
            f"has {len(options)} options, more than there are letters",
            record=None if record is None else str(record),
            cure="correct the options of this question",
        )
    return [
        option_format.format(letter=letter, text=text) for letter, text in zip(ascii_uppercase, options, strict=False)
    ]


def instruction(answer_type: str, prompts: config.Prompts, style: Style) -> str:
    """Choose the instruction that ends the prompt."""
    if style == "think":
        kinds = {"choice": prompts.think_choice, "number": prompts.think_number, "text": prompts.think_text}
        return "\n".join(filter(None, (prompts.think, kinds[answer_type])))
    return prompts.direct_choice if answer_type == "choice" else prompts.direct_open


def make_asker(world: config.Films, prompts: config.Prompts, style: Style) -> Callable[[str, Sequence[str]], str]:
    """Ask the generated training sets' questions as the evaluation asks its own.

    Returns:
        What writes a question and its options as a prompt, in every combination of `world.contexts` and
        `world.option_formats` in turn.

    Raises:
        UserError: if the style is "think" and there is no instruction for it.
    """
    if style == "think" and not prompts.think:
        raise UserError("prompts.think is empty, so that the generated training sets would ask for no trace")
    layouts = cycle(
        config.Benchmark(label="", group="heldout", adapter="conversations", option_format=form, context=context)
        for context, form in product(world.contexts, world.option_formats)
    )

    def ask(question: str, options: Sequence[str]) -> str:
        row = {"question": question, "options": list(options), "answer_type": "choice" if options else "number"}
        return build_prompt(row, next(layouts), prompts, style)

    return ask


def shared_instruction(turns: Iterable[str], file: str | None = None) -> str:
    """Find the instruction that the human turns of a training set end with.

    A paper run leaves `prompts.think` empty and takes the instruction from the training set, where it is part of every
    human turn. It is the longest run of last lines that at least half of the turns share.

    Raises:
        UserError: if no last line is shared by half of the turns.
    """
    instruction = _shared_ending(turns)
    if not instruction:
        raise UserError(
            "no instruction is shared by the human turns", file=file, cure="set prompts.think in the configuration"
        )
    return instruction


def asked_questions(turns: Sequence[str]) -> list[str]:
    """What each human turn of a training set asks, without the instruction that they share and without its options."""
    instruction = _shared_ending(turns)
    return [split_options(turn.strip().removesuffix(instruction))[0] for turn in turns]


def _shared_ending(turns: Iterable[str]) -> str:
    endings = [turn.strip().split("\n")[::-1] for turn in turns]
    shared: list[str] = []
    while endings:
        depth = len(shared)
        longer = Counter(lines[depth] for lines in endings if len(lines) > depth + 1 and lines[:depth] == shared)
        line, count = longer.most_common(1)[0] if longer else ("", 0)
        if 2 * count < len(endings):
            break
        shared.append(line)
    return "\n".join(reversed(shared)).strip()
