"""Words that announce a conclusion, take one back, or leave it open, in English and some other languages."""

from __future__ import annotations

import re

_BE = (
    r"(?:is|was|are|must[ ]be|should[ ]be|would[ ]be|has[ ]to[ ]be|will[ ]be|can[ ]only[ ]be|remains?|seems[ ]to[ ]be)"
)
_I = (
    r"\b(?:I|we)(?:'ll|'d|'m)?(?:[ ](?:will|would|can|must|should|do|have[ ]to|had[ ]to|am|are|therefore|thus|still|now|then"
    r"|finally|just|only|rather|again))*"
)
# After these stands the answer itself.
CONCLUDES = re.compile(
    rf"\b(?:answer|solution|conclusion|verdict|decision|choice|pick|guess|bet)(?:[ ](?:here|then|therefore|thus|to[ ]"
    rf"(?:this|the)[ ]question))?(?:[ ]{_BE}\b|[ ]?[:=]|[ ]?-+>|[ ](?=\(?[A-Z]\b)|[ ](?:should[ ])?corresponds?[ ]to)"
    rf"|\b(?:correct|right|best|likeliest|only|remaining|matching|fitting)[ ](?:remaining[ ])?"
    rf"(?:option|choice|answer|one|candidate|possibility|fit|match)(?:[ ](?:left|remaining|possible))?(?:[ ]{_BE}\b|[ ]?:)"
    rf"|\b(?:most|more)[ ]likely(?:[ ](?:option|choice|answer|one|candidate))?[ ]{_BE}\b"
    rf"|{_I}[ ](?:choose|select|pick|conclude|say|guess|bet(?:[ ]on)?|answer|settle[ ](?:on|for)|go(?:ing)?[ ](?:with|for)"
    r"|stay(?:ing)?[ ]with|stick(?:ing)?[ ](?:with|to)|(?:come|came)[ ](?:back[ ])?to|lean(?:ing)?[ ]towards?"
    r"|opt(?:ing)?[ ]for|end[ ]up[ ](?:with|at|on)|commit[ ]to|decide[ ](?:on|for)|correct[ ]myself:?|take|prefer)\b"
    r"|\bconclu(?:sion|de[sd]?)\b[:,]?|\bfinal(?:ly)?[ ]?:|\b(?:that|this|which|it)[ ](?:only[ ])?leaves\b(?:[ ](?:us[ ]with|only))?"
    r"|\b(?:everything|all|evidence|this|that|it[ ]all)[ ](?:all[ ])?points?[ ]to\b|\bmakes?[ ]it\b|(?:-|=)+>|[→⇒∴=]"
    r"|\b(?:respuesta|r[ée]ponse|antwort|risposta|resposta)(?:[ ](?:correcta|correcte|bonne|juste|corretta|correta))?"
    r"(?:[ ](?:es|est|ist|lautet|é)\b|[ ]è|[ ]?:)|\bответ\b[ ]?(?:-|:|это)?|答案(?:是|为|為|:)?|选择?|選択?|答え?は|正解は|정답은|답은",
    re.IGNORECASE,
)
# After these too, at the end of a trace; before that, they tell a story.
INFERS = re.compile(
    r"(?:^|[.!?;:,\n(][ \t]*|-[ \t]+|\b(?:and|but)[ \t])(?:so|therefore|thus|hence|consequently|accordingly|ergo"
    r"|i\.e\.|that[ ]is,|(?:this|that|which)[ ]means|in[ ](?:summary|short)|overall|all[ ]in[ ]all"
    r"|to[ ]sum[ ]up|it[ ]follows|meaning|namely|as[ ]a[ ]result"
    r"|por[ ](?:lo[ ])?tanto|así[ ]que|entonces|donc|ainsi|par[ ]conséquent|deshalb|daher|somit|folglich|demnach|also[ ](?:ist|sind)"
    r"|quindi|dunque|perciò|pertanto|portanto|logo|assim|então|поэтому|значит|следовательно|итак)\b[,:]?(?:[ \t]that\b)?"
    r"|\b(?:therefore|thus|hence)\b"
    r"|所以|因此|したがって|よって|だから|따라서|그래서",
    re.IGNORECASE | re.MULTILINE,
)
CORRECTS = re.compile(
    r"^\W{0,4}(?:(?:and|but|oh|ah|well|ok|okay|so)[ ,]{1,2})?(?:wait|h+m+|actually|no(?=[,.! -])|correction|scrap[ ]that|hold[ ]on|oops|sorry"
    r"|on[ ](?:second|closer|a[ ]closer|further|another)[ ](?:thought|look|inspection|viewing)|let[ ]me|looking[ ](?:again|closer|closely|more)"
    r"|however|but|yet|then[ ]again|come[ ]to[ ]think|in[ ]fact|i[ ](?:was[ ]wrong|misread|misjudged|made[ ]a[ ]mistake|mixed)|rather"
    r"|unless|not[ ]quite|strike[ ]that|wrong)(?![^\W_])",
    re.IGNORECASE,
)
# Whoever writes so has not decided.
UNDECIDED = re.compile(
    r"\bundecided\b|\bundetermined\b|\bundecidable\b|\btoss-?up\b|\bcoin[ ]flip\b|\bfifty-fifty\b|\b50[ ]?[/-][ ]?50\b"
    r"|\b(?:equally|just[ ]as|both|similarly)[ ](?:likely|possible|plausible|probable|good|well)\b"
    r"|\b(?:both|either)\b[^.;]{0,30}\b(?:possible|plausible|likely|conceivable|could[ ]be|might[ ]be|fits?)\b"
    r"|\bone[ ]or[ ]the[ ]other\b|\bcould[ ]be[ ]either\b|\bmay[ ]be[ ]either\b|\bmight[ ]be[ ]either\b"
    r"|\b(?:leave|leaves|leaving|left|remains?|stays?)[ ](?:it[ ]|this[ ]|that[ ]|the[ ]question[ ])?(?:open|unclear|undecided|unanswered)\b"
    r"|\b(?:can(?:'t|not|[ ]not)|could(?:n't|[ ]not)|unable[ ]to|impossible[ ]to|not[ ]possible[ ]to|no[ ]way[ ]to|nothing[ ]\w+[ ]?\w*[ ]?\w*[ ]lets[ ]me"
    r"|not[ ]able[ ]to|don't[ ]know[ ]how[ ]to|hard[ ]to|difficult[ ]to)[ ](?:really[ ]|yet[ ]|quite[ ]|possibly[ ])?"
    r"(?:tell|say|decide|settle|determine|choose|pick|be[ ](?:determined|decided|told|settled|answered)|distinguish|make[ ]out|see)\b"
    r"[^.;]{0,12}\b(?:which|whether|between|if|who|what|one|it|apart|from|this|them|these)\b"
    r"|\b(?:can(?:'t|not)|cannot|unable[ ]to|impossible[ ]to)[ ](?:be[ ])?(?:decide|decided|determined|settled|settle|tell|say)\b(?=\W*$)"
    r"|\b(?:unclear|unsure|not[ ]sure|not[ ]clear|no[ ]idea|don't[ ]know|do[ ]not[ ]know|unknown)[ ](?:which|whether|who|what|if)\b"
    r"|\bI[ ](?:don't|do[ ]not)[ ]know\b|\bno[ ]idea\b|\btorn[ ]between\b",
    re.IGNORECASE,
)
# A mere possibility, or what was thought before.
HEDGES = re.compile(
    r"\b(?:might|may|could(?![ ]only)|perhaps|maybe|possibly|conceivably)\b(?:[ ](?:also|well|still))?(?:[ ]be)?\b[^.;,:]{0,24}$"
    r"|\bat[ ]first\b|\binitially\b|\bfirst[ ](?:thought|guess|read|impression)\b|\bI(?:[ ]first|[ ]had)?[ ]thought\b"
    r"|\bI[ ]was[ ]thinking\b|\bI[ ]first\b|\bseemed\b|\bwould[ ]have[ ]been\b",
    re.IGNORECASE,
)
CONCEDES = re.compile(
    r"\b(?:although|though|even[ ](?:if|though)|while|whereas|unless|if|despite|granted)\b", re.IGNORECASE
)
# What follows explains or qualifies.
SUBORDINATES = re.compile(
    r"\b(?:although|though|even[ ](?:if|though)|while|whereas|unless|because|since|despite|instead|rather|except|than|as"
    r"|after|before|when|until|like|which|not|nor|never|over|from|unlike|without|given)\b",
    re.IGNORECASE,
)

_LEADS = (
    r"(?:[ ](?:(?:a|an|the|his|her|its|their|most|very|quite|probably|likely|clearly|certainly|definitely|obviously|surely"
    r"|indeed|really|actually|just|simply|therefore|thus|also|about|around|roughly|exactly|only|in|on|at|by|with|to|of|under"
    r"|behind|from|for|again|still|then|almost|even|perhaps|maybe|possibly|best|being|be|going|doing)[ ])*|[ ])[\"'(]{0,2}$"
)
# Before what is stated: "that is", "she must be", "there are"; "I count".
STATES = re.compile(
    r"(?:\b(?:it|that|this|he|she|they|there|which|what|here|these|those|you)(?:'s|'re|[ ](?:is|are|was|were|(?:must|should|would"
    r"|has[ ]to|can[ ]only|could[ ]only|will)[ ](?:be|have[ ]been)|looks[ ]like|looks|seems(?:[ ]to[ ]be)?|appears[ ]to[ ]be|becomes?"
    r"|turns[ ]out(?:[ ]to[ ]be)?))|\b(?:I|we|one)[ ](?:can[ ])?(?:count(?:ed)?|see|find|found|think|believe|get|got|read|hear|assume|suppose)"
    r"(?:[ ](?:it|this|that|he|she)(?:'s|[ ]is|[ ]was))?)(?:[ ](?:is|are))?" + _LEADS,
    re.IGNORECASE,
)
EQUATES = re.compile(
    r"(?:'s|\b(?:is|are|was|were|be|equals|reads|says|said|shows|called|named|becomes?|means|goes[ ]to|wins|consists[ ]of))"
    + _LEADS,
    re.IGNORECASE,
)
POINTS = re.compile(
    r"(?::|[ ]-|\bi\.e\.,?|\bnamely|\.\.\.|\u2026)[ \t]*(?:(?:a|an|the|in|on|at|by|with|to|her|his|its|there[ ]is|there[ ]are)[ ])*[\"'(]{0,2}$",
    re.IGNORECASE,
)
PREFERS = re.compile(
    r"^[^.;:,]{0,30}\b(?:the[ ]best|best|fits?[ ](?:best|better)|likelier|likeliest|(?:most|more)[ ](?:likely|plausible|probable|convincing)"
    r"|only[ ](?:one|option|choice|answer|possibility)|correct|right|the[ ]answer|my[ ]pick|my[ ]choice)\b",
    re.IGNORECASE,
)
POSSIBLE = re.compile(
    r"^[ ](?:is|are|was|would[ ]be|could[ ]be|might[ ]be|may[ ]be|seems|looks)[ ](?:(?:also|still|at[ ]least|theoretically|just|only)[ ])*"
    r"(?:possible|plausible|conceivable|imaginable|tempting|close|similar|another)\b|^[ ](?:could|might|may)\b",
    re.IGNORECASE,
)
