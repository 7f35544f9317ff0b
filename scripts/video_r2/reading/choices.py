"""Where a text names options: by their letters, by their words, by parts of them, by their place.

Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from string import ascii_uppercase

from video_r2.reading.mentions import Form, Mention, with_denials
from video_r2.reading.number_words import ORDINALS
from video_r2.reading.plain_text import spell_plainly
from video_r2.reading.words import ARTICLES, FUNCTION_WORDS, Token, lexicon, stem_of, tokens_of

_OF_OTHERS = re.compile(r"(?:all|none|both|neither|any|either)[ ]of[ ](?:the|these|those|them)\b", re.IGNORECASE)
ROOT = 6  # letters that two words of one family share


class Options:
    """The options of a question, prepared for finding them.

    Attributes:
        letters: of the options, in order.
        texts: of the options; empty where only their number is known.
        by_letter: letter of each option whose text is a letter that is no label.
        openings: how their texts begin, in lower case.

    Options that have the same words, or none, are told apart by all their signs: "5" and "-5", "C++" and "C#".
    """

    def __init__(self, texts: Sequence[str], number: int) -> None:
        self.letters = ascii_uppercase[:number]
        self.texts = [spell_plainly(text).strip() for text in texts]
        self.openings = tuple(text.lower()[:12] for text in self.texts)
        # Options may be letters themselves: then one that is no label is an option's text.
        self.by_letter = {
            form: letter
            for text, letter in zip(self.texts, self.letters, strict=False)
            if len(text) == 1 and text.isalpha()
            for form in (text, text.swapcase())
            if form not in self.letters and (form == text or text not in self.letters)
        }
        words = [tuple(token.word for token in tokens_of(text) if token.word not in ARTICLES) for text in self.texts]
        signs = list(map(signs_of, self.texts))
        written = {each: {of for other, of in zip(words, signs, strict=True) if other == each} for each in words}
        is_signed = [len(written[each]) > 1 or (not each and bool(of)) for each, of in zip(words, signs, strict=True)]
        self._signed: dict[str, str] = {}
        for of, letter, told in zip(signs, self.letters, is_signed, strict=False):
            if told and of:
                self._signed.setdefault(of, letter)
        self._signs = _any_of(
            [text for text, told in zip(self.texts, is_signed, strict=True) if told and signs_of(text)]
        )
        stems = [tuple(map(stem_of, each)) for each, told in zip(words, is_signed, strict=True) if not told]
        # Options that differ in their inflection only are told apart by it.
        self._normal = stem_of if len(set(stems)) == len(stems) else str
        whole = [tuple(map(self._normal, each)) for each in words]
        cores = [
            () if told else _core(each, [other for other in whole if other is not each])
            for each, told in zip(whole, is_signed, strict=True)
        ]
        self._cores: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for letter, core in zip(self.letters, cores, strict=False):
            for form in {core, ("".join(core),)} if core else ():  # "flower pot", "flowerpot"
                self._cores.setdefault(form[0], []).append((form, letter))
        # "None of the above" has no word of its own but the first.
        cores = [core[:1] if _OF_OTHERS.match(text) else core for core, text in zip(cores, self.texts, strict=True)]
        held = Counter(word for core in cores for word in set(core))
        held.update(word for each, told in zip(whole, is_signed, strict=True) if told for word in set(each))
        self._parts = {
            word: letter
            for letter, core in zip(self.letters, cores, strict=False)
            for word in core
            if held[word] == 1 and word not in FUNCTION_WORDS and (len(word) > 1 or word.isdigit())
        }
        self._sizes = Counter(self._parts.values())
        roots = Counter(word[:ROOT] for word in self._parts)
        self._roots = {
            word[:ROOT]: letter
            for word, letter in self._parts.items()
            if len(word) >= ROOT and word.isalpha() and roots[word[:ROOT]] == 1
        }

    def without_listing(self, text: str, otherwise: str) -> str:
        """The text with something else for a list of all options, one after the other, each behind its letter."""
        lowered = text.lower()
        # Few texts hold them all, and only for those the pattern is worth making.
        if len(self.texts) < 2 or not all(option and option.lower() in lowered for option in self.texts):
            return text
        return _listing(self.letters, self.texts).sub(otherwise, text)

    def signed_in(self, text: str) -> list[tuple[int, int, str]]:
        """Begin, end and letter of each option that is told apart from others by its signs."""
        if not self._signed:
            return []
        return [(*match.span(), self._signed[signs_of(match[0])]) for match in self._signs.finditer(text)]

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
            pair = "".join(words[at : at + 2])
            found += [
                (content[at][0], content[at + len(core) - 1][0] + 1, letter)
                for core, letter in self._cores.get(word, ())
                if tuple(words[at : at + len(core)]) == core
            ]
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


def signs_of(text: str) -> str:
    """A text without its spaces and the stop at its end, in lower case."""
    return "".join(text.casefold().split()).rstrip(".,;")


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Matches any of some texts, the longest first, not within words or numbers; around signs it may have other spaces.

    A sign at the beginning stays with what follows: "-5" is not "10 - 5".
    """
    each = []
    for text in sorted(map(str.strip, texts), key=len, reverse=True):
        tokens = [(match[1], match[2]) for match in re.finditer(r"(\s*)(\d+|[^\W\d_]+|[\W_])", text.rstrip(".,;"))]
        first, last = tokens[0][1], tokens[-1][1]
        pattern = re.escape(first)
        for (_, one), (space, other) in pairwise(tokens):
            if one.isalnum() and other.isalnum():
                between = r"\s{1,2}" if space else r"\s{0,2}"
            else:
                between = r"\s{0,2}" if space or one is not first or one.isalnum() else ""
            pattern += between + re.escape(other)
        before = r"(?<![^\W_])" + (r"(?<!\d[.,:])" if first.isdecimal() else "")
        after = r"(?![^\W_]|[.,:]\d)" if last.isalnum() or not any(map(str.isalnum, text)) else ""
        each.append(before + pattern + after)
    return re.compile("|".join(each), re.IGNORECASE)


def _listing(letters: str, texts: Sequence[str]) -> re.Pattern[str]:
    """Matches "A. red B. blue C. green", "(A) red, (B) blue or (C) green": options that are only enumerated."""
    each = []
    for letter, text in zip(letters, texts, strict=False):
        words = r"\s{1,3}".join(map(re.escape, text.split()))
        each.append(rf"[(\[]?\b{letter}\b[)\].:]{{0,2}}\s{{0,2}}(?:-\s)?[\"'(]?{words}[\"')]?")
    return re.compile(r"[\s,;.|/*-]{0,6}(?:(?:and|or)\s)?".join(each), re.IGNORECASE)


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

_LETTER = re.compile(r"(?<![^\W_])([A-Za-z])(?![^\W_]|'[a-z]|[.][A-Za-z]|-[A-Za-z]|[ ](?:major|minor|sharp|flat)\b)")
_NAMED = re.compile(
    r"\b(?:option|choice|letter|alternative|candidate|possibility)s?[ ]{1,2}[\"'(\[]{0,2}$", re.IGNORECASE
)
_OWN_WRITING = re.compile(
    r"""\b(?:I|I'd|I'll|we|let[ ]me|let's)(?:[ ](?:will|should|would|must|can|now|therefore)){0,2}
    [ ](?:report|output|return|submit|mark|record|enter|write(?:[ ]down)?|put(?:[ ]down)?|fill[ ]in)[ ]["'(\[]?$""",
    re.IGNORECASE | re.VERBOSE,
)
_WORD_BEFORE = re.compile(r"(?P<word>[^\W\d_]+(?:'[^\W\d_]+)?)[ \t]{1,2}[\"'(\[]{0,2}$|(?P<degree>\d[ \t]{1,2}|°[ ]?)$")
_LETTER_BEFORE = re.compile(r"^\W{0,3}[A-Za-z][ )]{0,2}(?:[,/;&|]|or|and)[ (]{0,2}$")
_LETTER_AFTER = re.compile(r"[ ][A-Z](?![^\W_])")
_CLOSING = "().:,;!?。、।،؛*\"']}/$<&-=|+~∨或和\n"
_VERB_AFTER = re.compile(
    r"""\s{1,2}(?:is|was|isn't|wasn't|would|must|should|could|can|can't|cannot|may|might|has|does|doesn't|seems?|looks
    |fits?|matches|remains?|wins|holds|works|because|since|as|not|but|and(?:/or)?|or|nor|out|wrong|oder|ou|und|to|vs|versus
    |plus|rather|instead|then|here|it|alone|only|either)\b""",
    re.VERBOSE,
)
# Words after which a capital alone is an option's letter, not a part of a name ("vitamin C", "Gate B"); adverbs are too.
_BEFORE_LETTER = lexicon(
    "is are be was were been being it that this which what it's that's i'd i'll if because while although though unless "
    "since whereas so thus therefore hence then or and not nor neither either both but except no yes than as even also "
    "still again only just maybe perhaps likely to of for with on at in by from about into like between against toward "
    "towards before after answer answers choose chooses chose choosing pick picks picked picking "
    "select selects selected selecting say says said "
    "guess bet conclude concludes leave leaves leaving left find mean means meaning make makes consider considered prefer "
    "prefers call exclude excludes excluded excluding eliminate eliminates eliminated eliminating out reject rejects "
    "rejected discard dismiss favour favor favours favors final conclusion correct right best result solution take takes "
    "give gives get gets keep lean match matches fit fits support supports confirm confirms indicate indicates imply "
    "implies suggest suggests describe describes mention mentions going namely know think believe want "
    "czyli zatem więc yani dus alltså altså därför derfor takže tedy deci tehát jadi joten siis отже "
    "elijo escojo con choisis wähle nehme scelgo escolho выбираю "
    "es la el è il e era ist die der das est c'est ou oder donc ergo also somit deshalb daher folglich nur lautet sind "
    "quindi dunque portanto logo são sono son letra lettre lettera buchstabe alternativa opción opzione opção respuesta "
    "réponse antwort risposta resposta cevap ответ вариант это"
)
_BEFORE_SMALL_LETTER = lexicon("is be answer so option choice not choose pick say therefore thus hence")
_IN_CHINESE_OR_JAPANESE = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_BEFORE_LETTER_IN_CHINESE_OR_JAPANESE = tuple("是为為选選择擇はて项項案")


def _letters_in(text: str, options: Options, lenient: bool) -> list[Mention]:
    """Letters that stand for an option.

    Args:
        lenient: whether a capital after any word counts, as in a short answer ("blue C").
    """
    found = []
    for match in _LETTER.finditer(text):
        letter = match[1].upper()
        if options.by_letter and not _NAMED.search(text[max(0, match.start() - 24) : match.start()]):
            letter = options.by_letter.get(match[1], letter)
        if letter in options.letters and _is_label(text, match, lenient):
            found.append(Mention(*match.span(), letter, "letter"))
    return found


def _is_label(text: str, match: re.Match[str], lenient: bool) -> bool:
    """Whether a letter alone is the label of an option, not an article, a pronoun, a unit or a part of a name."""
    before, after = text[max(0, match.start() - 40) : match.start()], text[match.end() : match.end() + 16]
    in_brackets = before.endswith(("(", "[", "{")) and after.startswith((")", "]", "}"))
    if in_brackets or _NAMED.search(before) or _OWN_WRITING.search(before):
        return True
    found = _WORD_BEFORE.search(before)
    word = (found["word"] or "").lower() if found else ""
    if match[1].islower():
        is_first = not before.strip("\"'([{ \t\r\n*-:>=") or _LETTER_BEFORE.search(before) is not None
        opened = is_first or word in _BEFORE_SMALL_LETTER or before.rstrip().endswith(("=", ">", ":"))
        closed = not after.strip() or (after[0] in ".):,;/|&\"']}\n" and not after.startswith(".."))
        return opened and closed and match[1] != "i"
    closed = not after.strip() or after.lstrip(" ")[0] in _CLOSING
    if not closed and match[1] == "I":
        return False
    if not closed and match[1] == "A" and not (_VERB_AFTER.match(after) or _LETTER_AFTER.match(after)):
        return False  # an article
    if found is None or lenient:
        return found is None or not found["degree"]
    return _leads_to_letter(word)


def _leads_to_letter(word: str) -> bool:
    """Whether a letter alone after a word is an option's."""
    if _IN_CHINESE_OR_JAPANESE.search(word):
        return word.endswith(_BEFORE_LETTER_IN_CHINESE_OR_JAPANESE)
    # Of other languages than those above too little is known to tell names apart.
    return word in _BEFORE_LETTER or len(word) == 1 or word.endswith("ly") or not word.isascii()


# --- places -----------------------------------------------------------------------------------------------------------

_NTH = "|".join(ORDINALS)
_PLACED = re.compile(
    rf"""
    \b(?:(?P<nth>{_NTH})|(?P<digit>[1-9])(?:st|nd|rd|th)|(?P<last>last))[ ]
        (?:option|choice|alternative|possibility|(?P<one>one)(?=[ ]?[.,;:)]|$))\b
    |\b(?:(?:option|choice|alternative)[ ](?:number[ ]|no\.?[ ]|\#)?|answer[ ](?:number[ ]|no\.?[ ]|\#))
        (?P<number>[1-9])(?![\d.:])\b
    |\b(?P<listed>{_NTH})[ ](?:in|on|of)[ ]the[ ](?:list|options|choices)\b
    |^\W{{0,3}}(?:the[ ])?(?P<alone>{_NTH})\W{{0,3}}$
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _places_in(text: str, options: Options) -> list[Mention]:
    """Options that are named by their place: "the second option", "option 2"; "the second one" may mean other things."""
    found = []
    for match in _PLACED.finditer(text):
        word, digit = match["nth"] or match["listed"] or match["alone"], match["digit"] or match["number"]
        place = ORDINALS[word.lower()] if word else int(digit) if digit else len(options.texts)
        if 0 < place <= len(options.letters):
            form: Form = "text" if match["one"] or match["alone"] else "letter"
            found.append(Mention(*match.span(), options.letters[place - 1], form))
    return found


# --- all together -----------------------------------------------------------------------------------------------------


def _names_more(letter: Mention, words: Mention) -> bool:
    """Whether an option's words begin within its letter or place, and go no further: "C++" is more than its "C"."""
    return letter.begin <= words.begin < letter.end and (letter.begin < words.begin or letter.end >= words.end)


def mentions_in(text: str, options: Options, lenient: bool = False, denying: bool = False) -> list[Mention]:
    """Find where a plain text (`plain_text.plain_text`) names options, in order.

    An option's letter within the words of an option ("vitamin C") is none; parts of options are looked for only where no
    option is named in full.

    Args:
        text: a sentence of a trace, or an answer.
        lenient: whether a capital after any word counts as a letter.
        denying: whether what a text says is not ("autumn is not shown") may be the answer.
    """
    tokens = tokens_of(text)
    named = [
        Mention(tokens[begin].begin, tokens[end - 1].end, letter, "text")
        for begin, end, letter in options.texts_in(tokens)
    ]
    named += [Mention(begin, end, letter, "text") for begin, end, letter in options.signed_in(text)]
    letters = _letters_in(text, options, lenient) + _places_in(text, options)
    named = [mention for mention in named if not any(_names_more(letter, mention) for letter in letters)]
    letters = [
        letter for letter in letters if not any(mention.begin <= letter.begin < mention.end for mention in named)
    ]
    mentions = sorted([*named, *letters])
    if not mentions:
        mentions = [
            Mention(tokens[begin].begin, tokens[end - 1].end, letter, "part")
            for begin, end, letter in options.parts_in(tokens)
        ]
    return with_denials(text, tokens, mentions, denying)
