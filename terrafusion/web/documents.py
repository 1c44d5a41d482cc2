"""The documents for other systems, as pages for the people who write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp.web import Request, Response

from terrafusion.errors import NotFound
from terrafusion.web.answers import html, json_response, wants_json
from terrafusion.web.query import NoQuery, read_query
from terrafusion.web.render import render
from terrafusion.wording import indented

Schema = Mapping[str, Any]
Words = Sequence[tuple[str, str]]
"""Text in pieces, each with the schema that it names, or none."""

COMPONENTS: Final = "#/components/schemas/"
LIMITS: Final[Mapping[str, str]] = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "pattern": "matching {}",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One field of an object, parameter of a path, or header."""

    name: str
    kind: Words
    about: str
    is_required: bool
    where: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A schema as a page shows it."""

    name: str
    about: str
    extends: Words
    members: Sequence[Member]
    kind: Words


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent or answered: its media type, its kind, and an example."""

    media: str
    kind: Words
    example: str
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    name: str
    method: str
    path: str
    about: str
    parameters: Sequence[Member]
    body: Body | None
    answers: Sequence[tuple[str, str, Body]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One topic: what becomes of it, its message, its headers."""

    name: str
    about: str
    does: str
    settings: Sequence[tuple[str, str]]
    message: Mapping[str, Any]
    shape: Shape
    headers: Sequence[Member]
    example: str


class DocumentPages:
    """The OpenAPI and the AsyncAPI document, rendered."""

    def __init__(self, *, openapi: Mapping[str, Any], asyncapi: Mapping[str, Any]) -> None:
        self._openapi = openapi
        self._asyncapi = asyncapi
        self._operations = list(_operations(openapi))
        self._channels = list(_channels(asyncapi))
        self._shapes = {name: shape_of(name, told) for name, told in _schemas(openapi).items()}

    async def index(self, request: Request) -> Response:
        """Show which documents there are."""
        read_query(request, NoQuery)
        if wants_json(request):
            return json_response({"openapi": "/openapi.json", "asyncapi": "/asyncapi.json"})
        text = render("docs.html", info=self._openapi["info"], operations=self._operations, channels=self._channels)
        return html(text)

    async def http(self, request: Request) -> Response:
        """Show the paths: what each takes and answers."""
        read_query(request, NoQuery)
        if wants_json(request):
            return json_response(self._openapi)
        text = render("docs_http.html", info=self._openapi["info"], operations=self._operations, shapes=self._shapes)
        return html(text)

    async def schema(self, request: Request) -> Response:
        """Show what one schema holds."""
        read_query(request, NoQuery)
        name = request.match_info["name"]
        if name not in self._shapes:
            raise NotFound(f"no schema is named {name[:100]!r}", field="name", value=name[:100])
        told = _schemas(self._openapi)[name]
        if wants_json(request):
            return json_response(told)
        return html(render("docs_schema.html", shape=self._shapes[name], whole=indented(told)))

    async def topics(self, request: Request) -> Response:
        """Show the topics: the message on each, its headers, how it is kept."""
        read_query(request, NoQuery)
        if wants_json(request):
            return json_response(self._asyncapi)
        return html(render("docs_topics.html", info=self._asyncapi["info"], channels=self._channels))


def _schemas(document: Mapping[str, Any]) -> Mapping[str, Schema]:
    found: Mapping[str, Schema] = document["components"]["schemas"]
    return found


def shape_of(name: str, schema: Schema) -> Shape:
    """Read a schema: its members, those it takes over from others apart."""
    parts = schema.get("allOf", [schema])
    own = [part for part in parts if "$ref" not in part]
    members = [member for part in own for member in _members(part)]
    extends = [word for part in parts if "$ref" in part for word in kind_of(part)]
    return Shape(name, schema.get("description", ""), extends, members, kind_of(schema))


def _members(schema: Schema) -> Iterator[Member]:
    required = schema.get("required", ())
    for name, told in schema.get("properties", {}).items():
        yield Member(name, kind_of(told), told.get("description", ""), name in required)


def kind_of(schema: Schema) -> Words:
    """Say what a value may be: `list of Job`, `text or null`, `one of a, b`."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return [(name, name)]
    for joint, word in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if joint in schema and not ("properties" in schema and joint == "anyOf"):
            return _joined([kind_of(part) for part in schema[joint]], word)
    if "enum" in schema:
        return [(f"one of {', '.join(str(word) for word in schema['enum'])}", "")]
    if "const" in schema:
        return [(f"always {schema['const']}", "")]
    kinds = schema.get("type", "anything")
    names = " or ".join(_named(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    of: Words = [(" of ", ""), *kind_of(schema["items"])] if schema.get("items") else []
    return [(names, ""), *of, (_limits(schema), "")]


def _named(kind: str, schema: Schema) -> str:
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}
    forms = {"date-time": "date and time", "uuid": "UUID", "date": "date"}
    return forms.get(schema.get("format", ""), "text") if kind == "string" else names.get(kind, kind)


def _limits(schema: Schema) -> str:
    said = []
    if "maxLength" in schema:
        said.append(f"{schema.get('minLength', 0)} to {schema['maxLength']:,} characters")
    for name, word in LIMITS.items():
        if name in schema:
            said.append(word.format(schema[name]) if "{}" in word else f"{word} {schema[name]}")
    return f", {' '.join(said)}" if said else ""


def _joined(parts: Sequence[Words], word: str) -> Words:
    found: list[tuple[str, str]] = []
    for part in parts:
        found += [(word, ""), *part] if found else part
    return found


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield Operation(
                name=told["operationId"],
                method=method.upper(),
                path=path,
                about=told["summary"],
                parameters=[_parameter(one) for one in told["parameters"]],
                body=_body(told["requestBody"]) if "requestBody" in told else None,
                answers=[_answer(status, answer) for status, answer in told["responses"].items()],
            )


def _parameter(told: Mapping[str, Any]) -> Member:
    about = told.get("description") or told["schema"].get("description", "")
    return Member(told["name"], kind_of(told["schema"]), about, bool(told.get("required")), told["in"])


def _answer(status: str, told: Mapping[str, Any]) -> tuple[str, str, Body]:
    return status, told["description"], _body(told)


def _body(told: Mapping[str, Any]) -> Body:
    ((media, content),) = told["content"].items()
    example = indented(content["example"]) if "example" in content else ""
    return Body(media, kind_of(content["schema"]), example, bool(told.get("required")))


def _channels(document: Mapping[str, Any]) -> Iterator[Channel]:
    does = {told["channel"]["$ref"]: told["action"] for told in document["operations"].values()}
    for word, channel in document["channels"].items():
        message = document["components"]["messages"][word]
        binding = channel["bindings"]["kafka"]
        settings = {"partitions": binding["partitions"], **binding["topicConfiguration"]}
        examples = [indented(example["payload"]) for example in message.get("examples", ())]
        yield Channel(
            name=channel["address"],
            about=channel["description"],
            does="TerraFusion reads it" if does[f"#/channels/{word}"] == "receive" else "TerraFusion writes it",
            settings=[(name, str(value)) for name, value in settings.items()],
            message=message,
            shape=_payload(document, message),
            headers=list(_headers(document, message)),
            example=next(iter(examples), ""),
        )


def _payload(document: Mapping[str, Any], message: Mapping[str, Any]) -> Shape:
    payload = message["payload"]
    name = payload["$ref"].removeprefix(COMPONENTS) if "$ref" in payload else message["name"]
    return shape_of(name, _schemas(document).get(name, payload))


def _headers(document: Mapping[str, Any], message: Mapping[str, Any]) -> Iterator[Member]:
    for trait in message.get("traits", ()):
        yield from _members(document["components"]["messageTraits"][trait["$ref"].rsplit("/", 1)[1]]["headers"])
    yield from _members(message.get("headers", {}))
