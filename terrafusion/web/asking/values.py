"""Texts of a form into the values of a request, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from terrafusion.web.asking.fields import Field, Kind

WHOLE: Final = re.compile(r"[+-]?\d{1,400}", re.ASCII)
NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
SWITCHES: Final = {"true": True, "false": False}

Texts = Mapping[str, Sequence[str]]
"""What a form holds, by the names of its fields; one that is empty may be absent."""


def values_of(fields: Iterable[Field], texts: Texts) -> dict[str, Any]:
    """Return what was filled in, as nested objects.

    What cannot be read as what it should be stays text: whoever checks it says what is allowed.
    """
    values: dict[str, Any] = {}
    for field in fields:
        given = [text for text in texts.get(field.name, ()) if text.strip()]
        if given:
            _put(values, field.path, _value(field.kind, given))
    return values


def texts_of(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Return the texts that `values_of` reads as these values; a null is an empty field."""
    found = {field.name: _at(values, field.path) for field in fields}
    kinds = {field.name: field.kind for field in fields}
    return {name: _texts(kinds[name], value) for name, value in found.items() if value is not None}


def _put(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value


def _at(values: Any, path: Sequence[str]) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _value(kind: Kind, given: Sequence[str]) -> Any:
    if kind is Kind.CHOICES:
        return [text.strip() for text in given]
    text = given[-1].strip()
    if kind in (Kind.LINES, Kind.NUMBERS):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return [_number(line) for line in lines] if kind is Kind.NUMBERS else lines
    if kind is Kind.JSON:
        return _json(text)
    if kind is Kind.SWITCH:
        return SWITCHES.get(text, text)
    return _number(text) if kind in (Kind.WHOLE, Kind.NUMBER) else text


def _number(text: str) -> Any:
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if NUMBER.fullmatch(text) else text


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _texts(kind: Kind, value: Any) -> Sequence[str]:
    several = value if isinstance(value, list | tuple) else [value]
    if kind is Kind.CHOICES:
        return [_text(one) for one in several]
    if kind in (Kind.LINES, Kind.NUMBERS):
        return ["\n".join(_text(one) for one in several)]
    return [value if isinstance(value, str) else _written(value)] if kind is Kind.JSON else [_text(value)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _written(value) if isinstance(value, Mapping | list | tuple) else str(value)


def _written(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode()
