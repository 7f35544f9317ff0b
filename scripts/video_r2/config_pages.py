"""The reference page and the JSON schema of the configuration, made from its classes."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from video_r2.config import Config
from video_r2.sections import Section

HEAD = """# The configuration

Every key, its type, its default and its meaning; generated from `scripts/video_r2/config.py` by `make docs`.
[config.yaml](../config.yaml) is the paper and sets what it says. Over it lie, in this order, the profile's settings
([profiles/local/miniature.yaml](../profiles/local/miniature.yaml) for `--profile local`), the files given with
`--configfile`, and the keys given with `--config`. Mappings are laid over each other key by key; anything else replaces
what is below; `null` takes away one of the models, evaluations or benchmarks. A wrong key or value is refused before
any job starts.
"""


def pages() -> dict[str, str]:
    """Contents of the generated files, by name."""
    schema = {"title": "Configuration", **_partial(Config.model_json_schema())}
    return {
        "config.md": HEAD + "".join(_sections()),
        "config.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n",
    }


def _partial(schema: Any) -> Any:
    """The schema of a file that sets a part of the keys only, and may take entries away with `null`."""
    if isinstance(schema, list):
        return [_partial(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _partial(value) for key, value in schema.items() if key != "required"}
    for pattern, entry in kept.get("patternProperties", {}).items():
        kept["patternProperties"][pattern] = {"anyOf": [entry, {"type": "null"}]}
    return kept


def _sections() -> Iterator[str]:
    seen: list[type[Section]] = []
    waiting: list[tuple[str, type[Section]]] = [("", Config)]
    while waiting:
        path, section = waiting.pop(0)
        yield f"\n## {path or 'The whole'}\n\n{' '.join((section.__doc__ or '').split())}\n"
        if section in seen:
            yield f"\nKeys: as above, for `{section.__name__}`.\n"
            continue
        seen.append(section)
        yield "\n| key | type | default | meaning |\n|---|---|---|---|\n"
        inner = []
        for name, field in section.model_fields.items():
            below = _section_of(field.annotation)
            if below is not None:
                place = f"{path}.{name}".removeprefix(".")
                inner.append((place if below[1] == "" else f"{place}{below[1]}", below[0]))
            yield f"| `{name}` | {_type(field)} | {_default(field)} | {field.description or ''} |\n"
        waiting = inner + waiting


def _section_of(annotation: Any) -> tuple[type[Section], str] | None:
    """The section that a key holds, and how its entries are named below it."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, ""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) in (dict, list) and (found := _section_of(arguments[-1])):
        return found[0], ".<name>" if typing.get_origin(annotation) is dict else "[]"
    return None


def _type(field: FieldInfo) -> str:
    limits = " ".join(text for text in map(_limit, field.metadata) if text)
    return f"{_named(field.annotation)}{f', {limits}' if limits else ''}".replace("|", "\\|")


def _limit(constraint: Any) -> str:
    for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
        if (bound := getattr(constraint, attribute, None)) is not None:
            return f"{sign} {bound:g}"
    return ""


def _named(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if argument is types.NoneType else _named(argument) for argument in arguments)
    if origin is typing.Annotated:
        return _named(arguments[0])
    if origin is list:
        return f"list of {_named(arguments[0])}"
    if origin is tuple:
        return f"list of {len(arguments)} {_named(arguments[0])}"
    if origin is dict:
        return f"mapping to {_named(arguments[-1])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any"}
    return names.get(annotation, "section")


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "needed"
    if isinstance(field.default, Section):
        return "below"
    return f"`{json.dumps(field.default, default=lambda item: item.model_dump(), ensure_ascii=False)}`".replace(
        "|", "\\|"
    )
