"""Where a text names options: by their letters, by their words, by parts of them, by their place.

Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_uppercase
from typing import Literal, NamedTuple

from video_r2.rewards.number_words import ORDINALS
from video_r2.rewards.words import ARTICLES, Token, stem_of, tokens_of

Form = Literal["letter", "text", "part"]


class Mention(NamedTuple):
    """An option that a text names: where, which, how, and whether the text denies it ("not B", "B is out").

    A `letter` is the option's letter, or its place ("the second option"); a `text` all of its words; a `part` words that
    only it has.
    """

    begin: int
    end: int
    letter: str
    form: Form
    denied: bool = False


FUNCTION_WORDS = frozenset(
    "a an the this that these those it its he she they his her their him them i we you my our your one ones who which "
    "what is are was were be been being has have had do does did will would can could shall should may might must to of "
    "in on at by with from for into onto as and or but so there here then s".split()
)


class Options:
    """The options of a question, prepared for finding them.

    Attributes:
        letters: of the options, in order.
        texts: of the options; empty where only their number is known.
        by_letter: letter of each option whose text is a letter.
        openings: how their texts begin, in lower case.
    """

    def __init__(self, texts: Sequence[str], number: int) -> None:
        self.letters = ascii_uppercase[:number]
        self.texts = texts
        words = [[token.word for token in tokens_of(text) if token.word not in ARTICLES] for text in texts]
        self.openings = tuple(text.strip().lower()[:12] for text in texts if text.strip())
        # Options may be letters themselves, shuffled: then a letter alone is an option's text.
        self.by_letter = {
            text.strip().upper(): letter
            for text, letter in zip(texts, self.letters, strict=False)
            if len(text.strip()) == 1 and text.strip().isalpha()
        }
        stems = [tuple(map(stem_of, each)) for each in words]
        self._normal = stem_of if len(set(stems)) == len(stems) else str
        whole = [tuple(map(self._normal, each)) for each in words]
        cores = [_core(each, [other for other in whole if other is not each]) for each in whole]
        self._cores: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for letter, core in zip(self.letters, cores, strict=False):
            for form in {core, ("".join(core),)} if core else ():  # "flower pot", "flowerpot"
                self._cores.setdefault(form[0], []).append((form, letter))
        self._parts, self._sizes = self._telling_words(cores)

    def _telling_words(self, cores: Sequence[tuple[str, ...]]) -> tuple[dict[str, str], Counter[str]]:
        """Words that only one option has, with its letter; and how many such words each option has."""
        held = Counter(word for core in cores for word in set(core))
        parts = {
            word: letter
            for letter, core in zip(self.letters, cores, strict=False)
            for word in core
            if held[word] == 1 and word not in FUNCTION_WORDS and len(word) + word.isdigit() > 1
        }
        return parts, Counter(parts.values())

    def texts_in(self, tokens: Sequence[Token]) -> list[tuple[int, int, str]]:
        """Begin and end, as places of tokens, and letter of each option whose words stand there, longest first."""
        content = [(at, self._normal(token.word)) for at, token in enumerate(tokens) if token.word not in ARTICLES]
        words = [word for _, word in content]
        found = []
        for at, word in enumerate(words):
            for core, letter in self._cores.get(word, ()):
                if tuple(words[at : at + len(core)]) == core:
                    found.append((content[at][0], content[at + len(core) - 1][0] + 1, letter))
            pair = "".join(words[at : at + 2])
            found += [
                (content[at][0], content[at + 1][0] + 1, letter)
                for core, letter in self._cores.get(pair, ())
                if core == (pair,) and pair != word
            ]
        taken = [False] * len(tokens)
        kept = []
        for begin, end, letter in sorted(found, key=lambda span: span[0] - span[1]):
            if not any(taken[begin:end]):
                kept.append((begin, end, letter))
                taken[begin:end] = [True] * (end - begin)
        return kept

    def parts_in(self, tokens: Sequence[Token]) -> list[tuple[int, int, str]]:
        """Begin and end, as places of tokens, and letter of each word that only one option has."""
        return [
            (at, at + 1, self._parts[word])
            for at, token in enumerate(tokens)
            if (word := self._normal(token.word)) in self._parts
        ]

    def share_of(self, letter: str, words: int) -> float:
        """What share of an option's own words this many are, 0 to 1."""
        return words / self._sizes[letter] if self._sizes[letter] else 0.0


def _core(words: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The words of an option without those at its beginning that carry no meaning ("in a flower pot", "her bags").

    They stay where what is left stands in another option too ("on the table", "under the table").
    """
    begin = next((at for at, word in enumerate(words) if word not in FUNCTION_WORDS), 0)
    return words if any(set(words[begin:]) <= set(other) for other in others) else words[begin:]


@lru_cache(maxsize=512)
def options_of(texts: tuple[str, ...], number: int) -> Options:
    """Options with these texts, or so many of which no text is known."""
    return Options(texts, number)


# --- letters ----------------------------------------------------------------------------------------------------------

_LETTER = re.compile(r"(?<![^\W_])([A-Za-z])(?![^\W_]|'[a-z]|[.][A-Za-z]|-[A-Za-z])")
_NAMED = re.compile(
    r"\b(?:option|choice|letter|alternative|candidate|possibility)s?[ ]{1,2}[\"'(\[]{0,2}$", re.IGNORECASE
)
_WORD_BEFORE = re.compile(r"(?:([^\W\d_]+(?:'[^\W\d_]+)?)|(\d|°))[ \t]{1,2}[\"'(\[]{0,2}$|°$")
_SUBJECT = re.compile(
    r"\s{1,2}(?:is|was|isn't|wasn't|would|must|should|could|can|can't|cannot|may|might|has|does|doesn't|seems?|looks|fits?"
    r"|matches|remains?|because|since|as|not|but|and|or|rather|instead|then|here|it|alone|only|either|wins|holds|works)\b"
)
# Words after which a capital letter alone is an option's letter, not a part of a name ("vitamin C", "Gate B").
_BEFORE_LETTER = frozenset(
    "is are be was were been being as so thus therefore hence then or and not nor neither either both but no yes than to "
    "of for with on at in by from about into like between against towards toward only just also still again even answer "
    "answers choose chose choosing pick picked picking select selected say says said guess bet conclude concludes leave "
    "leaves leaving left find mean means make makes it that this which consider considered prefer prefers call exclude "
    "excludes excluded excluding eliminate eliminates eliminated eliminating out reject rejects rejected discard dismiss "
    "actually probably likely maybe perhaps possibly definitely certainly clearly obviously surely finally because if "
    "while although though unless since whereas before after favour favor final conclusion correct right best result "
    "solution take takes give gives gets get keep lean matches match fits fit supports favours favors confirms indicates implies suggests describes mentions what "
    "it's that's i'd i'll choosing selecting going going namely meaning i.e e.g know think believe want "
    "es la el era è il e ist die der also somit est c'est donc ergo das oder ou não não é quindi dunque portanto logo letra lettre lettera buchstabe deshalb daher folglich sind sono son "
    "respuesta réponse antwort risposta resposta opción opcion opzione opção ответ это вариант ist lautet nur".split()
)


def _letters_in(text: str, options: Options, lenient: bool) -> list[tuple[int, int, str]]:
    """Begin, end and letter of each letter that stands for an option.

    Args:
        lenient: whether a capital after any word counts, as in a short answer ("blue C").
    """
    found = []
    for match in _LETTER.finditer(text):
        letter = match[1].upper()
        if letter not in options.letters and letter not in options.by_letter or not _is_label(text, match, lenient):
            continue
        if options.by_letter and not _NAMED.search(text[max(0, match.start() - 24) : match.start()]):
            letter = options.by_letter.get(letter, letter)
        if letter in options.letters:
            found.append((*match.span(), letter))
    return found


def _is_label(text: str, match: re.Match[str], lenient: bool) -> bool:
    before, following = text[max(0, match.start() - 24) : match.start()], text[match.end() : match.end() + 16]
    if (before.endswith(("(", "[", "{")) and following.startswith((")", "]", "}"))) or _NAMED.search(before):
        return True
    closed = not following.strip() or following.lstrip()[0] in ".):,;!?*\"'’]}/$<&-=" or following[0] == "\n"
    word = _WORD_BEFORE.search(before)
    first = not before.strip("\"'([{ \t\r\n*-:>=")
    if match[1].islower():
        opened = first or (word is not None and (word[1] or "").lower() in _BEFORE_SMALL_LETTER)
        ends = not following.strip() or (following[0] in ".):,;\"']}\n" and not following.startswith(".."))
        return match[1] != "i" and ends and (opened or before.rstrip()[-1:] in ("=", ">", ":"))
    if match[1] in "AI" and not closed:
        # "A dog", "I think": a word, unless a verb makes it the subject.
        return match[1] == "A" and bool(_SUBJECT.match(following))
    if word is None or lenient:
        return word is None or not word[0].startswith("°") and not word[2]
    name = word[1] or ""
    return (
        name.lower() in _BEFORE_LETTER
        or len(name) == 1
        or name.endswith("ly")
        or name.endswith(_BEFORE_LETTER_IN_CHINESE_OR_JAPANESE)
    )


_BEFORE_LETTER_IN_CHINESE_OR_JAPANESE = tuple("是为為选選择擇は項项案은는")
_BEFORE_SMALL_LETTER = frozenset("is be answer so option choice not choose pick say therefore thus hence".split())
_PLACED = re.compile(
    r"\b(?:(?P<word>" + "|".join(ORDINALS) + r")|(?P<digit>[1-9])(?:st|nd|rd|th)|(?P<last>last))[ ]"
    r"(?:option|choice|alternative|possibility|(?P<one>one)(?=[ ]?[.,;:)]|$))\b"
    r"|\b(?:option|choice|answer|alternative)[ ](?:number[ ]|no\.?[ ]|#)?(?P<number>[1-9])(?![\d.:])\b"
    r"|\b(?P<listed>" + "|".join(ORDINALS) + r")[ ](?:in|on|of)[ ]the[ ](?:list|options|choices)\b"
    r"|^\W{0,3}(?:the[ ])?(?P<alone>" + "|".join(ORDINALS) + r")\W{0,3}$",
    re.IGNORECASE,
)


def _places_in(text: str, options: Options) -> list[Mention]:
    """Options that are named by their place: "the second option", "option 2"; "the second one" may mean other things."""
    found = []
    for match in _PLACED.finditer(text):
        if match["last"]:
            place = len(options.letters) if options.texts else 0
        else:
            word = match["word"] or match["listed"] or match["alone"]
            place = ORDINALS[word.lower()] if word else int(match["digit"] or match["number"])
        if 0 < place <= len(options.letters):
            found.append(
                Mention(
                    *match.span(), options.letters[place - 1], "text" if match["one"] or match["alone"] else "letter"
                )
            )
    return found


# --- what is denied ---------------------------------------------------------------------------------------------------

_NEGATORS = frozenset(
    "not no never neither nor isn't aren't wasn't weren't don't doesn't didn't can't cannot couldn't won't wouldn't "
    "shouldn't hasn't haven't isnt dont without except excluding exclude excludes excluded eliminate eliminates eliminated "
    "eliminating reject rejects rejected discard discards discarded dismiss unlike than ruling rule rules ruled instead "
    "nicht kein keine pas ni não non не нет".split()
)
_ENDS_SCOPE = frozenset("but so yet because therefore thus hence however rather sondern sino mais ma mas".split())
_NO_DENIAL = re.compile(
    r"\b(?:no[ ]doubt|without[ ](?:a[ ])?doubt|no[ ]question|not[ ]only|not[ ]just|nothing[ ](?:else[ ])?but"
    r"|(?:none|nothing|no[ ]one|nobody)[ ]other[ ]than|(?:cannot|can't)[ ]be[ ]anything[ ](?:but|else|other)(?:[ ]than)?"
    r"|no[ ]other[ ](?:option|choice|answer)[ ]than|more[ ](?:likely[ ])?than[ ]not|not[ ]sure[ ]but)\b",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"['\")\]]{0,2}(?:[ ]either)?[ ](?:(?:is|are|was|were|seems?|looks|has[ ]been|can[ ]be|could[ ]be|must[ ]be|should[ ]be"
    r"|would[ ]be|be|both|all|also|clearly|definitely|certainly|therefore|thus|then|already|simply|just|very|at[ ]once"
    r"|immediately|rather|quite)[ ]){0,3}"
    r"(?:not|out|wrong|incorrect|false|excluded|eliminated|ruled[ ]out|impossible|unlikely|implausible|rejected|off"
    r"|isn't|aren't|wasn't|weren't|can't[ ]be|cannot[ ]be|couldn't[ ]be|won't[ ]be"
    r"|(?:doesn't|does[ ]not|don't|do[ ]not|didn't|did[ ]not)[ ](?:fit|match|work|apply|make[ ]sense|appear|happen|hold)"
    r"|(?:can't|cannot)[ ](?:be|fit)|makes[ ]no[ ]sense|drops?[ ]out|falls?[ ]away)\b",
    re.IGNORECASE,
)
_LISTED_AS_WRONG = re.compile(
    r"[)]?[ ]?(?:[:-]|->)[ ]{0,2}(?:no|nope|not|wrong|false|incorrect|never|excluded|out)\b", re.IGNORECASE
)
_JOINT = re.compile(
    r"[\s,;/&\"'()\[\].:*]*(?:\b(?:or|and|nor|else|maybe|perhaps|possibly|even|vs|versus|oder|ou|o|y|und|et|the|a|an|her"
    r"|his|its|in|on|by|with|option|options|choice|choices|letter)\b[\s,;/&\"'()\[\].:*]*){0,6}",
    re.IGNORECASE,
)


def joins(text: str, begin: int, end: int) -> bool:
    """Whether nothing but "and", "or", a comma and their like stands in a stretch of text."""
    return end - begin <= 60 and _JOINT.fullmatch(text, begin, end) is not None


def _with_denials(text: str, tokens: Sequence[Token], mentions: Sequence[Mention]) -> list[Mention]:
    starts = {token.begin: at for at, token in enumerate(tokens)}
    plain = {at for match in _NO_DENIAL.finditer(text) for at in range(match.start(), match.end())}
    found: list[Mention] = []
    for mention in mentions:
        before = starts.get(mention.begin)
        denied = before is not None and _denied_before(text, tokens, before, plain)
        chained = bool(found) and found[-1].denied and joins(text, found[-1].end, mention.begin)
        found.append(mention._replace(denied=denied or chained))
    for at in range(len(found) - 1, -1, -1):
        mention = found[at]
        after = _denied_after(text, mention)
        chained = (
            at + 1 < len(found) and found[at + 1].denied and not found[at].denied and _denied_with(text, found, at)
        )
        found[at] = mention._replace(denied=mention.denied or after or chained)
    return found


def _denied_with(text: str, mentions: Sequence[Mention], at: int) -> bool:
    """Whether what follows a mention denies it too: "A and B are wrong"."""
    between = text[mentions[at].end : mentions[at + 1].begin]
    return re.fullmatch(r"[\s,\"'()]*(?:and|or|nor)?[\s\"'(]*(?:the[ ]|an?[ ])?", between) is not None and bool(
        _denied_after(text, mentions[at + 1])
    )


def _denied_after(text: str, mention: Mention) -> bool:
    after = _DENIED_AFTER.match(text, mention.end)
    # "The light is off" denies no light.
    if mention.form == "letter" and _LISTED_AS_WRONG.match(text, mention.end):
        return True
    return after is not None and (mention.form == "letter" or not after[0].endswith((" out", " off")))


def _denied_before(text: str, tokens: Sequence[Token], at: int, plain: set[int]) -> bool:
    """Whether a negation stands among the five words before a token, in the same clause."""
    end = tokens[at].begin
    for token in reversed(tokens[max(0, at - 5) : at]):
        if any(sign in text[token.end : end] for sign in ",;:?!-\n") or token.word in _ENDS_SCOPE:
            return False
        if token.word in _NEGATORS and token.begin not in plain:
            return True
        end = token.begin
    return False


# --- all together -----------------------------------------------------------------------------------------------------


def mentions_in(text: str, options: Options, lenient: bool = False) -> list[Mention]:
    """Find where a plain text (`plain_text.plain_text`) names options, in order.

    An option's letter within the words of an option ("vitamin C") is none; parts of options are looked for only where no
    option is named in full.

    Args:
        text: a sentence of a trace, or an answer.
        lenient: whether a capital after any word counts as a letter.
    """
    tokens = tokens_of(text)
    named = [
        Mention(tokens[begin].begin, tokens[end - 1].end, letter, "text")
        for begin, end, letter in options.texts_in(tokens)
    ]
    letters = [Mention(*found, "letter") for found in _letters_in(text, options, lenient)] + _places_in(text, options)
    named = [mention for mention in named if not any(letter.begin <= mention.begin < letter.end for letter in letters)]
    letters = [
        letter for letter in letters if not any(mention.begin <= letter.begin < mention.end for mention in named)
    ]
    mentions = sorted([*named, *letters])
    if not mentions:
        mentions = [
            Mention(tokens[begin].begin, tokens[end - 1].end, letter, "part")
            for begin, end, letter in options.parts_in(tokens)
        ]
    return _with_denials(text, tokens, mentions)
