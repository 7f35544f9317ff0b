"""How near two texts are: word error rate, and ROUGE as the release's accuracy reward uses it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache


def word_error_rate(target: Sequence[str], given: Sequence[str]) -> float:
    """Edits that turn `target` into `given`, in words, divided by the number of target words."""
    row = list(range(len(given) + 1))
    for i, wanted in enumerate(target, 1):
        before, row[0] = row[0], i
        for j, word in enumerate(given, 1):
            before, row[j] = row[j], before if wanted == word else 1 + min(before, row[j], row[j - 1])
    return row[-1] / max(1, len(target))


def rouge(target: str, given: str, stemmed: bool) -> float:
    """Mean F-measure of ROUGE-1, ROUGE-2 and ROUGE-L, 0 to 1.

    Words are runs of ASCII letters and digits in lower case; with `stemmed`, those longer than three characters are
    reduced by Porter's stemmer, as the `rouge-score` package does.
    """
    stem = _stemmer() if stemmed else str
    first, second = ([stem(word) for word in re.findall(r"[a-z0-9]+", text.lower())] for text in (target, given))
    return (_overlap(first, second, 1) + _overlap(first, second, 2) + _longest(first, second)) / 3


def _overlap(target: Sequence[str], given: Sequence[str], size: int) -> float:
    wanted, found = (
        Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1)) for words in (target, given)
    )
    common = sum((wanted & found).values())
    return _f_measure(common, max(sum(wanted.values()), 1), max(sum(found.values()), 1))


def _longest(target: Sequence[str], given: Sequence[str]) -> float:
    if not target or not given:
        return 0.0
    row = [0] * (len(given) + 1)
    for wanted in target:
        diagonal = 0
        for j, word in enumerate(given, 1):
            diagonal, row[j] = row[j], diagonal + 1 if wanted == word else max(row[j], row[j - 1])
    return _f_measure(row[-1], len(target), len(given))


def _f_measure(common: int, wanted: int, found: int) -> float:
    recall, precision = common / wanted, common / found
    return 2 * precision * recall / (precision + recall) if common else 0.0


@lru_cache(maxsize=1)
def _stemmer() -> Callable[[str], str]:
    from nltk.stem.porter import PorterStemmer

    stemmer = PorterStemmer()
    return lru_cache(maxsize=4096)(lambda word: stemmer.stem(word) if len(word) > 3 else word)
