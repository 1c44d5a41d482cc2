"""The fields of a form, from the JSON Schema of what it sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel

from terrafusion.wording import figure, label

Schema = Mapping[str, Any]

SIMPLE: Final = {"integer": "whole", "number": "number", "string": "text"}
NULL: Final = {"type": "null"}


class Kind(StrEnum):
    """How a value is put into a form and read from it."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    """One of several words."""
    SWITCH = "switch"
    """Yes or no."""
    CHOICES = "choices"
    """Some of several words, in the order in which they are sent."""
    LINES = "lines"
    """A list of texts, one a line."""
    NUMBERS = "numbers"
    """A list of numbers, one a line."""
    JSON = "json"
    """Whatever has no other form: JSON, or else plain text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value of a request: where it goes, how it is asked for, what is allowed."""

    path: tuple[str, ...]
    kind: Kind
    about: str
    is_required: bool
    default: Any
    choices: Sequence[str]
    bounds: str
    """What is allowed, in words; empty where anything is, or the choices say it."""

    @property
    def name(self) -> str:
        """By what the form calls it."""
        return ".".join(self.path)

    @property
    def title(self) -> str:
        """What a person reads above it."""
        return label(self.path[-1])

    @property
    def standing_in(self) -> str:
        """Say what holds where nothing is filled in; empty where that is nothing."""
        return "" if self.default in (None, [], {}, "") else figure(self.default)


def fields_of(model: type[BaseModel], *, under: tuple[str, ...] = ()) -> Sequence[Field]:
    """Return a model's fields, those of the objects in it by themselves, and none that can have one value only."""
    schema = model.model_json_schema()
    return list(_inside(schema, schema.get("$defs", {}), under, schema.get("default") or {}))


def _inside(schema: Schema, named: Mapping[str, Schema], path: tuple[str, ...], defaults: Any) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, told in schema["properties"].items():
        one = {"default": defaults[name], **told} if name in defaults else told
        yield from _fields(one, named, (*path, name), is_required=name in required)


def _fields(told: Schema, named: Mapping[str, Schema], path: tuple[str, ...], *, is_required: bool) -> Iterator[Field]:
    schema = _meant(told, named)
    keys = schema.get("propertyNames", {}).get("enum")
    if "properties" in schema:
        yield from _inside(schema, named, path, told.get("default") or {})
    elif keys:
        for key in keys:
            one = {**schema["additionalProperties"], "description": told.get("description", "")}
            yield from _fields(one, named, (*path, key), is_required=False)
    elif "prefixItems" not in schema and "const" not in schema:
        yield _field(told, schema, path, is_required=is_required)


def _meant(told: Schema, named: Mapping[str, Schema]) -> Schema:
    """Look through a reference, and leave out that a value may be null: that is said by an empty field."""
    if "$ref" in told:
        return named[told["$ref"].rsplit("/", 1)[1]]
    choices = [choice for choice in told.get("anyOf", ()) if choice != NULL]
    return _meant(choices[0], named) if len(choices) == 1 else told


def _field(told: Schema, schema: Schema, path: tuple[str, ...], *, is_required: bool) -> Field:
    kind = _kind(schema)
    return Field(
        path=path,
        kind=kind,
        about=_about(told.get("description", "")),
        is_required=is_required,
        default=told.get("default"),
        choices=_choices(schema, kind),
        bounds=_bounds(schema, kind),
    )


def _kind(schema: Schema) -> Kind:
    kind, items = schema.get("type"), schema.get("items", {})
    if kind == "array":
        if "enum" in items:
            return Kind.CHOICES
        return {"string": Kind.LINES, "number": Kind.NUMBERS}.get(items.get("type"), Kind.JSON)
    if "enum" in schema:
        return Kind.CHOICE
    if schema.get("format") == "date":
        return Kind.DATE
    return Kind.SWITCH if kind == "boolean" else Kind(SIMPLE.get(str(kind), "json"))


def _choices(schema: Schema, kind: Kind) -> Sequence[str]:
    if kind is Kind.SWITCH:
        return ["true", "false"]
    return [str(word) for word in (schema.get("items", {}) if kind is Kind.CHOICES else schema).get("enum", ())]


def _about(description: str) -> str:
    text = description.replace("null is", "empty is")
    first = text.partition(" ")[0].rstrip(":,;")
    return f"{text[:1].upper() if first.isalpha() else text[:1]}{text[1:]}." if text else ""


def _bounds(schema: Schema, kind: Kind) -> str:
    if kind in (Kind.WHOLE, Kind.NUMBER):
        what = "A whole number" if kind is Kind.WHOLE else "A number"
        return f"{what}{_range(schema)}."
    if kind is Kind.DATE:
        return "A date such as 2014-05-31."
    if schema.get("format") == "date-time":
        return "A date and time with its zone, such as 2026-11-30T12:00:00Z."
    few, many = schema.get("minItems"), schema.get("maxItems")
    if kind in (Kind.LINES, Kind.NUMBERS):
        return f"One a line{f', at most {many:,}' if many else ''}."
    if kind is Kind.CHOICES:
        limit = f"At most {many}." if many else ""
        return f"At least {few}. {limit}".strip() if few and few > 1 else limit
    return "As JSON." if kind is Kind.JSON else ""


def _range(schema: Schema) -> str:
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "exclusiveMaximum": "below",
    }
    said = [f"{word} {_number(schema[name])}" for name, word in words.items() if name in schema]
    return f" {' '.join(said)}" if said else ""


def _number(value: float) -> str:
    """Write a bound as one types it, without a needless fraction."""
    return f"{int(value)}" if float(value).is_integer() else f"{value:g}"
