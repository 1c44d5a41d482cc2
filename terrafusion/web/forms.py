"""What a caller may send: JSON, or the form of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from aiohttp.web import Request
from pydantic import BaseModel, ValidationError

from terrafusion.errors import InvalidRequest, MalformedMessage
from terrafusion.rejection import rejection
from topics.requests import read_json

FORM: Final = "application/x-www-form-urlencoded"
WRITTEN: Final = "value"
"""The field of a form that holds JSON."""

B = TypeVar("B", bound=BaseModel)


async def read_body(request: Request, model: type[B]) -> B:
    """Read a body as ``model``; none is an empty object. Raises MalformedMessage, InvalidRequest naming the field."""
    try:
        return model.model_validate(await _sent(request))
    except ValidationError as error:
        raise rejection(error, InvalidRequest, model) from error


async def _sent(request: Request) -> Mapping[str, Any]:
    if request.content_type == FORM:
        fields = {name: text for name, text in (await request.post()).items() if text}
        return fields | {name: read_json(str(text).encode()) for name, text in fields.items() if name == WRITTEN}
    content = await request.read()
    body = read_json(content) if content else {}
    if not isinstance(body, dict):
        msg = "the body is no JSON object"
        raise MalformedMessage(msg, allowed="a JSON object")
    return body
