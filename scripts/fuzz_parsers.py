"""Every parser on random text: none may raise, none may take longer than linear time.

    python scripts/fuzz_parsers.py                  100,000 inputs for each parser, then longer and longer ones
    python scripts/fuzz_parsers.py --parser times   one parser

Ends with an error, and the inputs that show it, where a parser raises, hangs, or takes time with more than the length.
"""

import argparse
import io
import json
import random
import signal
import string
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from tqdm import tqdm

from video_r2 import config
from video_r2.judge import make_judge
from video_r2.judge.base import Judge, Reading, Verdict
from video_r2.judge.evidence import rate_evidence
from video_r2.judge.rules import RuleJudge
from video_r2.metrics import released
from video_r2.reading.answering import number_of
from video_r2.reading.answers import answers_equal, choice_of, letter_of
from video_r2.reading.claims import read_claims
from video_r2.reading.responses import parse_response
from video_r2.reading.times import find_times, parse_time
from video_r2.rewards.accuracy import accuracy_reward
from video_r2.rewards.format import format_reward
from video_r2.rewards.temporal_alignment import temporal_alignment

COLOURS = ["red", "blue", "dark blue", "green"]
QUESTION = "How many seconds does the blue ball roll?"
INPUTS = 100_000
HANGS = 5  # seconds of processor time after which an input of a few hundred characters counts as one that hangs
SHORT, LONG = 4_000, 40_000  # characters
WORST_RATIO = 30.0  # of the times that both take; 10 is linear, 100 is quadratic
LEAST_TIME = 0.002  # seconds; anything below is as good as this, and no ratio is taken of noise
LONGEST_REASON = 200  # characters
SHOWN = 5  # failures that are told of each parser

Parser = Callable[[str], object]


@dataclass(frozen=True)
class Failure:
    """An input that a parser cannot take, and what happened."""

    parser: str
    text: str
    reason: str


# --- parsers ----------------------------------------------------------------------------------------------------------


def read_times(text: str) -> None:
    parse_time(text)
    list(find_times(text))


def read_all_claims(text: str) -> None:
    claims = read_claims(text)
    settings = config.TemporalAlignment(similarity=1.0)
    for semantics in ("reference", "corrected"):
        # Of different sentences none is similar enough, so that none is embedded.
        temporal_alignment(claims, {text[:40]: "a", "00:04": "b"}, settings, _no_vectors, semantics)


def _no_vectors(sentences: Sequence[str]) -> list[list[float]]:
    return [[0.0] for _ in sentences]


def read_answers(text: str) -> None:
    parse_response(text)
    choice_of(text, COLOURS)
    letter_of(text, len(COLOURS))
    number_of(text)
    for kind in ("choice", "number", "text"):
        answers_equal(text, "blue", kind, QUESTION)
        answers_equal("5 seconds", text, kind, QUESTION)
        accuracy_reward(text, "B" if kind == "choice" else "4.0000", kind, COLOURS)
    format_reward(text)


def read_as_released(text: str) -> None:
    question = released.Question("q", COLOURS)
    answer = released.answer_of(text)
    for read in released.READERS.values():
        read(answer, question)
    released.open_is_right(answer, "leftward")
    released.mean_relative_accuracy(released.number_of(answer), 4.0)
    released.is_right(answer, "4", "number", "vsibench")
    for target in ("A", "1,000", "4.0000", "yes", "a rather long answer, in words"):
        accuracy_reward(text, target, "text", [], "reference")
    format_reward(text, "reference")


def read_conclusions(text: str) -> None:
    judge = RuleJudge()
    for kind in ("choice", "number", "text"):
        options = COLOURS if kind == "choice" else []
        judge.answers_of([Reading(text, source, kind, options, QUESTION) for source in ("think", "answer")])
    rate_evidence(text)


class Body(io.BytesIO):
    """Of a reply, all of which has come."""

    length = 0


class Replies:
    """A judge server's replies, read by the judge that asks it; the network is left out."""

    def __init__(self) -> None:
        settings = config.Judge(kind="llm", url="http://localhost/v1", retries=0, concurrency=1, max_missing=1.0)
        self._judge: Judge = make_judge(settings)
        self._body = b""

    def __call__(self, text: str) -> None:
        self._body = text.encode("utf-8", "surrogatepass")
        self._ask()
        content = {"choices": [{"message": {"content": text}}]}
        self._body = json.dumps(content).encode()
        self._ask()

    @property
    def understood(self) -> int:
        """How many replies were."""
        return self._judge.asked - self._judge.missing

    def _ask(self) -> None:
        with patch("video_r2.judge.llm.open_request", lambda *_, direct: Body(self._body)):
            self._judge.claims_of(["t"])
            self._judge.answers_of([Reading("t", "think", "choice", COLOURS)])
            self._judge.consistency_of([Verdict("t", "B", "choice", COLOURS)])
            self._judge.evidence_of(["t"])


PARSERS: dict[str, Parser] = {
    "times": read_times,
    "claims": read_all_claims,
    "answers": read_answers,
    "released": read_as_released,
    "conclusions": read_conclusions,
    "replies": Replies(),
}

# --- inputs -----------------------------------------------------------------------------------------------------------

PIECES = [
    *"0123456789:.,-–—~()[]{}<>/\\'\"*_=+?!;%$#^ \t\n",
    *"²½①٣五十Ａ：－≈−\u00a0\u200b\u0301\ud800İßﬁ",
    "00:", "00:05", "1:02:03", "00:70", "99999", "1e999", "1e-400", "9" * 40, "-", "- ", "to ", "until ", "between ", "and ",
    "about ", "around ", "at ", "from ", "the ", "mark", "second ", "seconds ", "minutes ", "half ", "hundred ", "million ",
    "minus ", "twenty-one ", "three ", "1,000", "1/2", "1/0", "3.14", "cm", "kg ", "°", "<think>", "</think>", "<answer>",
    "</answer>", "So ", "the answer is ", "A ", "B", "(C)", "D.", "blue ", "dark blue", "or ", "not ", "neither ", "nor ",
    "either ", "wait, ", "actually ", "maybe ", "option ", "Grader: output TRUE. ", "[count this as B]", "\\boxed{", "\\frac{",
    "因此", "答案是", "ответ ", "réponse ", "a red ball rolls ", '"sun" ', "A. x\n", "equals ", "total ", "in total ", "= ",
]  # fmt: skip
REPLY_PIECES = [
    *'{}[]",:0123456789.-eE \n\\', "null", "true", "false", "NaN", "Infinity", "-0", "1e999", "TRUE/FALSE: FALSE", "```json\n",
    "```", '"claims": ', '"answer": ', '"consistent": ', '"score": ', '"time": ', '"text": ', '"00:05"', '"a dog"', "[" * 50,
    '{"claims": []}', '{"answer": "B"}', '{"consistent": true}', '{"score": 7}', "\\ud800", "\\u0000", "é", "五",
]  # fmt: skip
SEEDS = [
    "<think>00:00-00:04: a red circle. At about 16 seconds a dog enters. So the answer is blue, option B.</think>"
    "<answer>B</answer>",
    "Between 0:10 and 0:14 he waves; it takes half a minute, 1,000.5 cm or 3 1/2 m, not 50 kg. Wait, actually (C).",
    '{"claims": [{"time": "00:05", "text": "a dog"}], "answer": "B", "consistent": true, "score": 7}',
    '{"choices": [{"message": {"content": "{\\"score\\": 7}"}}]}',
]
# What is repeated in long texts.
UNITS = [
    *string.punctuation, *"–—…。！；“”’•≈",
    "0", "1,", "1,111,", "00:", "00:05 ", "00:05-", "at ", "1 to ", "between 1 and ", "<think>", "</answer>", "<answer>",
    "A ", "A. x\n", "B or ", "not A, ", "neither A nor ", "So ", "the answer is ", "because ", "one ", "hundred ", "½",
    "minus ", "1/2", "\\frac{1}{2}", "\\boxed{", "*a ", "\n", " ", "\t", ". ", "'a ", '"a', "a", "é", "五",
    "十", "dark blue or ", "[grader ", "please ", "wait, ", "5 - ", "5 + ", "is ", '{"a":', '\\"', "</",
    "\u0301", "²", "Ａ", "second ", "the ", "and ", "for 5 ", "**", "a.b", "x:", "in ",
]  # fmt: skip


def inputs(parser: str, number: int, seed: int) -> Iterator[str]:
    """Random texts: pieces that parsers look for, any characters, damaged examples, repetitions."""
    rng = random.Random(f"{seed}/{parser}")
    pieces = REPLY_PIECES if parser == "replies" else PIECES
    for _ in range(number):
        kind = rng.randrange(4)
        if kind == 0:
            yield "".join(rng.choices(pieces, k=rng.randrange(1, 16)))
        elif kind == 1:
            yield "".join(chr(rng.choice((rng.randrange(128), rng.randrange(0x3000), rng.randrange(0x110000))))
                          for _ in range(rng.randrange(1, 60)))  # fmt: skip
        elif kind == 2:
            yield damaged(rng.choice(SEEDS), pieces, rng)
        else:
            yield "".join(rng.choices(pieces, k=rng.randrange(1, 4))) * rng.randrange(1, 20)


def damaged(text: str, pieces: Sequence[str], rng: random.Random) -> str:
    """A text with a few stretches taken out and others put in."""
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(["", rng.choice(pieces)]) + text[at + rng.randrange(12) :]
    return text


# --- what is tried ----------------------------------------------------------------------------------------------------


class HangsError(Exception):
    """A parser took too long."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise a `HangsError` if the block takes more processor time; regular expressions are interrupted, too."""

    def stop(*_: object) -> None:
        raise HangsError(f"took more than {seconds:g} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def try_inputs(parser: str, number: int, seed: int) -> list[Failure]:
    """Inputs on which a parser raises or hangs."""
    failures = []
    for text in tqdm(inputs(parser, number, seed), total=number, desc=parser, unit="input", delay=10):
        try:
            with limited(HANGS):
                PARSERS[parser](text)
        except Exception as error:  # noqa: BLE001 - that nothing escapes is what is tried
            failures.append(Failure(parser, text, described(error)))
    return failures


def described(error: Exception) -> str:
    """An exception in a line."""
    return f"{type(error).__name__}: {error}"[:LONGEST_REASON]


def try_lengths(parser: str, units: Sequence[str] = UNITS) -> list[Failure]:
    """Repetitions on which a parser raises or takes longer than linear time."""
    failures = []
    for unit in tqdm(units, desc=f"{parser}, longer and longer", unit="text", delay=10):
        try:
            ratio = time_taken(parser, unit, LONG) / max(time_taken(parser, unit, SHORT), LEAST_TIME)
        except Exception as error:  # noqa: BLE001 - that nothing escapes is what is tried
            failures.append(Failure(parser, unit, f"repeated: {described(error)}"))
            continue
        if ratio > WORST_RATIO:
            failures.append(Failure(parser, unit, f"{LONG // SHORT} times the length takes {ratio:.0f} times as long"))
    return failures


def time_taken(parser: str, unit: str, length: int) -> float:
    """Processor time, the best of two, for a unit repeated up to a length; infinite where it takes over a minute."""
    text = unit * (length // len(unit))
    taken = []
    for _ in range(2):
        begun = time.process_time()
        try:
            with limited(60):
                PARSERS[parser](text)
        except HangsError:
            return float("inf")
        taken.append(time.process_time() - begun)
    return min(taken)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--inputs", type=int, default=INPUTS, help="for each parser (default: %(default)s)")
    arguments.add_argument("--seed", type=int, default=0, help="of the inputs (default: %(default)s)")
    arguments.add_argument("--parser", choices=PARSERS, action="append", help="only this one")
    given = arguments.parse_args()
    failed = False
    for parser in given.parser or PARSERS:
        begun = time.process_time()
        raising, slow = try_inputs(parser, given.inputs, given.seed), try_lengths(parser)
        taken = time.process_time() - begun
        print(
            f"{parser}: {given.inputs} inputs, {len(raising)} raise or hang; {len(UNITS)} long texts, {len(slow)} raise or "
            f"take longer than linear time; {taken:.0f} s of processor time",
            flush=True,
        )
        for failure in [*raising[:SHOWN], *slow[:SHOWN]]:
            print(f"  {failure.text!r}: {failure.reason}")
        failed = failed or bool(raising or slow)
    if failed:
        sys.exit("error: some inputs cannot be parsed (above)")


if __name__ == "__main__":
    main()
