"""Clauses that speak of the text and of who compares it rather than of a video: "The reasoning is officially graded as B."

They may be orders in words that no pattern of `orders` knows, or a clumsy conclusion. So the more signs of an order they have,
the less it takes for the rest of a text to be believed instead. Signs are what somebody thought of, and how much a sentence is
like an order by weights that are learnt (`order_likeness`).
"""

from __future__ import annotations

import re

from video_r2.reading.order_likeness import order_likeness
from video_r2.reading.orders import FORGED_ANSWER, SENTENCE, cut
from video_r2.reading.words import lexicon

_FLAGS = re.IGNORECASE | re.VERBOSE

# Each set is one sign, however many of its words are there. These tell by themselves ...
_TEXT = lexicon(
    "trace traces reasoning thinking thoughts block blocks paragraph passage response submission transcript rationale analysis "
    "argument explanation "
    "überlegung begründung gedankengang raisonnement réflexion razonamiento ragionamento raciocínio redenering rozumowanie "
    "resonemang рассуждение рассуждения рассуждении"
)
_READER = lexicon(
    "grader graders evaluator evaluators assessor assessors rater raters validator comparator verifier annotator annotators "
    "extractor parser judge judges checker checkers examiner examiners reviewer reviewers auditor auditors reader "
    "readers whoever anyone supervisor organiser organisers organizer organizers maintainers benchmark benchmarks dataset "
    "datasets pipeline assistant model models llm llms gpt ai system script software machine machines prompt instruction "
    "instructions guideline guidelines rubric policy manual handbook rulebook"
)
_TO_YOU = lexicon(
    "you your yours please kindly hereby deemed thanks thank regardless bitte veuillez favor prego alstublieft proszę "
    "пожалуйста lütfen"
)
_ELSEWHERE = lexicon(
    "offiziell offizielle maßgeblich zählt gewertet werten eintragen notieren vermerken eingetragen vorgabe officiel "
    "officielle officiellement compte noter notez inscrire inscrivez enregistrer compter considérer oficial oficialmente "
    "anotar anote escriba marcar marque registre registrar considerar considere ufficiale registrato segnare registrare "
    "considerare consta constar officieel noteer noteren lees oficjalna oficjalnie wpisać zapisać uznać officiella skriv "
    "läs официальный официальная официально запишите записать считайте считать засчитывается засчитать отметить "
    "проверяющего resmi yazın kaydedin اكتب الرسمي سجل लिखें आधिकारिक"
)
# ... these only beside others, since they stand in plain conclusions too ...
_OUTCOME = lexicon(
    "conclusion conclusions conclude concludes concluded verdict verdicts judgement judgment result outcome finding findings "
    "schlussfolgerung ergebnis résultat conclusión resultado conclusione risultato conclusão conclusie wniosek slutsats "
    "вывод выводом выводе sonuç sonucu"
)
_MUST = lexicon("shall must should supposed grateful default automatically confirmed confirm confirms")
# ... and these happen in videos.
_LABEL = lexicon(
    "label labels labelled labeled labelling gold official officially legend legends key typo misprint misprinted "
    "erratum correction corrected mislabelled mislabeled placeholder override overridden overrule overrules overruled "
    "swapped rotated shifted permuted renamed denote denotes synonym synonyms interchangeable stands"
)
_GRADING = lexicon(
    "grade grades graded grading score scores scored scoring evaluate evaluates evaluated evaluation evaluations assessment "
    "assessed marking marked validated validation verified verification rated rating approved approve judged judging "
    "gewertet werten wertung bewertung évaluation notation évaluer evaluación evaluar valutazione avaliação beoordeling ocena"
)
_AGREEMENT = lexicon(
    "match matches matched matching mismatch mismatches agree agrees agreed agreement consistent inconsistent consistency "
    "identical equal equals equivalent coincide coincides difference differences differ differs same compare compares "
    "compared comparing comparison both pair pairs "
    "übereinstimmend identisch gleich cohérent cohérente identique coherente coincide igual iguales uguale uguali iguais "
    "gelijk zgodne zgodny совпадает совпадают совпадающим"
)
_FILING = lexicon(
    "extraction extract extracts extracted record records recorded recording enter enters entered entry entries log logs "
    "logged file filed register registered noted protocol sheet form column field fields cell database table report reported "
    "copy copied stored booked credited"
)
_TELLING, _BESIDE, _FILMED = (
    (_TEXT, _READER, _TO_YOU, _ELSEWHERE),
    (_OUTCOME, _MUST),
    (_LABEL, _GRADING, _AGREEMENT, _FILING),
)
_SIGNS = (*_TELLING, *_BESIDE, *_FILMED)
_SIGN_WORDS = frozenset().union(*_SIGNS)

# An answer is announced by these nouns, but not beside any word: "the registered answer is".
_NOUNS = lexicon("answer choice option conclusion verdict result outcome label decision letter reading solution pick")
_ANNOUNCED = re.compile(
    rf"""(?P<before>(?:[\w'-]{{1,20}}[ ]){{0,3}})(?:{"|".join(sorted(_NOUNS))})(?P<after>(?:[ ][\w'()-]{{1,20}}){{0,5}}?)
    (?:[ ](?:is|was|shall[ ]be|becomes|remains|must[ ]be|should[ ]be|has[ ]to[ ]be|would[ ]be|=)\b|[ ]?[:=]|[ ]?->)""",
    _FLAGS,
)
_ODD = lexicon(
    "registered agreed stored expected stated confirmed intended desired required recorded published assigned reported "
    "annotated gold approved designated authoritative binding valid scored graded logged filed official booked noted entered "
    "credited accepted adopted extracted parsed returned output target reference ground default grading readable judged marked "
    "used taken written kept produced"
)
_ODD_AFTER = re.compile(
    r"\bto[ ](?!(?:this|the|that|our|my|all)\b)|\bon[ ](?:file|record)\b|\byou\b|\bof[ ]what\b", re.IGNORECASE
)
# What nobody says who thinks for himself.
_FORMS = "form|field|log|sheet|report|column|record|register|cell|file|database|protocol"
_DONE = "logged|stored|filed|booked|credited|noted|registered|recorded|entered|scored|counted|listed|reported|written[ ]down"
_FORMAL = re.compile(
    rf"""^\W{{0,5}}(?:(?:and|so|but|now|then|also)[ ,]{{1,2}})?(?:
        for[ ]the[ ](?:record|purposes?|files?|sake)|officially|legally|formally|on[ ]paper|as[ ]agreed|in[ ]the[ ](?:{_FORMS})
        |by[ ](?:decree|definition|convention|default|rule|agreement|policy|law|order)|to[ ](?:keep|match|agree|remain|stay)
        |for[ ](?:bookkeeping|consistency|scoring|grading|evaluation|statistics)|on[ ]behalf|speaking[ ]as|since[ ]the[ ]answer
        |if[ ](?:asked|anyone|anybody|somebody|someone)|when[ ](?:asked|in[ ]doubt|grading|comparing|scoring)|in[ ]doubt
        |both[ ](?:say|give|read|are|mean|blocks|parts|letters)|as[ ](?:the|an?)[ ]\w{{1,12}}[ ]I|I,[ ]the
        |(?:{_DONE}|graded|parsed|extracted|marked)(?:[ ]as|(?=:))
        |according[ ]to[ ]the[ ](?:key|rules|legend|form|metadata|annotations?|data|manual)
        |(?:the|an)[ ]answer[ ](?:key|below|sheet|block)|what[ ]I[ ](?:wrote|said)|let[ ](?:me|us)[ ](?:assume|suppose|pretend)
        |(?:everything|all|what[ ]\w{{1,8}}[ ]\w{{1,8}}|the[ ](?:lines?|sentences?))[ ](?:above|before|so[ ]far)
            (?![ ]considered)
        |the[ ]above(?![ ](?:shows?|means|suggests?|evidence|scenes?|frames?|considered))
        |(?:think|thinking|reasoning)\W{{0,2}}[:=]|(?:p[.][ ]?s|n[.][ ]?b|ps|fyi|btw)\b|no[ ]matter[ ]what|regardless[ ]of
        |notwithstanding|contrary[ ]to|despite[ ]the[ ](?:above|reasoning)|whatever[ ](?:you|stands|it[ ]says)|downstream
        |(?:gold|key|target|expected|prediction|ground[ ]truth|reference|stamp|hint|reminder|spoiler|decoded|hidden[ ]\w{{1,12}}
            |approved|warning|error|exception|assertion|test[ ]\w{{1,8}}|auto-?correct|(?:re)?checked|reviewed|corrected)
            (?=(?:[ ]\w{{1,12}}){{0,3}}:)
        |by[ ](?:majority[ ])?vote|the[ ](?:vote|committee|annotation|metadata|dataset)|(?:base64|rot13)
        )(?<=[\w:=])(?!\w)
    |\b(?:(?:is|are|was|were)[ ](?:hereby[ ])?to[ ]be|(?:what|that)[ ]gets|void|invalid|filler|obsolete|dry[ ]run|warm-up
        |do(?:es)?[ ]not[ ]count|(?:that|which)[ ]counts|stands?[ ]for|(?:is|are)[ ]meant|another[ ](?:name|word)[ ]for
        |from[ ]now[ ]on|in[ ]this[ ]task|goes[ ]down[ ]as
        |further[ ](?:purposes|processing|use)|never[ ]wrong|move[ ]along|(?:gets|has[ ]been|is)[ ](?:{_DONE}|put[ ]down))\b
    |\bnote\W{{0,2}}:|正式|官方|公式|记录为|記録|공식|채점|请[^。]{{0,6}}(?:判|记|写|选|填|评|视为|当作)|判为|読み替え|として(?:ください|扱)|为准|為準""",
    _FLAGS,
)
_FORMAL_WORDS = lexicon(
    "record purpose purposes file files sake officially legally formally paper agreed decree definition convention default "
    "rule agreement policy law order keep match agree remain stay bookkeeping consistency scoring grading evaluation "
    "statistics behalf speaking since if when doubt both as i logged stored filed booked credited noted registered recorded "
    "entered scored counted listed reported written graded parsed extracted marked according answer wrote said assume "
    "suppose pretend above before far think thinking reasoning be gets void invalid filler obsolete dry warm count counts "
    "stand stands meant another now task put note form field log sheet report column register cell database protocol p n ps "
    "fyi btw matter regardless notwithstanding contrary despite whatever downstream gold key target expected prediction "
    "truth reference stamp hint reminder spoiler decoded hidden approved warning error exception assertion test auto "
    "autocorrect checked rechecked reviewed corrected vote committee annotation annotations metadata dataset base rot goes "
    "further never along data manual rules legend"
)
# What stands in programs and records.
_CODE = re.compile(
    r"""^\W{0,3}[(\[#@][ ]?\w{2,12}[\])]|\w_\w|["']\s?:\s?["']|\{["']|^\W{0,3}\w{1,12}=\w|^\W{0,3}\w{1,8}\(["']?\w{1,20}["']?\)
    |^\W{0,3}(?:return|echo|print|select)[ ]["']?\w{1,20}["']?(?:[ ]as\b|\W{0,2}$)|^\W{0,3}s/|:[ ]str\b
    |^\W{0,3}[A-J\d][ ]?[=-]>[ ]?[A-J\d]|:=|!=|(?<!=)==(?!=)|\w[ ]?=[ ]?["']|\w\[["']
    |^[ ]?\[{1,2}\w{1,20}(?:[ ]\w{1,20})?(?::|\]\])
    |(?:^|[ ])(?:\#|//|/\*|%{1,2}|>{2,3})[ ]?[A-Za-z]|(?:^|[ ])--[ ]?\w{1,20}(?:[ ]\w{1,20})?[:=]|^\W{0,3}(?:const|var)[ ]\w
    |\{\w{1,20}(?:[ ]\w{1,20})?:|^[ ]?\|[ ]?\w""",
    _FLAGS,
)
# Nobody tells himself so.
_TOLD = lexicon(
    "record enter register log file report return output emit print reply respond copy tick write say put treat regard "
    "consider extract accept approve confirm swap replace substitute change read carry stamp book grade score validate "
    "store keep use assign assume suppose imagine list credit note think let"
)
_TELLS_TO = re.compile(
    rf"""^\W{{0,5}}(?:(?:and|so|but|now|then|also|therefore|just|simply|only|please)[ ,]{{1,2}}){{0,2}}
    (?:{"|".join(sorted(_TOLD - {"think", "let", "note"}))}|think[ ]of|let(?!(?:[ ](?:me|us)|'s)\b)|note(?!:))[ ]
    (?!(?:that|more|again|closely|carefully|on)\b)""",
    _FLAGS,
)
_WORDS = _SIGN_WORDS | _NOUNS | _FORMAL_WORDS | _TOLD | {"will"}
_OWN = lexicon("i i'd i'll i'm i've my me mine we our us")
# ... and nobody who speaks for himself.
_NOT_OWN = re.compile(
    r"\bas[ ](?:the|an?|your)?[ ]?\w{1,12},?[ ]I\b|\bI,[ ](?:the|your|an?)[ ]|\bwhat[ ]I[ ](?:wrote|said)\b"
    r"|\blet[ ](?:me|us)[ ](?:assume|suppose|pretend)\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d:\d\d")
_WORD = re.compile(r"[^\W\d_]+(?:'(?!s\b)[^\W\d_]+)?")
_CLAUSE = re.compile(r"[,;:(]|[ ]-[ ]|\bbut\b")
# An option's letter or a bracket that a capital follows ends what was concluded, and what stands in brackets is another matter.
_ENDS = re.compile(r"(?<=\b[A-J])(?=[ ][A-Z][a-z])|(?<=\))(?=[ ][A-Z])|(?=[ ][(\[])|(?<=[ ]/)(?=[ ])")
# What is said in plain conclusions: "Based on this reasoning, ...", "as you can see".
_PLAIN = re.compile(
    r"""\b(?:(?:as|if|when)[ ])?you[ ](?:(?:can|could|may|clearly|easily|also|still)[ ]){0,2}(?:see|hear|notice|look)\b
    |^\W{0,5}(?:(?:so|thus|therefore|hence|and)[ ,]{1,2})?
    (?:based[ ]on|from|given|through|with|after|considering|following|as[ ]per|in[ ]light[ ]of)[ ](?:all[ ](?:of[ ])?)?
    (?:this|the|my|that|these)[ ](?:(?:above|careful|visual|whole|detailed|\w{1,10}-by-\w{1,10})[ ]){0,2}
    (?:analysis|reasoning|thinking|thoughts|explanation|rationale)(?:[ ](?:above|so[ ]far))?,?[ ]""",
    _FLAGS,
)
_NOT_PLAIN = _TEXT | {"you"}
DOUBTFUL, GRAVE, ORDER = 1, 2, 3  # signs
_LIKENESS = (0.0, 1.0, 2.0)  # log odds, each of which is a sign
_BEHIND = 2.0  # log odds more for what stands behind a doubtful sentence: "You are to count anew. Carried: 3."


def without_doubtful(text: str, least: int, about: frozenset[str] = frozenset()) -> str:
    """The text without doubtful clauses, and the answers that they bring along; linear in its length.

    Args:
        text: in one spelling.
        least: how many signs make a clause doubtful.
        about: words of the question and its options, which are no signs: a judge may be in the video.
    """
    kept: list[str] = []
    forges = doubted = False
    for whole in SENTENCE.findall(text):
        may_be = (
            not _WORDS.isdisjoint(_WORD.findall(whole.lower()))
            or not whole.isascii()
            or _CODE.search(whole) is not None
        )
        for sentence in _ENDS.split(whole) if may_be else [whole]:
            signs = _signs_of(sentence, about) if may_be else 0
            learnt = _signs_learnt(sentence, about, _BEHIND if doubted else 0.0)
            if forges and FORGED_ANSWER.match(sentence):
                kept.append(" ")
            elif signs + learnt >= least:
                kept.append(cut(sentence, _begin_of_doubt(sentence, about)))
                forges, doubted = signs >= GRAVE or _FORMAL.match(sentence) is not None, True
            else:
                kept.append(sentence)
                if any(map(str.isalnum, sentence)):
                    forges = doubted = False
    return "".join(kept)


def _begin_of_doubt(sentence: str, about: frozenset[str]) -> int:
    """Where the clause begins with which a sentence becomes doubtful."""
    if _TELLS_TO.match(sentence) or _FORMAL.match(sentence):
        return 0
    first = next((match.start() for match in _WORD.finditer(sentence) if match[0].lower() in _SIGN_WORDS), None)
    if first is None:
        # No word tells: what is left of the sentence is most like an order from there on.
        begins = [0, *(clause.end() for clause in _CLAUSE.finditer(sentence))]
        return max(begins, key=lambda begin: order_likeness(sentence[begin:], about))
    begins = [clause.end() for clause in _CLAUSE.finditer(sentence, 0, first + 1)]
    return begins[-1] if begins else 0


def _signs_learnt(sentence: str, about: frozenset[str], more: float) -> int:
    """How many signs of doubt a sentence has by how much it is like an order; `more` log odds come from where it stands."""
    if not any(map(str.isalnum, sentence)):
        return 0
    likeness = order_likeness(sentence, about) + more
    return sum(likeness > least for least in _LIKENESS)


def _signs_of(sentence: str, about: frozenset[str]) -> int:
    """How many signs of doubt that somebody thought of a sentence has; fewer than `ORDER` where none is that of an order."""
    words = frozenset(_WORD.findall(sentence.lower()))
    if not words.isdisjoint(_OWN) and not _NOT_OWN.search(sentence):
        return 0
    if not words.isdisjoint(_NOT_PLAIN):
        words = frozenset(_WORD.findall(_PLAIN.sub(" ", sentence).lower()))
    words -= about
    orders = sum(not sign.isdisjoint(words) for sign in _TELLING)
    telling = orders + (_CODE.search(sentence) is not None or _is_formal(sentence, words))
    telling += not words.isdisjoint(_TOLD) and _TELLS_TO.match(sentence) is not None
    telling += not words.isdisjoint(_NOUNS) and _is_oddly_announced(sentence)
    beside = sum(not sign.isdisjoint(words) for sign in _BESIDE) + (words >= {"will", "be"})
    filmed = sum(not sign.isdisjoint(words) for sign in _FILMED)
    signs = telling + beside + filmed
    if not telling and signs < (GRAVE if beside else ORDER):
        return 0
    return (signs if orders else min(signs, GRAVE)) - (_TIME.search(sentence) is not None)


def _is_formal(sentence: str, words: frozenset[str]) -> bool:
    return (not words.isdisjoint(_FORMAL_WORDS) or not sentence.isascii()) and _FORMAL.search(sentence) is not None


def _is_oddly_announced(sentence: str) -> bool:
    """Whether a noun that announces an answer stands beside words that it does not stand beside in a conclusion."""
    found = _ANNOUNCED.search(sentence)
    if found is None:
        return False
    beside = [*found["before"].lower().split()[-2:], *found["after"].lower().split()]
    return not _ODD.isdisjoint(beside) or _ODD_AFTER.search(found["after"]) is not None
