"""Whether those who go by an older schema still get along with a newer one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
ANYTHING = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})


def breaks(old: Schema, new: Schema, *, read: bool) -> list[str]:
    """Say what breaks: for senders where we ``read`` the message, else for its readers."""
    giver, taker = (old, new) if read else (new, old)
    return sorted({*_gone(old, new), *_refused(_Side(giver), _Side(taker), "")})


def _gone(old: Schema, new: Schema) -> Iterator[str]:
    missing = old.get("properties", {}).keys() - new.get("properties", {}).keys()
    yield from (f"{name} is gone" for name in missing)


class _Side:
    """A schema with the definitions that it stands on."""

    def __init__(self, schema: Schema, named: Schema | None = None) -> None:
        self.named = schema.get("$defs", {}) if named is None else named
        self.schema = self.named[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema

    def at(self, schema: Schema) -> _Side:
        return _Side(schema, self.named)

    def choices(self) -> list[_Side]:
        return [self.at(one) for one in self.schema.get("anyOf", ())] if "type" not in self.schema else []


def _refused(giver: _Side, taker: _Side, place: str) -> Iterator[str]:
    """Name what the giver may give and the taker does not take."""
    if giver.choices() or taker.choices():
        yield from _refused_choices(giver, taker, place)
        return
    given, taken = _types(giver.schema), _types(taker.schema)
    if not given <= taken:
        yield f"{place or 'the message'} may be {', '.join(sorted(given - taken))}"
    yield from _refused_words(giver.schema, taker.schema, place)
    yield from _refused_bounds(giver.schema, taker.schema, place)
    yield from _refused_members(giver, taker, place)
    if "items" in giver.schema and "items" in taker.schema:
        yield from _refused(giver.at(giver.schema["items"]), taker.at(taker.schema["items"]), f"{place}[]")


def _refused_choices(giver: _Side, taker: _Side, place: str) -> Iterator[str]:
    for one in giver.choices() or [giver]:
        reasons = [list(_refused(one, other, place)) for other in taker.choices() or [taker]]
        if all(reasons):
            yield min(reasons, key=len)[0]


def _types(schema: Schema) -> frozenset[str]:
    if "type" not in schema:
        return ANYTHING
    kinds = schema["type"]
    named = frozenset([kinds] if isinstance(kinds, str) else kinds)
    return named | {"integer"} if "number" in named else named


def _refused_words(giver: Schema, taker: Schema, place: str) -> Iterator[str]:
    if "enum" in taker:
        other = set(giver["enum"]) - set(taker["enum"]) if "enum" in giver else {"any other word"}
        yield from (f"{place} may be {word}" for word in other)
    for name in ("pattern", "format", "const"):
        if name in taker and giver.get(name) != taker[name]:
            yield f"{place} has another {name}"


def _refused_bounds(giver: Schema, taker: Schema, place: str) -> Iterator[str]:
    for name in (*LOWER, *UPPER):
        sign = 1 if name in LOWER else -1
        if name in taker and (name not in giver or sign * giver[name] < sign * taker[name]):
            yield f"{place} is bound by {name} {taker[name]}"


def _refused_members(giver: _Side, taker: _Side, place: str) -> Iterator[str]:
    given, taken = giver.schema.get("properties", {}), taker.schema.get("properties", {})
    for name in sorted(set(taker.schema.get("required", ())) - set(giver.schema.get("required", ()))):
        yield f"{place}{name} may be missing"
    for name in given.keys() & taken.keys():
        yield from _refused(giver.at(given[name]), taker.at(taken[name]), f"{place}{name}")
    if taker.schema.get("additionalProperties") is False:
        yield from (f"{place}{name} is not known" for name in given.keys() - taken.keys())
