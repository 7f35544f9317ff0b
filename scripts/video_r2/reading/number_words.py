"""Words for numbers: English in full, the numbers that counts need of some other languages, Chinese numerals."""

from __future__ import annotations

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ENGLISH = {
    **{name: value for value, name in enumerate(_SMALL.split())},
    **{name: 10 * value for value, name in enumerate(_TENS.split(), 2)},
    "hundred": 100,
    "thousand": 1000,
    "million": 1_000_000,
}
TIMES = {"once": 1, "twice": 2, "thrice": 3}
DOZENS = {"dozen": 12, "dozens": 12, "couple": 2}
_PLACES = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
ORDINALS = {name: value for value, name in enumerate(_PLACES.split(), 1)}
SHARES = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4}
SHARES |= {name + plural: value for name, value in ORDINALS.items() if 3 <= value <= 10 for plural in ("", "s")}

_SPANISH = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve"
)
_FRENCH = "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
_GERMAN = "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf"
_ITALIAN = (
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici "
    "diciassette diciotto diciannove"
)
_PORTUGUESE = (
    "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete dezoito "
    "dezenove"
)
_RUSSIAN = "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать"
_DUTCH = "nul één twee drie vier vijf zes zeven acht negen tien elf twaalf"
_ARABIC = "صفر واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة"
_HINDI = "शून्य एक दो तीन चार पाँच छह सात आठ नौ दस"
_KOREAN = "영 하나 둘 셋 넷 다섯 여섯 일곱 여덟 아홉 열"
_TENS_ELSEWHERE = (
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "vingt trente quarante cinquante soixante",
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    "двадцать тридцать сорок пятьдесят шестьдесят",
)
_SPECIAL = {
    "veintiuno": 21, "veintidós": 22, "veintitrés": 23, "veinticuatro": 24, "veinticinco": 25, "cien": 100,
    "ciento": 100, "mil": 1000, "cent": 100, "cents": 100, "mille": 1000, "einen": 1, "zwo": 2, "hundert": 100,
    "tausend": 1000, "cento": 100, "dezasseis": 16, "dezassete": 17, "duas": 2, "cem": 100, "двое": 2, "две": 2,
    "двух": 2, "трое": 3, "трёх": 3, "трех": 3, "четверо": 4, "пятеро": 5, "сто": 100,
}  # fmt: skip
_GERMAN_TEENS = "dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn"
_GERMAN_UNITS = ("ein", *_GERMAN.split()[2:10])
_GERMAN_COMPOUNDS = {
    f"{unit}und{tens}": 10 * ten + one
    for one, unit in enumerate(_GERMAN_UNITS, 1)
    for ten, tens in enumerate(_TENS_ELSEWHERE[2].split(), 2)
}
_ITALIAN_COMPOUNDS = {
    (tens[:-1] if unit[0] in "uo" else tens) + ("tré" if unit == "tre" else unit): 10 * ten + one
    for one, unit in enumerate(_ITALIAN.split()[1:10], 1)
    for ten, tens in enumerate(_TENS_ELSEWHERE[3].split(), 2)
}
OTHER_LANGUAGES = {
    **{
        name: value
        for names in (_SPANISH, _FRENCH, _GERMAN, _ITALIAN, _PORTUGUESE, _RUSSIAN, _DUTCH, _ARABIC, _HINDI, _KOREAN)
        for value, name in enumerate(names.split())
    },
    **{name: 10 * value for names in _TENS_ELSEWHERE for value, name in enumerate(names.split(), 2)},
    **{name: value for value, name in enumerate(_GERMAN_TEENS.split(), 13)},
    **_GERMAN_COMPOUNDS,
    **_ITALIAN_COMPOUNDS,
    **_SPECIAL,
}
# Words that mean something else in English: numbers only alone, or where a text is in another language.
_ALONE = "un um once elf due cent cents null mil mille seize sept sei dos venti"
ALONE = frozenset(_ALONE.split())
ONE = {"una", "une", "uma", "ein", "eine", "один", "одна", "одно"}

_HAN_DIGITS = {digit: value for value, digit in enumerate("〇一二三四五六七八九")}
_HAN_DIGITS |= {"零": 0, "两": 2, "兩": 2, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000}
HAN = "".join([*_HAN_DIGITS, *_HAN_SCALES, "万"])


def han_number(numeral: str) -> int:
    """Value of a number in Chinese numerals: 十二 is 12, 三百零五 is 305, 二〇二四 is 2024."""
    if not set(numeral) & {*_HAN_SCALES, "万"}:
        return int("".join(str(_HAN_DIGITS[sign]) for sign in numeral[:18]))
    total = section = digit = 0
    for sign in numeral:
        if sign == "万":
            total, section, digit = total + max(section + digit, 1) * 10_000, 0, 0
        elif sign in _HAN_SCALES:
            section, digit = section + max(digit, 1) * _HAN_SCALES[sign], 0
        else:
            digit = _HAN_DIGITS[sign]
    return total + section + digit
