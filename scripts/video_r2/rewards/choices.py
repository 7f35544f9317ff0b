"""Where a text names options: by their letters, by their words, by parts of them, by their place.

Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_uppercase

from video_r2.rewards.mentions import Mention, with_denials
from video_r2.rewards.number_words import ORDINALS
from video_r2.rewards.plain_text import spell_plainly
from video_r2.rewards.words import ARTICLES, Token, stem_of, tokens_of

FUNCTION_WORDS = frozenset(
    "a an the this that these those it its he she they his her their him them i we you my our your one ones who which "
    "what is are was were be been being has have had do does did will would can could shall should may might must to of "
    "in on at by with from for into onto as and or but so there here then s".split()
)


ROOT = 6  # letters that two words of one family share


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
        self.texts = texts = [spell_plainly(text) for text in texts]
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
        roots = Counter(word[:ROOT] for word in self._parts)
        self._roots = {
            word[:ROOT]: letter
            for word, letter in self._parts.items()
            if len(word) >= ROOT and word.isalpha() and roots[word[:ROOT]] == 1
        }

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

    def _part_of(self, word: str) -> str:
        """Letter of the only option that has a word, or a long one with its beginning ("melancholic", "melancholy")."""
        stem = self._normal(word)
        return self._parts.get(stem) or (self._roots.get(stem[:ROOT], "") if len(stem) >= ROOT else "")

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
        letters = [self._part_of(token.word) for token in tokens]
        return [(at, at + 1, letter) for at, letter in enumerate(letters) if letter]

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
    r"|matches|remains?|because|since|as|not|but|and(?:/or)?|or|nor|out|wrong|oder|ou|und|to|vs|versus|plus|rather|instead|then|here|it|alone|only|either|wins|holds|works)\b"
)
# Words after which a capital letter alone is an option's letter, not a part of a name ("vitamin C", "Gate B").
_BEFORE_LETTER = frozenset(
    "is are be was were been being as so thus therefore hence then or and not nor neither either both but except no yes than to "
    "of for with on at in by from about into like between against towards toward only just also still again even answer "
    "answers choose chose choosing pick picked picking select selected say says said guess bet conclude concludes leave "
    "leaves leaving left find mean means make makes it that this which consider considered prefer prefers call exclude "
    "excludes excluded excluding eliminate eliminates eliminated eliminating out reject rejects rejected discard dismiss "
    "actually probably likely maybe perhaps possibly definitely certainly clearly obviously surely finally because if "
    "while although though unless since whereas before after favour favor final conclusion correct right best result "
    "solution take takes give gives gets get keep lean matches match fits fit supports favours favors confirms indicates implies suggests describes mentions what "
    "it's that's i'd i'll choosing selecting going going namely meaning i.e e.g know think believe want "
    "es la el era è il e ist die der also somit est c'est donc ergo das oder ou não não é quindi dunque portanto logo alternativa cevap letra lettre lettera buchstabe deshalb daher folglich sind sono son "
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
    closed = not following.strip() or following.lstrip()[0] in "().:,;!?*\"'’]}/$<&-=|+~∨或和" or following[0] == "\n"
    word = _WORD_BEFORE.search(before)
    first = not before.strip("\"'([{ \t\r\n*-:>=")
    if match[1].islower():
        opened = (
            first
            or _LETTER_BEFORE.search(before)
            or (word is not None and (word[1] or "").lower() in _BEFORE_SMALL_LETTER)
        )
        ends = not following.strip() or (following[0] in ".):,;/|&\"']}\n" and not following.startswith(".."))
        return match[1] != "i" and ends and bool(opened or before.rstrip()[-1:] in ("=", ">", ":"))
    if match[1] in "AI" and not closed:
        # "A dog", "I think": a word, unless a verb makes it the subject or another letter follows.
        return match[1] == "A" and bool(_SUBJECT.match(following) or re.match(r"[ ][A-Z](?![^\W_])", following))
    if word is None or lenient:
        return word is None or not word[0].startswith("°") and not word[2]
    name = word[1] or ""
    return (
        name.lower() in _BEFORE_LETTER
        or len(name) == 1
        or name.endswith("ly")
        or not (name.isascii() or _IN_CHINESE_OR_JAPANESE.search(name))
        or name.endswith(_BEFORE_LETTER_IN_CHINESE_OR_JAPANESE)
    )


_IN_CHINESE_OR_JAPANESE = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_BEFORE_LETTER_IN_CHINESE_OR_JAPANESE = tuple("是为為选選择擇はて項项案은는")
_LETTER_BEFORE = re.compile(r"^\W{0,3}[A-Za-z][ )]{0,2}(?:[,/;&|]|or|and)[ (]{0,2}$")
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
    return with_denials(text, tokens, mentions)
