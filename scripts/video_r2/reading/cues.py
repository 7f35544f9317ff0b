"""Words that announce a conclusion, take one back, explain it or leave it open, in English and some other languages.

All patterns are tried on single sentences; none of them repeats what repeats itself.
"""

from __future__ import annotations

import re

_FLAGS = re.IGNORECASE | re.VERBOSE

# After these stands the answer itself.
_IS = r"(?:is|was|are|remains?|(?:must|should|would|will|has[ ]to|can[ ]only|seems[ ]to)[ ]be)"
_I = r"""\b(?:I|we)(?:'ll|'d|'m)?
    (?:[ ](?:will|would|can|must|should|do|have[ ]to|had[ ]to|am|are|therefore|thus|still|now|then|finally|just|only
        |rather|again)){0,4}"""
CONCLUDES = re.compile(
    rf"""
    \b(?:answer|solution|conclusion|verdict|decision|choice|pick|guess|bet)
        (?:[ ](?:here|then|therefore|thus|to[ ](?:this|the)[ ]question))?
        (?:[ ]{_IS}\b|[ ]?[:=]|[ ]?-{{1,3}}>|[ ](?=\(?[A-Z]\b)|[ ](?:should[ ])?corresponds?[ ]to)
    |\b(?:correct|right|best|likeliest|only|remaining|matching|fitting)[ ](?:remaining[ ])?
        (?:option|choice|answer|one|candidate|possibility|fit|match)(?:[ ](?:left|remaining|possible))?
        (?:[ ]{_IS}\b|[ ]?:)
    |\b(?:most|more)[ ]likely(?:[ ](?:option|choice|answer|one|candidate))?[ ]{_IS}\b
    |{_I}[ ](?:choose|select|pick|conclude|say|guess|bet(?:[ ]on)?|answer|settle[ ](?:on|for)|go(?:ing)?[ ](?:with|for)
        |stay(?:ing)?[ ]with|stick(?:ing)?[ ](?:with|to)|(?:come|came)[ ](?:back[ ])?to|lean(?:ing)?[ ]towards?
        |opt(?:ing)?[ ]for|end[ ]up[ ](?:with|at|on)|commit[ ]to|decide[ ](?:on|for)|correct[ ]myself:?|take|prefer
        |report|output|return|submit|mark|record|enter|write(?:[ ]down)?|put(?:[ ]down)?|fill[ ]in)\b
    |\blet(?:'s|[ ](?:me|us))(?:[ ]now)?[ ](?:choose|select|pick|say|answer|go[ ]with|take|report|output|return|submit|mark
        |record|enter|write(?:[ ]down)?|put(?:[ ]down)?|fill[ ]in)\b
    |\bconclu(?:sion|de[sd]?)\b[:,]? | \bfinal(?:ly)?[ ]?:
    |\b(?:that|this|which|it)[ ](?:only[ ])?leaves\b(?:[ ](?:us[ ]with|only))?
    |\b(?:everything|all|evidence|this|that|it[ ]all)[ ](?:all[ ])?points?[ ]to\b
    |\b(?:that|this|which)[ ]makes[ ]it\b | \bmake[ ]that\b | [-=]{{1,3}}> | [→⇒∴=]
    |\b(?:elijo|escojo|me[ ]quedo[ ]con|je[ ]choisis|ich[ ](?:wähle|nehme)|scelgo|escolho|выбираю)\b
    |\b(?:respuesta|r[ée]ponse|antwort|risposta|resposta)
        (?:[ ](?:correcta|correcte|bonne|juste|corretta|correta))?(?:[ ](?:es|est|ist|lautet|é)\b|[ ]è|[ ]?:)
    |\bответ\b[ ]?(?:-|:|это)? | 答案[是为為:]? | 选择? | 選択? | 答え?は | 正解は | 정답은 | 답은
    """,
    _FLAGS,
)
# After these too, at the end of a trace; before that, they tell a story.
INFERS = re.compile(
    r"""
    (?:^|[.!?;:,\n(][ \t]{0,2}|-[ \t]|\b(?:and|but)[ \t])
    (?:so|therefore|thus|hence|consequently|accordingly|ergo|i\.e\.|that[ ]is,|(?:this|that|which)[ ]means
        |in[ ](?:summary|short)|overall|all[ ]in[ ]all|to[ ]sum[ ]up|it[ ]follows|meaning|namely|as[ ]a[ ]result
        |por[ ](?:lo[ ])?tanto|así[ ]que|entonces|donc|ainsi|par[ ]conséquent|deshalb|daher|somit|folglich|demnach
        |also[ ](?:ist|sind|(?=[a-zäöüß]{2,15}[ ](?:er|sie|es|man)\b))|alltså|altså|därför|derfor|dus|zatem|więc|a[ ]więc|czyli
        |tedy|takže|deci|tehát|άρα|joten|siis|отже|yani|demek[ ]ki|jadi
        |quindi|dunque|perciò|pertanto|portanto|logo|assim|então|поэтому|значит|следовательно|итак)
    \b[,:]?(?:[ \t]that\b)?
    |\b(?:therefore|thus|hence|donc|soit|quindi|dunque|portanto|folglich|daher
        |deshalb|somit|entonces)\b
    | 所以 | 因此 | したがって | よって | だから | つまり | 따라서 | 그래서 | इसलिए | अतः | إذن | إذًا | לכן
    """,
    _FLAGS | re.MULTILINE,
)

# After this stands the answer in so many words, unless they only tell of it ("the answer is clear").
_TELLS = r"""(?:(?:un)?(?:clear|certain|known)|obvious|evident|visible|shown|seen|given|found|stated|correct|right|wrong|simple
    |easy|straightforward|above|below|there|here|this|that|it|not|no|never|neither|none)"""
ANSWERS = re.compile(
    rf"""\banswer(?:[ ]{_IS}\b|[ ]?[:=])[ ]?(?!.{{0,40}}\b{_TELLS}\b)
    (?=[^\W_])(?:[^.;:!?]|(?<=\d)[.:](?=\d)){{1,40}}\W{{0,5}}$""",
    _FLAGS,
)

# A sentence that begins so takes back what was said before it.
CORRECTS = re.compile(
    r"""
    ^\W{0,4}(?:(?:and|but|oh|ah|well|ok|okay|so)[ ,]{1,2})?
    (?:wait|h+m+|actually|no(?=[,.! -])|correction|scrap[ ]that|strike[ ]that|hold[ ]on|oops|sorry|however|but|yet|rather
        |unless|not[ ]quite|wrong|on[ ](?:second|closer|a[ ]closer|further|another)[ ](?:thought|look|inspection|viewing)
        |let[ ]me|looking[ ](?:again|closer|closely|more)|then[ ]again|come[ ]to[ ]think|in[ ]fact
        |i[ ](?:was[ ]wrong|misread|misjudged|made[ ]a[ ]mistake|mixed))
    (?![^\W_])
    """,
    _FLAGS,
)

# Whoever writes so has not decided.
_CANNOT = r"""(?:can(?:'t|not|[ ]not)|could(?:n't|[ ]not)|(?:unable|impossible|not[ ]possible|not[ ]able|hard|difficult
    |no[ ]way)[ ]to|don't[ ]know[ ]how[ ]to|nothing[^.;]{0,40}[ ]lets[ ]me)"""
UNDECIDED = re.compile(
    rf"""
    \bund(?:ecided|etermined|ecidable)\b | \btoss-?up\b | \bcoin[ ]flip\b | \bfifty-fifty\b | \b50[ ]?[/-][ ]?50\b
    |\b(?:equally|just[ ]as|both|similarly)[ ](?:likely|possible|plausible|probable|good|well)\b
    |\b(?:both|either)\b[^.;]{{0,30}}\b(?:possible|plausible|likely|conceivable|could[ ]be|might[ ]be|fits?)\b
    |\bone[ ]or[ ]the[ ]other\b | \b(?:could|may|might)[ ]be[ ]either\b | \btorn[ ]between\b
    |\b(?:leav(?:e|es|ing)|left|remains?|stays?)[ ](?:(?:it|this|that|the[ ]question)[ ])?
        (?:open|unclear|undecided|unanswered|unknown)\b
    |\b{_CANNOT}[ ](?:(?:really|yet|quite|possibly)[ ])?
        (?:tell|say|decide|settle|determine|choose|pick|be[ ](?:determined|decided|told|settled|answered|said)|distinguish
            |make[ ]out|see)\b
        [^.;]{{0,12}}\b(?:which|whether|between|if|who|what|how|when|where|why|one|it|apart|from|this|them|these)\b
    |\b{_CANNOT}[ ](?:be[ ])?(?:decided?|determined|settled?|tell|told|say|said|known)\b(?=\W{{0,5}}$)
    |\b(?:unclear|unsure|not[ ]sure|not[ ]clear|no[ ]idea|don't[ ]know|do[ ]not[ ]know|unknown)[ ]
        (?:which|whether|who|what|if)\b
    |\bI[ ](?:don't|do[ ]not)[ ]know\b | \bno[ ]idea\b
    |\bcould[ ]be[ ]any(?:thing|body|one)?\b(?:[ ]of\b|(?=\W{{0,5}}$)) | ^\W{{0,5}}unknown\W{{0,5}}$
    |\bno[ ](?:[^\W\d_]{{1,12}}[ ])?(?:number|count|answer|option|conclusion)[ ](?:can|could)[ ]be\b
    |\b{_CANNOT}[ ](?:get|give|obtain)[ ][^.;]{{0,20}}\b(?:number|count|answer|reading)\b
    """,
    _FLAGS,
)
# After these, in a sentence that leaves something open, something is decided all the same.
TURNS = re.compile(
    r"\b(?:but|so|yet|still|however|though|nevertheless|therefore|i'd|i'll|guess|choose|go[ ]with|say)\b", re.IGNORECASE
)
# After these comes what counts more: "on the table at first, but in the end behind it".
CONTRASTS = re.compile(r"\b(?:but|however|finally|in[ ]the[ ]end|at[ ]the[ ]end|ends)\b", re.IGNORECASE)

CONCEDES = re.compile(
    r"\b(?:although|though|even[ ](?:if|though)|while|whereas|unless|if|despite|granted)\b", re.IGNORECASE
)
# What follows these explains or qualifies what comes before.
SUBORDINATES = re.compile(
    r"""\b(?:although|though|even[ ](?:if|though)|while|whereas|unless|because|since|despite|instead|rather|except|than
    |as|after|before|when|until|like|which|not|nor|never|over|from|unlike|without|given)\b""",
    _FLAGS,
)

# Before a mere possibility, or what was thought earlier.
SUPPOSES = re.compile(
    r"""
    \b(?:might|may|could(?![ ]only)|perhaps|maybe|possibly|conceivably)\b(?:[ ](?:also|well|still))?(?:[ ]be)?\b
        [^.;,:]{0,24}$
    |\bat[ ]first\b | \binitially\b | \bfirst[ ](?:thought|guess|read|impression)\b | \bI(?:[ ]first|[ ]had)?[ ]thought\b
    |\bI[ ]was[ ]thinking\b | \bI[ ]first\b | \bseemed\b | \bwould[ ]have[ ]been\b
    """,
    _FLAGS,
)
# Before what somebody says who will say something else.
EARLY = re.compile(
    r"""^\W{0,5}(?:at[ ]first|initially|first|at[ ](?:a[ ])?first[ ](?:glance|sight|look)
    |(?:my|the)[ ]first[ ](?:thought|guess|impression)|on[ ]first[ ]\w{1,8}|so[ ]far|up[ ]to[ ](?:here|now)
    |one[ ](?:might|could|may))\b
    (?:(?!\b(?:but|so|however|yet|then|now|later|finally|therefore|in[ ]the[ ]end|until)\b)[^;.]){0,60}$""",
    _FLAGS,
)
# After one.
POSSIBLE = re.compile(
    r"""
    [ ](?:is|are|was|would[ ]be|could[ ]be|might[ ]be|may[ ]be|seems|looks)[ ]
        (?:(?:also|still|at[ ]least|theoretically|just|only)[ ]){0,2}
        (?:possible|plausible|conceivable|imaginable|tempting|close|similar|another)\b
    |[ ](?:could|might|may)\b
    """,
    _FLAGS,
)

# Before what is stated: "that is", "she must be", "there are", "I count".
_LEADS = r"""[ ](?:(?:an?|the|his|her|its|their|most|very|quite|probably|likely|clearly|certainly|definitely|obviously
    |surely|indeed|really|actually|just|simply|therefore|thus|also|about|around|roughly|exactly|only|in|on|at|by|with|to
    |of|under|behind|from|for|again|still|then|almost|even|perhaps|maybe|possibly|best|being|be|going|doing)[ ]){0,6}
    ["'(]{0,2}$"""
STATES = re.compile(
    rf"""
    (?:\b(?:it|that|this|he|she|they|there|which|what|here|these|those|you)
        (?:'s|'re|[ ](?:is|are|was|were|(?:must|should|would|has[ ]to|can[ ]only|could[ ]only|will)[ ](?:be|have[ ]been)
            |looks(?:[ ]like)?|seems(?:[ ]to[ ]be)?|appears[ ]to[ ]be|becomes?|turns[ ]out(?:[ ]to[ ]be)?))
    |\b(?:I|we|one)[ ](?:can[ ])?(?:count(?:ed)?|see|find|found|think|believe|get|got|read|hear|assume|suppose)
        (?:[ ](?:it|this|that|he|she)(?:'s|[ ]is|[ ]was))?)
    (?:[ ](?:is|are))?{_LEADS}
    """,
    _FLAGS,
)
# A statement that announces nothing.
SEEMS = re.compile(r"^(?:which|what|there|here)|\b(?:looks|seems|appears)\b", re.IGNORECASE)
# Before a letter: "E is option ...", "which matches answer ...".
NAMES = re.compile(
    r"\b(?:is|are|was|were|means|matches|fits|equals|corresponds[ ]to)[ ](?:the[ ])?(?:option|choice|answer)[ ][\"'(]?$",
    re.IGNORECASE,
)
EQUATES = re.compile(
    rf"""(?:'s|\b(?:is|are|was|were|be|equals|reads|says|said|shows|called|named|becomes?|means|goes[ ]to|wins
        |consists[ ]of)){_LEADS}""",
    _FLAGS,
)
POINTS = re.compile(
    r"""(?::|[ ]-|\bi\.e\.,?|\bnamely|\.\.\.)[ \t]{0,2}
    (?:(?:an?|the|in|on|at|by|with|to|her|his|its|there[ ]is|there[ ]are)[ ]){0,4}["'(]{0,2}$""",
    _FLAGS,
)
# After what is preferred: "... fits best", "... is the likelier one".
PREFERS = re.compile(
    r"""[^.;:,]{0,30}\b(?:(?:the[ ])?best|fits?[ ](?:best|better)|likelier|likeliest
        |(?:most|more)[ ](?:likely|plausible|probable|convincing)|only[ ](?:one|option|choice|answer|possibility)
        |correct|right|the[ ]answer|my[ ]pick|my[ ]choice)\b""",
    _FLAGS,
)
