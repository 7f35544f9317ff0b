"""Sections of a configuration: what every one refuses, how one lies over another, and how a wrong one is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from video_r2.errors import UserError


class Section(BaseModel):
    """A section of the configuration: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


SectionT = TypeVar("SectionT", bound=Section)


def checked(
    section: type[SectionT], given: Mapping[str, Any], source: str, cure: str = "see docs/config.md"
) -> SectionT:
    """A section made of what was given.

    Args:
        section: its class.
        given: its keys.
        source: where they stand, for the complaint.
        cure: what it says to do.

    Raises:
        UserError: naming every wrong key with its path, what was given and what is allowed.
    """
    try:
        return section.model_validate(given)
    except ValidationError as error:
        raise UserError(
            "these settings cannot be used:\n  " + "\n  ".join(_complaints(error)),
            file=source,
            cure=cure,
        ) from error


class Part(dict[str, Any]):
    """Values of the configuration that know where they stand in it; in all else, and once pickled, a plain dictionary.

    Args:
        values: the values.
        path: keys that lead to them.
        own: keys of these values that have been laid over them, nested, and the path of those.
        places: the paths of keys that stand elsewhere.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        path: str,
        own: tuple[str, Mapping[str, Any]] = ("", {}),
        places: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(values)
        self.path = path
        self._own = own
        self._places = places or {}

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (dict(self),)

    def path_to(self, *keys: str) -> str:
        """The path in the configuration of what these `keys` lead to here."""
        if keys and keys[0] in self._places:
            return ".".join([self._places[keys[0]], *keys[1:]])
        path, over = self._own
        found: Any = over
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return ".".join([path if keys and found is not None else self.path, *keys])


def places_of(key: str, values: Mapping[str, Any], path: str = "") -> list[str]:
    """The paths in nested `values` that end in a key."""
    found = []
    for name, value in values.items():
        here = f"{path}.{name}" if path else name
        found += [here] if name == key else []
        found += places_of(key, value, here) if isinstance(value, Mapping) else []
    return found


def overlaid(section: SectionT, keys: Mapping[str, Any], path: str) -> SectionT:
    """The section with some `keys` over its own, for a validator of the section around it.

    Raises:
        ValueError: naming every wrong key with its path, which begins with `path`.
    """
    try:
        return type(section).model_validate(merge(section.model_dump(), keys))
    except ValidationError as error:
        raise ValueError("; ".join(_complaints(error, path))) from error


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay mapping `above` over `below`, key by key; anything but a mapping replaces, `null` for a mapping's entry removes it.

    Removal is what lets an overlay drop one of the paper's models or benchmarks: `models: {internvl3: null}`. A new key comes
    right behind the one that it follows in `above`: rows of tables have the configuration's order.
    """
    merged = dict(below)
    order = list(below)
    previous = order[-1] if order else None
    for key, value in above.items():
        if key not in merged:
            order.insert(order.index(previous) + 1 if previous is not None else 0, key)
        previous = key
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if nested else value
    removed = {key for key, value in merged.items() if value is None and isinstance(below.get(key), Mapping)}
    return {key: merged[key] for key in order if key not in removed}


def _complaints(error: ValidationError, prefix: str = "") -> list[str]:
    lines = []
    for item in error.errors():
        path = ".".join(part for part in (prefix, *(str(at) for at in item["loc"])) if part) or "(whole)"
        if item["type"] == "extra_forbidden":
            lines.append(f"{path}: there is no such key")
            continue
        message = item["msg"].removeprefix("Value error, ")
        shown = "" if isinstance(item["input"], Mapping) else f"; got {json.dumps(item['input'], default=str)[:120]}"
        lines.append(f"{path}: {message}{shown}")
    return lines
