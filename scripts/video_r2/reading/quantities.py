"""Numbers with their units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

_DIMENSIONS: dict[str, dict[float, str]] = {
    "length": {
        0.001: "mm millimeter millimeters millimetre millimetres",
        0.01: "cm centimeter centimeters centimetre centimetres",
        1.0: "m meter meters metre metres metro metros mètre mètres",
        1000.0: "km kilometer kilometers kilometre kilometres",
        0.0254: "inch inches",
        0.3048: "ft foot feet",
        1609.344: "mile miles",
    },
    "time": {
        0.001: "ms millisecond milliseconds",
        1.0: "s sec secs second seconds segundo segundos seconde secondes sekunde sekunden secondo secondi",
        60.0: "min mins minute minutes minuto minutos minuten minuti",
        3600.0: "h hr hrs hour hours hora horas heure heures stunde stunden ora ore",
        86400.0: "day days",
        604800.0: "week weeks",
    },
    "mass": {0.001: "g gram grams gramme grammes", 1.0: "kg kilo kilos kilogram kilograms", 1000.0: "tonne tonnes"},
    "volume": {
        0.001: "ml millilitre millilitres milliliter milliliters",
        0.01: "cl",
        1.0: "l litre litres liter liters",
    },
    "speed": {1.0: "km/h kmh kph", 3.6: "m/s", 1.609344: "mph"},
    "share": {0.01: "% percent"},
}
UNITS = {
    name: (dimension, size)
    for dimension, sizes in _DIMENSIONS.items()
    for size, names in sizes.items()
    for name in names.split()
}


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
