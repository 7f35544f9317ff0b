"""Numbers with their units."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

# The first name of each unit is what the others are written as in units made of several.
_LENGTHS = {
    1e-6: "µm μm micrometer micrometers micrometre micrometres micron microns",
    0.001: "mm millimeter millimeters millimetre millimetres",
    0.01: "cm centimeter centimeters centimetre centimetres",
    0.1: "dm decimeter decimeters decimetre decimetres",
    1.0: "m meter meters metre metres metro metros mètre mètres",
    1000.0: "km kilometer kilometers kilometre kilometres",
    0.0254: "inch inches",
    0.3048: "ft foot feet",
    0.9144: "yd yard yards",
    1609.344: "mi mile miles",
}
_TIMES = {
    0.001: "ms millisecond milliseconds",
    1.0: "s sec secs second seconds segundo segundos seconde secondes sekunde sekunden secondo secondi",
    60.0: "min mins minute minutes minuto minutos minuten minuti",
    3600.0: "h hr hrs hour hours hora horas heure heures stunde stunden ora ore",
    86400.0: "day days",
    604800.0: "week weeks",
}
_PER = {1.0: "s", 60.0: "min", 3600.0: "h"}


def _first(names: str) -> str:
    return names.split()[0]


_DIMENSIONS: dict[str, Mapping[float, str]] = {
    "length": _LENGTHS,
    "area": {size**2: f"{_first(names)}²" for size, names in _LENGTHS.items()}
    | {1.0: "m² sqm", 0.3048**2: "ft² sqft", 1e4: "hectare hectares", 4046.8564224: "acre acres"},
    "time": _TIMES,
    "months": {1.0: "month months", 12.0: "year years", 120.0: "decade decades"},
    "mass": {
        1e-6: "mg milligram milligrams",
        0.001: "g gram grams gramme grammes",
        1.0: "kg kilo kilos kilogram kilograms",
        1000.0: "tonne tonnes",
        0.028349523125: "oz ounce ounces",
        0.45359237: "lb lbs pound pounds",
    },
    "volume": {1000 * size**3: f"{_first(names)}³" for size, names in _LENGTHS.items()}
    | {
        0.001: "ml millilitre millilitres milliliter milliliters cm³",
        0.01: "cl",
        0.1: "dl",
        1.0: "l litre litres liter liters dm³",
        3.785411784: "gallon gallons",
    },
    "speed": {
        length / time * 3.6: f"{_first(names)}/{per}"
        for length, names in _LENGTHS.items()
        for time, per in _PER.items()
    }
    | {1.0: "km/h kmh kph", 1.609344: "mi/h mph"},
    "share": {0.01: "% percent"},
    "degrees Celsius": {1.0: "°c celsius"},
    "degrees Fahrenheit": {1.0: "°f fahrenheit"},
    "dollars": {1.0: "$ dollar dollars usd"},
    "euros": {1.0: "€ euro euros eur"},
    "pounds sterling": {1.0: "£ gbp"},
    "yen": {1.0: "¥ yen jpy"},
    "frequency": {1.0: "hz hertz", 1e3: "khz", 1e6: "mhz", 1e9: "ghz"},
    "data": {1.0: "byte bytes", 1e3: "kb kilobytes", 1e6: "mb megabytes", 1e9: "gb gigabytes", 1e12: "tb terabytes"},
    "voltage": {0.001: "mv millivolts", 1.0: "volt volts", 1000.0: "kv kilovolts"},
    "power": {1.0: "watt watts", 1000.0: "kw kilowatts"},
}
UNITS = {
    name: (dimension, size)
    for dimension, sizes in _DIMENSIONS.items()
    for size, names in sizes.items()
    for name in names.split()
}
CURRENCIES = "$€£¥"


def _written_as(sizes: Mapping[float, str]) -> dict[str, str]:
    return {name: _first(names) for names in sizes.values() for name in names.split()}


_SHORT = {**_written_as(_LENGTHS), **_written_as({size: names for size, names in _TIMES.items() if size in _PER})}
_LENGTH = "|".join(sorted(_written_as(_LENGTHS), key=len, reverse=True))
_TIME = "|".join(sorted((name for name in _SHORT if name not in _written_as(_LENGTHS)), key=len, reverse=True))
_OF_SEVERAL = re.compile(
    rf"""
    \b(?P<power>square|sq\.?|cubic|cu\.?)[ -]{{0,2}}(?P<base>{_LENGTH})\b
    |(?<![^\W\d_])(?P<raised>{_LENGTH})(?:[ ]?(?P<square>\^[ ]?2|²|squared)|[ ]?(?P<cube>\^[ ]?3|³|cubed)|(?P<digit>[23]))(?!\w)
    |(?<![^\W\d_])(?P<way>{_LENGTH})(?:[ ]?/[ ]?|[ ]per[ ])(?P<time>{_TIME})(?![^\W_])
    |(?<![^\W\d_])(?P<far>{_LENGTH})[ ]an?[ ](?P<each>hour|minute|second)\b
    |(?P<degrees>(?:°[ ]?|\bdegrees?[ ])(?:(?P<celsius>c|celsius|centigrade)|f|fahrenheit)\b)
    |(?P<percent>\bper[ ]cent\b)
    """,
    re.VERBOSE,
)


def with_short_units(text: str) -> str:
    """A text in lower case with "m²" for "square metres", "km/h" for "kilometres per hour", "°c" and "%"; places stay."""
    return _OF_SEVERAL.sub(lambda found: _short(found).ljust(len(found[0])), text)


def _short(found: re.Match[str]) -> str:
    if found["percent"]:
        return "%"
    if found["degrees"]:
        return "°c" if found["celsius"] else "°f"
    if found["power"]:
        return _SHORT[found["base"]] + ("²" if found["power"][0] == "s" else "³")
    if found["raised"]:
        return _SHORT[found["raised"]] + ("²" if found["square"] or found["digit"] == "2" else "³")
    return f"{_SHORT[found['way'] or found['far']]}/{_SHORT[found['time'] or found['each']]}"


@dataclass(frozen=True)
class Quantity:
    """A number as written, and its unit in lower case; an empty unit is none that is known."""

    value: float
    unit: str = ""

    def equals(self, other: Quantity, tolerance: float) -> bool:
        """Whether both are the same within a relative tolerance, units converted where both have one."""
        theirs = other.within(self.unit) or other
        if self.dimension and theirs.dimension and self.dimension != theirs.dimension:
            return False
        return math.isclose(self.value, theirs.value, rel_tol=tolerance, abs_tol=1e-12)

    @property
    def dimension(self) -> str:
        """What the unit measures; empty without a unit."""
        return UNITS[self.unit][0] if self.unit in UNITS else ""

    def within(self, unit: str) -> Quantity | None:
        """The same quantity in another unit; None if that is not possible."""
        mine, theirs = UNITS.get(self.unit), UNITS.get(unit)
        if not mine or not theirs or mine[0] != theirs[0]:
            return None
        return self if mine == theirs else Quantity(self.value * mine[1] / theirs[1], unit)


class Number(NamedTuple):
    """A number found in a text: where it stands, its unit included, and what it is.

    An `ordinal` ("5th") names a place, a `share` ("a quarter", "3/8") a fraction, a `part` ("3 out of 8") some of
    several; `base` is the 8. Of an `alternative` ("5 or 6", "3-5") nobody can say which of its numbers is meant. A
    `result` comes of adding up ("5 + 6 = 11").
    """

    begin: int
    end: int
    quantity: Quantity
    kind: Literal["cardinal", "ordinal", "share", "part", "alternative", "result"] = "cardinal"
    base: int = 0
