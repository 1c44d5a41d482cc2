"""`types`: what can be asked, told from the catalogue itself, without any service."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from terrafusion.cli.completion import analysis_types
from terrafusion.cli.configuration import read_settings
from terrafusion.cli.output import Json, tell

KINDS: Final = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text"}
LIMITS: Final = {
    "minimum": "from {}",
    "exclusiveMinimum": "above {}",
    "maximum": "up to {}",
}

Schema = Mapping[str, Any]
OneType = Annotated[
    str | None, typer.Argument(metavar="TYPE", help="One type, with its parameters.", autocompletion=analysis_types)
]


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(types)


def types(type_: OneType = None, *, json: Json = False) -> None:
    """List what can be asked, or tell one type whole.

    No service is needed.
    """
    from terrafusion.analysis.registry import load_catalogue  # noqa: PLC0415 - slow to import
    from terrafusion.web.bodies import analysis_body  # noqa: PLC0415

    catalogue = load_catalogue(read_settings().modules)
    asked = catalogue if type_ is None else [catalogue.get(type_)]
    bodies = [analysis_body(analysis) for analysis in asked]
    lines = type_lines(bodies) if type_ is None else detailed_lines(bodies[0])
    tell({"types": bodies}, "\n".join(lines), json=json)


def type_lines(catalogue: Sequence[Schema]) -> Iterator[str]:
    """Tell what can be asked, with the names of the parameters that each type takes."""
    for number, entry in enumerate(catalogue):
        if number:
            yield ""
        yield from _head(entry)
        if properties := entry["parameters"].get("properties"):
            yield f"  parameters: {', '.join(properties)}"


def detailed_lines(entry: Schema) -> Iterator[str]:
    """Tell one type with each of its parameters: what is allowed, the default, the meaning."""
    yield from _head(entry)
    schema = entry["parameters"]
    for name, field in schema.get("properties", {}).items():
        yield ""
        yield from _parameter(name, field, schema)


def _head(entry: Schema) -> Iterator[str]:
    yield ", also ".join([entry["name"], *entry["aliases"]])
    yield f"  {entry['question']}"
    if entry["needs"]:
        yield f"  needs: {', '.join(entry['needs'])}"


def _parameter(name: str, field: Schema, schema: Schema) -> Iterator[str]:
    required = name.rpartition(".")[2] in schema.get("required", ())
    inner = _referred(field, schema)
    default = "" if inner or "default" not in field else f"; default {json_text.dumps(field['default'])}"
    yield f"  {name}: {allowed(field)}{'; required' if required else default}"
    if field.get("description"):
        yield f"    {field['description']}"
    for each, part in inner.get("properties", {}).items():
        yield from _parameter(f"{name}.{each}", part, inner)


def _referred(field: Schema, schema: Schema) -> Schema:
    name = field.get("$ref", "").rpartition("/")[2]
    inner: Schema = schema.get("$defs", {}).get(name, {})
    return inner


def allowed(field: Schema) -> str:
    """Say in words what a JSON Schema allows; null is told by its default."""
    if "anyOf" in field:
        return " or ".join(allowed(part) for part in field["anyOf"] if part.get("type") != "null")
    if words := field.get("enum", [field["const"]] if "const" in field else []):
        return _choice(words)
    return _list(field) if field.get("type") == "array" else _value(field)


def _choice(words: Sequence[Any]) -> str:
    *others, last = map(str, words)
    return f"{', '.join(others)} or {last}" if others else last


def _list(field: Schema) -> str:
    items = field.get("items") or {"enum": [part["const"] for part in field.get("prefixItems", ())]}
    return f"a list of {allowed(items)}"


def _value(field: Schema) -> str:
    if field.get("format") == "date":
        return "a date such as 2014-05-31"
    limits = [said.format(_limit(field[name])) for name, said in LIMITS.items() if name in field]
    return " ".join([KINDS.get(field.get("type", ""), "an object"), *limits])


def _limit(value: float) -> str:
    return f"{value:,.15g}" if value >= 10_000 else f"{value:g}"  # noqa: PLR2004 - years have no comma
