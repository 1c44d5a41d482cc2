"""What a caller may send: JSON, or the form of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from aiohttp.web import Request
from pydantic import BaseModel, ValidationError

from terrafusion.errors import InvalidRequest, MalformedMessage
from terrafusion.validation_messages import rejection
from topics.requests import read_json

FORM: Final = "application/x-www-form-urlencoded"
WRITTEN: Final = "value"
"""The field of a form that holds JSON."""

MOST_FIELDS: Final = 100

B = TypeVar("B", bound=BaseModel)


async def read_body(request: Request, model: type[B]) -> B:
    """Read a body as ``model``; none is an empty object. Raises MalformedMessage, InvalidRequest naming the field."""
    try:
        return model.model_validate(await _sent(request))
    except ValidationError as error:
        raise rejection(error, InvalidRequest, model) from error


async def _sent(request: Request) -> Mapping[str, Any]:
    content = await request.read()
    if request.content_type == FORM:
        fields = _fields(content)
        return fields | {name: read_json(text.encode()) for name, text in fields.items() if name == WRITTEN}
    body = read_json(content) if content else {}
    if not isinstance(body, dict):
        msg = "the body is no JSON object"
        raise MalformedMessage(msg, allowed="a JSON object")
    return body


async def read_form(request: Request) -> Mapping[str, str] | None:
    """Read what was typed into the fields of a form; None where none was sent. Raises MalformedMessage."""
    return _fields(await request.read()) if request.content_type == FORM else None


def _fields(content: bytes) -> dict[str, Any]:
    """Read the fields of a form that were filled in."""
    return dict(read_pairs(content, most=MOST_FIELDS))


def read_pairs(content: bytes, *, most: int) -> Sequence[tuple[str, str]]:
    """Read the fields of a form that were filled in, one that stands in it several times so often. Raises MalformedMessage."""
    try:
        return parse_qsl(content.decode(), errors="strict", max_num_fields=most)
    except ValueError as error:
        msg = f"the form cannot be read: {error}"
        raise MalformedMessage(msg, allowed=f"at most {most} fields in UTF-8") from error
