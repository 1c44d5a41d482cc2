"""The HTTP server under Faust: so many connections at a time, and no endless patience with slow ones."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

from aiohttp.web import (
    AppRunner,
    HTTPBadRequest,
    HTTPServiceUnavailable,
    Request,
    Response,
    Server,
    StreamResponse,
)
from aiohttp.web_protocol import RequestHandler
from faust.types import AppT
from faust.web.drivers.aiohttp import Web

from terrafusion.web.middleware import secure
from terrafusion.web.problems import RETRY_AFTER_S, respond

MOST_CONNECTIONS: Final = 500
"""With what else a worker holds open well below the 1,024 files that a process may have by default."""
MOST_REFUSED: Final = 100
"""More that are answered 503; beyond them a connection is closed without a word."""
IDLE_S: Final = 75.0
"""For the headers of a request to arrive, and between two requests; longer than proxies keep a connection."""
LINGER_S: Final = 2.0
STOP_S: Final = 10.0
FULL: Final = "There are as many connections here as there can be."
UNREADABLE: Final = "What came is no HTTP request that can be read."


class BoundedWeb(Web):
    """Faust's web driver with that server."""

    most = MOST_CONNECTIONS
    refused = MOST_REFUSED
    idle_s = IDLE_S

    def __init__(self, app: AppT, **named: Any) -> None:
        super().__init__(app, **named)
        self._runner = _Runner(self)


class _Runner(AppRunner):
    """Runs the application on a `_Server`."""

    def __init__(self, web: BoundedWeb) -> None:
        super().__init__(
            web.web_app,
            access_log=None,
            keepalive_timeout=web.idle_s,
            lingering_time=LINGER_S,
            shutdown_timeout=STOP_S,
        )
        self._web = web

    async def _make_server(self) -> Server:
        made = await super()._make_server()
        return _Server(made, most=self._web.most, refused=self._web.refused)


class _Server(Server):
    """Answers whoever came when it was full with 503; connections that stood already go on."""

    def __init__(self, made: Server, *, most: int, refused: int) -> None:
        super().__init__(self._answer, request_factory=made.request_factory, **made._kwargs)  # type: ignore[arg-type]  # noqa: SLF001 - told nowhere else
        self._handle = made.request_handler
        self._most = most
        self._refused = refused
        self._late: set[RequestHandler] = set()

    def __call__(self) -> RequestHandler:
        """Make what speaks HTTP on a new connection."""
        return _Handler(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Count a connection; close it at once where even those that are refused are too many."""
        super().connection_made(handler, transport)
        if len(self._connections) > self._most:
            self._late.add(handler)
        if len(self._connections) > self._most + self._refused:
            handler.force_close()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        self._late.discard(handler)
        super().connection_lost(handler, exc)

    async def _answer(self, request: Request) -> StreamResponse:
        if request.protocol not in self._late:
            return await self._handle(request)
        error = HTTPServiceUnavailable(text=FULL, headers={"Retry-After": str(RETRY_AFTER_S)})
        return _last(respond(request, error))


class _Handler(RequestHandler):
    """Tells what is no HTTP at all as every other error, and fills no log with it."""

    __slots__ = ()

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> StreamResponse:
        """Answer what could not be read as a request."""
        if request.writer.output_size > 0:
            msg = f"an answer was begun already: {message or exc!r}"
            raise ConnectionError(msg)
        ours = isinstance(exc, Exception) and status >= HTTPStatus.INTERNAL_SERVER_ERROR
        error: Any = exc if ours else HTTPBadRequest(text=UNREADABLE)
        return _last(respond(request, error))


def _last(response: Response) -> Response:
    """Close the connection after an answer that no view gave."""
    secure(response)
    response.headers["Server"] = "terrafusion"  # else its versions are told
    response.force_close()
    return response
