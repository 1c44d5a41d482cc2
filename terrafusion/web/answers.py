"""How the views answer: JSON or HTML, never kept by a cache on the way."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp.web import Request, Response


def json_response(body: Any, *, status: int = 200, content_type: str = "application/json") -> Response:
    """Answer with JSON: instants in UTC with a Z; what JSON has no word for, as text."""
    content = orjson.dumps(body, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
    return Response(body=content, status=status, content_type=content_type)


def html(text: str, *, status: int = 200) -> Response:
    """Answer with a page, which may be JSON for somebody else; compressed for who takes that."""
    headers = {"Vary": "Accept, Accept-Encoding, HX-Request"}
    response = Response(text=text, status=status, content_type="text/html", headers=headers)
    response.enable_compression()
    return response


def see(path: str) -> Response:
    """Lead a browser whose form was taken to the page that shows what came of it."""
    return Response(status=303, headers={"Location": path})


def wants_html(request: Request) -> bool:
    """Say whether the caller is a browser: it names HTML."""
    return "text/html" in request.headers.get("Accept", "") and not wants_part(request)


def wants_part(request: Request) -> bool:
    """Say whether the script of a page asks, for the part of it that what it does changes."""
    return request.headers.get("HX-Request") == "true"


def wants_json(request: Request) -> bool:
    """Say whether the caller of a page would rather have JSON: it names JSON and not HTML."""
    return "application/json" in request.headers.get("Accept", "") and not wants_html(request)
