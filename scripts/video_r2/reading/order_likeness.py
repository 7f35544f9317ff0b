"""How much a sentence is like an order to whoever reads it, by words and pairs of words whose weights are learnt.

`doubts` knows the orders that somebody thought of; this knows the words that orders have more often than honest reasoning has.
The weights are those of a logistic regression (`scripts/fit_order_weights.py`), learnt from sentences written for it. They
are a table like any list of words: the same text has the same score everywhere, in time linear in its length.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from video_r2.reading.words import FUNCTION_WORDS

FILE = Path(__file__).with_name("order_weights.json")
PREFIXES = (3, 5)  # signs of a word by which its other forms are recognised

_CHINESE_JAPANESE_KOREAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(
    rf"[{_CHINESE_JAPANESE_KOREAN}]|[^\W\d_{_CHINESE_JAPANESE_KOREAN}]+(?:'[^\W\d_]+)?|\d+(?:[:.,]\d+)*|[^\w\s]|_"
)
_OPTION = re.compile(r"[A-J]")


class Weights(NamedTuple):
    """What is learnt.

    Attributes:
        bias: log odds of a sentence of which nothing is known.
        rarity: of each feature, how rare it is (inverse document frequency).
        weight: of each feature, by how much it moves the log odds, times its rarity.
    """

    bias: float
    rarity: dict[str, float]
    weight: dict[str, float]


@lru_cache(maxsize=8192)
def order_likeness(sentence: str, about: frozenset[str] = frozenset()) -> float:
    """Log odds that a sentence is an order: above 0 it is more like one than not.

    Args:
        sentence: in one spelling (`plain_text`).
        about: words of the question and its options, which tell nothing: a judge may be in the video.
    """
    return likeness(sentence, _weights(), about)


def likeness(sentence: str, weights: Weights, about: frozenset[str] = frozenset()) -> float:
    """The same by any weights: the mean of what the known features say, each by how rare it is (cosine), beside the bias."""
    known = [feature for feature in features(sentence, about) if feature in weights.rarity]
    length = math.sqrt(sum(weights.rarity[feature] ** 2 for feature in known))
    return weights.bias + (sum(weights.weight[feature] for feature in known) / length if known else 0.0)


def features(sentence: str, about: Iterable[str] = ()) -> list[str]:
    """The features of a sentence, each once: its words, their beginnings, and pairs of neighbours."""
    tokens = list(_tokens(sentence, frozenset(about) - FUNCTION_WORDS))
    pairs = (f"{one} {other}" for one, other in zip(["^", *tokens], tokens, strict=False))
    beginnings = (
        f"{token[:length]}*" for token in tokens for length in PREFIXES if token[0].isalpha() and len(token) > length
    )
    return list(dict.fromkeys([*tokens, *pairs, *beginnings]))


def _tokens(sentence: str, left_out: frozenset[str]) -> Iterator[str]:
    """Words in lower case, signs, and a name for each number, time and option's letter; ideographs one by one."""
    for token in _TOKEN.findall(sentence):
        if token[0].isdigit():
            yield "<time>" if ":" in token else "<number>"
        elif _OPTION.fullmatch(token):
            yield "<option>"
        elif (word := token.lower()) not in left_out:
            yield word


@cache
def _weights() -> Weights:
    learnt = json.loads(FILE.read_text(encoding="utf-8"))
    rarity = {feature: values[0] for feature, values in learnt["features"].items()}
    return Weights(learnt["bias"], rarity, {feature: values[1] for feature, values in learnt["features"].items()})
