"""What holds for every request: whom it asks for, its origin, its size, how errors are told, what a browser may do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp.web import (
    HTTPBadRequest,
    HTTPException,
    HTTPForbidden,
    HTTPMisdirectedRequest,
    HTTPRequestTimeout,
    Request,
    RequestPayloadError,
    StreamResponse,
    middleware,
)

from models.access import ANYBODY
from terrafusion.usecases.calls import Call, called
from terrafusion.web.assets import STATIC
from terrafusion.web.problems import respond
from topics.catalogue import MAX_REQUEST_BYTES

Handler = Callable[[Request], Awaitable[StreamResponse]]

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY: Final = (
    "default-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # no-referrer makes forms say the origin null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
BODY_S: Final = 20.0
"""For a body to arrive: a megabyte at 50 kB a second."""


def application_options(names: Collection[str] | None, *, door: Any) -> dict[str, Any]:
    """Return what Faust hands to aiohttp's application, for `web_application_options`.

    ``names`` are those by which the view may be asked, beside addresses and localhost; None is any. ``door`` is the
    middleware that lets in who may come in: `everybody`, where nobody is asked who they are.
    """
    host = [] if names is None else [asked_by(frozenset(name.lower() for name in names))]
    return {
        "client_max_size": MAX_REQUEST_BYTES,
        "middlewares": [told_errors, *host, same_origin, door, whole_body],
    }


async def answered(request: Request, handler: Handler) -> StreamResponse:
    """Run a handler; an error becomes its answer. Nothing of an unforeseen one is told."""
    try:
        return await handler(request)
    except HTTPException as error:
        return respond(request, error) if error.status >= 400 else error  # noqa: PLR2004
    except Exception as error:  # noqa: BLE001 -- the boundary of the process
        return respond(request, error)


@middleware
async def told_errors(request: Request, handler: Handler) -> StreamResponse:
    """Tell what goes wrong before a view is reached: unknown addresses, wrong methods."""
    return await answered(request, handler)


@middleware
async def same_origin(request: Request, handler: Handler) -> StreamResponse:
    """Refuse what another site's page makes a browser send: here it may be known, or nobody is asked who they are."""
    if request.method not in SAFE_METHODS and _is_foreign(request):
        raise HTTPForbidden(text="A page of another origin may not change anything here.")
    return await handler(request)


@middleware
async def everybody(request: Request, handler: Handler) -> StreamResponse:
    """Let in whoever comes."""
    with called(Call(ANYBODY)):
        return await handler(request)


def _is_foreign(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("Host")


def asked_by(names: Collection[str]) -> Any:
    """Make the middleware that refuses who asks for somebody else.

    A page may have its own name lead a browser here; for that browser we are then of the page's origin.
    """

    @middleware
    async def asked_for_us(request: Request, handler: Handler) -> StreamResponse:
        if not _is_ours(request.headers.get("Host"), names):
            raise HTTPMisdirectedRequest(text="This is not whom the request asks for.")
        return await handler(request)

    return asked_for_us


def _is_ours(host: str | None, names: Collection[str]) -> bool:
    """Say whether a host is an address, localhost or one of ``names``; who names none is no browser."""
    if host is None:
        return True
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        return name == "localhost" or name in names or bool(ip_address(name))
    except ValueError:
        return False


@middleware
async def whole_body(request: Request, handler: Handler) -> StreamResponse:
    """Read the body before a view is asked, in a time that is bounded as its size is."""
    if request.method not in SAFE_METHODS:
        try:
            async with asyncio.timeout(BODY_S):
                await request.read()
        except TimeoutError:
            raise HTTPRequestTimeout(text=f"The body did not arrive within {BODY_S:g} s.") from None
        except (RequestPayloadError, ConnectionError):
            raise HTTPBadRequest(text="The body cannot be read.") from None
    return await handler(request)


async def add_headers(request: Request, response: StreamResponse) -> None:
    """Put on what every answer carries; only a file whose address holds its version is kept by a cache."""
    secure(response)
    response.headers.pop("Server", None)
    if request.path.startswith(STATIC) and "v" in request.query and response.status == 200:  # noqa: PLR2004
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"


def secure(response: StreamResponse) -> None:
    """Say what a browser may do with an answer: nearly nothing, and keep it nowhere."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Cache-Control"] = "no-store"
