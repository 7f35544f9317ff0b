"""How much concrete visual evidence a trace claims."""

from __future__ import annotations

import re
from dataclasses import dataclass

from video_r2.reading.sentences import sentences_of
from video_r2.reading.times import find_times
from video_r2.reading.words import lexicon

_LEXICON: dict[str, frozenset[str]] = {
    "attribute": lexicon(
        "red green blue yellow purple white black brown orange pink grey gray golden silver dark bright striped round "
        "square circle triangle cross rectangle rectangular circular large small big tiny tall short wooden metal "
        "metallic plastic bald bearded curly blonde wearing dressed"
    ),
    "entity": lexicon(
        "man woman person people boy girl child player dog cat bird horse car truck bus bike bicycle ball table chair "
        "door window hand hands face head shirt jacket hat glasses cup bottle plate knife box book phone screen board "
        "sign logo building house road street tree water room kitchen floor wall object objects shape shapes animal "
        "team referee teacher chef digit number letter word text caption subtitle graph chart diagram formula "
        "equation slide"
    ),
    "action": lexicon(
        "rising falling leftward rightward resting moves moving move enters enter entering leaves leave leaving "
        "appears appear appearing disappears turns turning walks walking runs running jumps jumping picks picking "
        "puts putting places placing holds holding points pointing throws throwing catches opens opening closes "
        "closing sits sitting stands standing rotates rotating lifts lifting drops dropping cuts cutting pours "
        "pouring writes writing rolls rolling slides sliding kicks kicking hits hitting carries carrying pushes pulls "
        "waves waving smiles looks looking changes changing spins flies flying climbs swims drives driving speaks "
        "speaking says eats drinks"
    ),
    "position": lexicon(
        "left right top bottom centre center middle corner foreground background above below behind front beside "
        "between under over upper lower near inside outside across edge side upward downward"
    ),
    "count": lexicon("one two three four five six seven eight nine ten twice once both several"),
    "order": lexicon("first second third fourth last then next before after later earlier finally begins ends while"),
}
_ON_SCREEN = re.compile(
    r"[\"“][^\"“”\n]{1,80}[\"”]|\b(?:reads|labell?ed|captioned|subtitle|on-screen)\b", re.IGNORECASE
)
_GENERIC = re.compile(
    r"\b(?:usually|typically|generally|probably|presumably|commonly|common[ \t]sense|guess(?:ing)?|assume|likely|"
    r"based[ \t]on[ \t](?:the[ \t])?(?:context|options|question)|in[ \t]general|by[ \t]elimination|"
    r"options?[ \t](?:seem|sound))",
    re.IGNORECASE,
)
_SEEN = re.compile(
    r"\b(?:video|frames?|footage|clip|scene|shows?|shown|see[ns]?|visible|watch(?:ing)?|appears?)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+")
_HAS_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class _Evidence:
    """What a sentence shows: kinds of concrete evidence, and the words that carry them."""

    kinds: frozenset[str]
    words: frozenset[str]


def rate_evidence(think: str) -> float:
    """Rate how much concrete visual evidence a trace claims, 0 to 10, by the bands of the release's rubric.

    A sentence is concrete if it holds at least two kinds of evidence (entities and their attributes, actions, counts,
    on-screen text, positions, order and time), not counting time alone, and does not guess. The band follows from how
    many sentences are concrete, what share of the trace they are, and how many kinds they hold; the place within the
    band from how many different words carry the evidence: 10 for at least three concrete sentences that are most of
    the trace and hold four kinds; 7 to 9 for at least two that hold three; 4 to 6 for one; 1 to 3 for a mention of
    the video or a single kind; 0 for none. The words are English: a trace in another language shows next to nothing here.
    """
    # Whoever says the same again shows nothing more.
    sentences = dict.fromkeys(" ".join(think[begin:end].split()).lower() for begin, end in sentences_of(think))
    evidence = [_evidence(sentence) for sentence in sentences]
    if not evidence:
        return 0.0
    concrete = [found for found in evidence if len(found.kinds) >= 2 and found.kinds != {"order", "time"}]
    kinds = frozenset().union(*(found.kinds for found in concrete))
    words = frozenset().union(*(found.words for found in concrete))
    dense = 2 * len(concrete) >= len(evidence)
    if len(concrete) >= 3 and dense and len(kinds) >= 4:
        return 10.0 if len(words) >= 8 else 9.0
    if len(concrete) >= 2 and len(kinds) >= 3:
        return 7.0 + (len(words) >= 6) + (dense and len(kinds) >= 4)
    if concrete:
        return 4.0 + (len(words) >= 4) + (len(words) >= 6)
    weak = sum(bool(found.kinds) for found in evidence)
    if weak:
        return min(3.0, 1.0 + weak)
    return 1.0 if _SEEN.search(think) else 0.0


def _evidence(sentence: str) -> _Evidence:
    if _GENERIC.search(sentence):
        return _Evidence(frozenset(), frozenset())
    kinds: set[str] = set()
    found: set[str] = set()
    rest: list[str] = []
    at = 0
    for mention in find_times(sentence):
        kinds.add("time")
        rest.append(sentence[at : mention.begin])
        at = mention.end
    plain = " ".join([*rest, sentence[at:]])
    words = frozenset(_WORD.findall(plain.lower()))
    for kind, known in _LEXICON.items():
        if hits := words & known:
            kinds.add(kind)
            found |= hits
    if _HAS_DIGIT.search(plain):
        kinds.add("count")
        found |= {word for word in words if word.isdigit()}
    if quoted := _ON_SCREEN.findall(plain):
        kinds.add("text")
        found |= {text.lower() for text in quoted}
    return _Evidence(frozenset(kinds), frozenset(found))
