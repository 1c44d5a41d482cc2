"""What holds for every request: its size, its origin, how errors are told, what a browser may do with answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp.web import HTTPException, HTTPForbidden, Request, StreamResponse, middleware

from terrafusion.web.problems import respond
from topics.catalogue import MAX_REQUEST_BYTES

Handler = Callable[[Request], Awaitable[StreamResponse]]

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY: Final = (
    "default-src 'self'; script-src 'none'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STATIC: Final = "/static/"


def application_options() -> dict[str, Any]:
    """Return what Faust hands to aiohttp's application, for `web_application_options`."""
    return {"client_max_size": MAX_REQUEST_BYTES, "middlewares": [told_errors, same_origin]}


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
    """Refuse what another site's page makes a browser send: nobody here is asked for a password."""
    if request.method not in SAFE_METHODS and _is_foreign(request):
        raise HTTPForbidden(text="A page of another origin may not change anything here.")
    return await handler(request)


def _is_foreign(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host


async def add_headers(request: Request, response: StreamResponse) -> None:
    """Put on what every answer carries; only a file whose address holds its version is kept by a cache."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)
    kept = request.path.startswith(STATIC) and "v" in request.query and response.status == 200  # noqa: PLR2004
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-store"
