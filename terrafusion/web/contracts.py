"""The documents that tell other systems how to speak to this one, as a worker serves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp.web import Request, Response

from terrafusion.web.answers import json_response
from terrafusion.web.query import NoQuery, read_query


class Contracts:
    """What speaks HTTP and what speaks Kafka, each as one document."""

    def __init__(self, *, openapi: Mapping[str, Any], asyncapi: Mapping[str, Any]) -> None:
        self._openapi = openapi
        self._asyncapi = asyncapi

    async def openapi(self, request: Request) -> Response:
        """Answer these paths as OpenAPI 3.1."""
        read_query(request, NoQuery)
        return json_response(self._openapi)

    async def asyncapi(self, request: Request) -> Response:
        """Answer the topics and their messages as AsyncAPI 3.0."""
        read_query(request, NoQuery)
        return json_response(self._asyncapi)
