"""A judge of rules: deterministic, without a model, linear in the length of the text, and never raising."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from video_r2.judge.base import Judge, Reading, Verdict
from video_r2.rewards.parsing import (
    Claim,
    answers_equal,
    choice_of,
    contains_words,
    normalise_text,
    quantity_of,
    words_of,
)
from video_r2.rewards.times import Mention, find_times


class RuleJudge(Judge):
    """Judges by rules; see the functions of this module for each of them."""

    free = True

    def claims_of(self, thinks: Sequence[str]) -> list[list[Claim] | None]:
        self.asked += len(thinks)
        return [read_claims(think) for think in thinks]

    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        self.asked += len(readings)
        return [read_answer(reading) for reading in readings]

    def consistency_of(self, verdicts: Sequence[Verdict]) -> list[bool | None]:
        self.asked += len(verdicts)
        return [is_consistent(verdict) for verdict in verdicts]

    def evidence_of(self, thinks: Sequence[str]) -> list[float | None]:
        self.asked += len(thinks)
        return [rate_evidence(think) for think in thinks]

    def check_missing(self) -> None:
        """Rules never fail."""


# --- sentences and conclusions ----------------------------------------------------------------------------------------

_SENTENCE_END = re.compile(r"[.!?;…。！？]+[\"'”’)\]*]{0,3}(?=\s)|\n")
_LABEL_END = re.compile(r"(?:^|[\s(])[A-Z]$")

_STRONG_CUE = re.compile(
    r"\banswer(?:[ \t](?:is|was|must[ \t]be|should[ \t]be|would[ \t]be|has[ \t]to[ \t]be)\b|[ \t]?[:=])"
    r"|\b(?:correct|right|best)[ \t](?:option|choice|answer|one)(?:[ \t]is\b|[ \t]?:)"
    r"|\b(?:I|we)(?:['’]ll|[ \t]will|[ \t]would|[ \t]can)?[ \t](?:choose|select|pick|conclude|go[ \t]with)\b"
    r"|\bconclusion\b[:,]?|\boption[ \t]\(?[A-Z]\)?[ \t](?:is|must[ \t]be)[ \t](?:correct|right|the)\b",
    re.IGNORECASE,
)
_WEAK_CUE = re.compile(
    r"(?:^|(?<=[.!?;:,\n])[ \t]*|(?<=[–—-])[ \t]*|\b(?:and|but)[ \t])"
    r"(?:so|therefore|thus|hence|consequently|accordingly|this[ \t]means|that[ \t]means|which[ \t]means"
    r"|wait|actually|no|correction|on[ \t]second[ \t]thought|in[ \t]summary|overall)\b[,:]?(?:[ \t]that\b)?",
    re.IGNORECASE | re.MULTILINE,
)
_WEAK_REACH = 3  # sentences from the end within which "so" and its like conclude rather than narrate


@dataclass(frozen=True)
class _Cue:
    """Words that announce a conclusion: where they begin, and from where on to read the answer."""

    begin: int
    read_from: int


def _sentences(text: str) -> list[tuple[int, int]]:
    """Begin and end of each sentence; a full stop after an option's letter ("C. blue") ends none."""
    spans, begin = [], 0
    for mark in _SENTENCE_END.finditer(text):
        if (
            mark[0] == "."
            and _LABEL_END.search(text[max(0, mark.start() - 3) : mark.start()])
            and mark.end() + 1 < len(text)
        ):
            continue
        spans.append((begin, mark.end()))
        begin = mark.end()
    spans.append((begin, len(text)))
    return [(begin, end) for begin, end in spans if text[begin:end].strip()]


def _cues(text: str, sentences: Sequence[tuple[int, int]]) -> list[_Cue]:
    weak_from = sentences[-min(_WEAK_REACH, len(sentences))][0] if sentences else 0
    strong = [
        # "option C is correct" is its own answer
        _Cue(match.start(), match.start() if match[0][:6].lower() == "option" else match.end())
        for match in _STRONG_CUE.finditer(text)
    ]
    weak = [_Cue(match.start(), match.end()) for match in _WEAK_CUE.finditer(text) if match.end() >= weak_from]
    return sorted(strong + weak, key=lambda cue: cue.read_from)


# --- claims -----------------------------------------------------------------------------------------------------------

_EDGE = " \t\r\n:;,.–—-*•\"'“”‘’()[]"
_JOINT = re.compile(
    r"(?:^|[\s,;])(?:and|then|while|whereas|but|also)$|^(?:and|then|while|whereas|but|also)(?=[\s,;])", re.IGNORECASE
)


def _lexicon(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ARITHMETIC = _lexicon(
    "minus plus times divided by is are equals equal and or to from of the difference sum total second seconds "
    "minute minutes "
    "video time timestamp mark at between"
)


def read_claims(think: str) -> list[Claim]:
    """Claims of a trace: each time with what is said of it, the conclusion left out.

    A sentence that begins with its time ("00:04-00:08: a red circle.", "At 00:05 a dog enters.") says what follows;
    any other ("A dog enters at 00:05.") what comes before. Times without content ("00:12 minus 00:04 is 8.") claim
    nothing.
    """
    sentences = _sentences(think)
    cues = _cues(think, sentences)
    concluded = cues[-1].begin if cues else len(think)
    claims: list[Claim] = []
    for begin, end in sentences:
        if begin <= concluded < end and len(_words(think[begin:concluded])) <= 2:
            continue
        claims += _claims_of_sentence(think[begin:end])
    return claims


def _claims_of_sentence(sentence: str) -> list[Claim]:
    mentions = list(find_times(sentence))
    if not mentions:
        return []
    leading = not _words(sentence[: mentions[0].begin])
    texts = []
    for at, mention in enumerate(mentions):
        following = mentions[at + 1].begin if at + 1 < len(mentions) else len(sentence)
        before = mentions[at - 1].end if at else 0
        text = sentence[mention.end : following] if leading else sentence[before : mention.begin]
        if not leading and at + 1 == len(mentions):
            text = f"{text.rstrip(_EDGE)} {sentence[mention.end :].strip(_EDGE)}"
        texts.append(_trimmed(text))
    return [_claim(mention, text) for mention, text in zip(mentions, texts, strict=True) if _has_content(text)]


def _claim(mention: Mention, text: str) -> Claim:
    return Claim(_BEFORE_DIGITS.sub("", mention.written).strip(), mention.interval, text)


_BEFORE_DIGITS = re.compile(r"^(?:at|from|after|before|until)[ \t]+(?=\W*\d)", re.IGNORECASE)


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in ("and", "then", "the", "in", "at")]


def _trimmed(text: str) -> str:
    """The text without punctuation and joining words at its ends, an opened quotation or bracket kept closed."""
    text = _JOINT.sub("", text.strip(" \t\r\n:;,.–—-*•"))
    text = text.strip(" \t\r\n:;,–—-*•").rstrip(".")
    return _JOINT.sub("", text).strip(" \t\r\n:;,–—-")


def _has_content(text: str) -> bool:
    return any(len(word) > 1 and word not in _ARITHMETIC for word in re.findall(r"[^\W\d_]+", text.lower()))


# --- answers ----------------------------------------------------------------------------------------------------------


def read_answer(reading: Reading) -> str:
    """The answer that a text gives; "" where it gives none.

    An answer block is read as a whole. Of a trace, what follows its last conclusion ("so", "the answer is", and what
    takes it
    back: "wait", "actually"); without any, its last sentence, where it names one option or one number and nothing else.
    """
    if reading.source == "answer":
        return _value(reading.text, reading)
    text = reading.text
    sentences = _sentences(text)
    cues = _cues(text, sentences)
    for at in range(len(cues) - 1, -1, -1):
        end = cues[at + 1].begin if at + 1 < len(cues) else len(text)
        tail = text[cues[at].read_from : max(end, cues[at].read_from)]
        if value := _first_value(tail, reading):
            return value
    if sentences and reading.answer_type != "text":
        return _value(text[sentences[-1][0] : sentences[-1][1]], reading)
    return ""


def _first_value(tail: str, reading: Reading) -> str:
    """The answer of the first sentence of a conclusion that gives one."""
    for begin, end in _sentences(tail)[:_WEAK_REACH]:
        if value := _value(tail[begin:end], reading):
            return value
    return ""


def _value(text: str, reading: Reading) -> str:
    if reading.answer_type == "choice":
        return choice_of(text, reading.options) or ""
    if reading.answer_type == "number":
        quantity = quantity_of(text)
        return "" if quantity is None else f"{quantity.value!r} {quantity.unit}".strip()
    return _phrase(text) if reading.source == "think" else text.strip()


_OPENING = re.compile(
    r"^(?:(?:it|this|that|there|he|she|they|the[ \t](?:final[ \t]|correct[ \t])?answer|the[ \t]object)[ \t]"
    r"(?:is|are|was|were|must[ \t]be|should[ \t]be|has[ \t]to[ \t]be)|is|are|that|be|as)\b[ \t]*[:,]?",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"[,;]?[ \t]\b(?:because|since|as[ \t](?:it|the|shown|seen)|which|given)\b.*$", re.IGNORECASE | re.DOTALL
)


def _phrase(text: str) -> str:
    """The words of a conclusion that are its answer: without "it is" before them and a reason after them."""
    text = text.strip(_EDGE)
    for _ in range(3):
        text = _OPENING.sub("", text).strip(_EDGE)
    return _REASON.sub("", text[:400]).strip(_EDGE)


def is_consistent(verdict: Verdict) -> bool:
    """Whether the conclusion of a trace is the answer that was given; without a conclusion or an answer it is not."""
    think = read_answer(Reading(verdict.think, "think", verdict.answer_type, verdict.options))
    answer = read_answer(Reading(verdict.answer, "answer", verdict.answer_type, verdict.options))
    return same_answer(think, answer, verdict.answer_type)


def same_answer(think: str, answer: str, answer_type: str) -> bool:
    """Whether two answers that were read are equal; of text, a conclusion may also say the answer's words among
    others."""
    if not think or not answer:
        return False
    if answers_equal(think, answer, answer_type):
        return True
    short = 0 < len(normalise_text(answer).split()) <= len(words_of(think))
    return answer_type == "text" and short and contains_words(think, answer)


# --- visual evidence --------------------------------------------------------------------------------------------------

_LEXICON: dict[str, frozenset[str]] = {
    "attribute": _lexicon(
        "red green blue yellow purple white black brown orange pink grey gray golden silver dark bright striped "
        "round square "
        "circle triangle cross rectangle rectangular circular large small big tiny tall short wooden metal "
        "metallic plastic "
        "bald bearded curly blonde wearing dressed"
    ),
    "entity": _lexicon(
        "man woman person people boy girl child player dog cat bird horse car truck bus bike bicycle ball table "
        "chair door window "
        "hand hands face head shirt jacket hat glasses cup bottle plate knife box book phone screen board sign "
        "logo building "
        "house road street tree water room kitchen floor wall object objects shape shapes animal team referee "
        "teacher chef "
        "digit number letter word text caption subtitle graph chart diagram formula equation slide"
    ),
    "action": _lexicon(
        "rising falling leftward rightward resting moves moving move enters enter entering leaves leave leaving "
        "appears appear "
        "appearing disappears turns turning walks walking runs running jumps jumping picks picking puts putting "
        "places placing "
        "holds holding points pointing throws throwing catches opens opening closes closing sits sitting stands "
        "standing "
        "rotates rotating lifts lifting drops dropping cuts cutting pours pouring writes writing rolls rolling "
        "slides sliding "
        "kicks kicking hits hitting carries carrying pushes pulls waves waving smiles looks looking changes changing "
        "spins flies flying climbs swims drives driving speaks speaking says eats drinks"
    ),
    "position": _lexicon(
        "left right top bottom centre center middle corner foreground background above below behind front "
        "beside between under "
        "over upper lower near inside outside across edge side upward downward"
    ),
    "count": _lexicon("one two three four five six seven eight nine ten twice once both several"),
    "order": _lexicon("first second third fourth last then next before after later earlier finally begins ends while"),
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
    the video or a single kind; 0 for none.
    """
    evidence = [_evidence(think[begin:end]) for begin, end in _sentences(think)]
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
    for kind, lexicon in _LEXICON.items():
        if hits := words & lexicon:
            kinds.add(kind)
            found |= hits
    if _HAS_DIGIT.search(plain):
        kinds.add("count")
        found |= {word for word in words if word.isdigit()}
    if quoted := _ON_SCREEN.findall(plain):
        kinds.add("text")
        found |= {text.lower() for text in quoted}
    return _Evidence(frozenset(kinds), frozenset(found))
