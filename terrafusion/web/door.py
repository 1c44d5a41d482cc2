"""The door of the view: who comes in, by a token or by a session, and what they did."""

from __future__ import annotations

import asyncio
import re
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import structlog
from aiohttp.web import (
    HTTPException,
    HTTPForbidden,
    HTTPTooManyRequests,
    HTTPUnauthorized,
    Request,
    Response,
    StreamResponse,
    middleware,
)

from models.access import STRANGER, TOLD, Action, Caller, Deed
from terrafusion.errors import Rejected, Unavailable
from terrafusion.ports.access import AuditLog, Credentials
from terrafusion.usecases.attempts import Attempts
from terrafusion.usecases.calls import Call, called, must, plain
from terrafusion.usecases.token_holders import SESSION, KnownHolders, digest_of, new_secret
from terrafusion.web.answers import see, wants_html
from terrafusion.web.letters import read_letter_id
from terrafusion.web.middleware import SAFE_METHODS, Handler, answered
from terrafusion.web.permissions import action_of
from terrafusion.web.problems import respond

SESSION_LASTS: Final = timedelta(hours=12)
BEARER: Final = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
CHALLENGE: Final = 'Bearer realm="terrafusion"'
NEEDED: Final = "This needs a token, as `Authorization: Bearer tfm_…`; people log in at /login."
UNKNOWN: Final = "The token is not known, has expired or was revoked."
TOO_MANY: Final = "The token is not known, nor were too many others from this address; wait before you guess again."
UNSAID: Final = "A browser must say from which page a change comes."
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Tells callers apart where access is on."""

    known: KnownHolders
    credentials: Credentials
    log: AuditLog
    attempts: Attempts
    behind_tls: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whose turn it is to have a new secret looked up, of those at addresses that are held up."""

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; with the prefix a browser takes it from this very host over TLS alone."""
        return "__Host-terrafusion" if self.behind_tls else "terrafusion"

    async def who(self, request: Request) -> Caller | None:
        """Return who asks; None where no secret is shown. Raises HTTPException where one is shown and is nobody's."""
        secret = self.shown(request)
        return await self.holder(secret, request.remote) if secret else None

    def shown(self, request: Request) -> str | None:
        """Return the secret that a request shows: a token before a session."""
        written = BEARER.fullmatch(request.headers.get("Authorization", ""))
        return written[1] if written else request.cookies.get(self.cookie)

    async def holder(self, secret: str, address: str | None) -> Caller:
        """Return whose a secret is; raises HTTPUnauthorized, HTTPTooManyRequests where too many were nobody's before.

        Whose it is goes first, so who is somebody is not held up by others at the same address. What those cost is
        bounded: their new secrets are looked up one after the other.
        """
        wait_s = 0.0 if self.known.has_known(secret) else self.attempts.wait_s(address)
        async with self.turn if wait_s else nullcontext():
            found = await self.known.find(secret)
        if found is not None:
            return found
        if wait_s:
            raise HTTPTooManyRequests(text=TOO_MANY, headers={"Retry-After": str(ceil(wait_s))})
        self.attempts.failed(address)
        raise HTTPUnauthorized(text=UNKNOWN, headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'})

    async def enter(self, who: Caller) -> str:
        """Open a session for somebody, and return its secret."""
        secret = new_secret(SESSION)
        await self.credentials.open(digest_of(secret), token_id=who.token_id or 0, lasts=SESSION_LASTS)
        return secret

    async def leave(self, secret: str) -> None:
        """End a session."""
        self.known.forget(secret)
        await self.credentials.close(digest_of(secret))

    def remember(self, response: Response, secret: str) -> None:
        """Have a browser keep a session."""
        response.set_cookie(self.cookie, secret, max_age=int(SESSION_LASTS.total_seconds()), **self._kept)

    def forget(self, response: Response) -> None:
        """Have it keep none."""
        response.del_cookie(self.cookie, **self._kept)

    @property
    def _kept(self) -> dict[str, Any]:
        return {"path": "/", "httponly": True, "samesite": "Strict", "secure": self.behind_tls}

    async def tell(self, deed: Deed) -> None:
        """Write down what was done; where that cannot be, the log has it."""
        try:
            await self.log.write(deed)
        except Unavailable as error:
            log.error("an audit entry could not be written", deed=deed, reason=str(error))  # noqa: TRY400 - no trace helps


def guarded(door: Door) -> Any:
    """Make the middleware that lets in who may come in."""

    @middleware
    async def through_the_door(request: Request, handler: Handler) -> StreamResponse:
        return await _admitted(door, request, handler)

    return through_the_door


async def _admitted(door: Door, request: Request, handler: Handler) -> StreamResponse:
    action = action_of(request)
    if action in (None, Action.LOGIN, Action.LOGOUT):
        with called(Call(STRANGER)):
            return await handler(request)
    try:
        who = await _known(door, request)
    except HTTPUnauthorized as error:
        return _turned_away(door, request, error)

    async def may_still() -> bool:
        with suppress(HTTPException, Unavailable):
            return await door.who(request) == who
        return False

    async def allowed(request: Request) -> StreamResponse:
        must(who, action)
        return await handler(request)

    with called(Call(who, may_still, deed=_deed(request, action, who) if action in TOLD else None)) as made:
        response = await answered(request, allowed)
        await _tell(door, request, made, response.status)
        return response


async def _known(door: Door, request: Request) -> Caller:
    """Return who asks; raises HTTPUnauthorized, and HTTPForbidden for a change that may be another page's."""
    who = await door.who(request)
    if who is None:
        raise HTTPUnauthorized(text=NEEDED, headers={"WWW-Authenticate": CHALLENGE})
    by_cookie = BEARER.fullmatch(request.headers.get("Authorization", "")) is None
    if by_cookie and request.method not in SAFE_METHODS and not _says_where_from(request):
        raise HTTPForbidden(text=UNSAID)
    return who


def _is_reader(request: Request) -> bool:
    """Say whether somebody looks at a page in a browser."""
    return request.method in SAFE_METHODS and wants_html(request)


def _says_where_from(request: Request) -> bool:
    """Say whether the middleware before could see that a form was ours; without a word it could not."""
    return "Sec-Fetch-Site" in request.headers or "Origin" in request.headers


def _turned_away(door: Door, request: Request, error: HTTPUnauthorized) -> Response:
    """Lead who reads a page to the login, tell others; a browser forgets a session that has ended, and shows it no more."""
    login = f"/login?{urlencode({'next': str(request.rel_url)})}"
    response = see(login) if _is_reader(request) else respond(request, error)
    if door.shown(request) in request.cookies.values():
        door.forget(response)
    return response


def _deed(request: Request, action: Action, who: Caller) -> Deed:
    return Deed(
        action=action,
        outcome="done",
        who=who.name,
        token_id=who.token_id,
        letter_id=_letter_id(request),
        detail=plain(request.query_string) or None,
        address=request.remote,
    )


async def _tell(door: Door, request: Request, made: Call, status: int) -> None:
    """Write down what was refused, or changed nothing; what was changed was told with the change."""
    if made.deed is None or (made.is_told and status < HTTPStatus.BAD_REQUEST):
        return
    job_id, made_id = _job_id(request), made.facts.get("job_id")
    deed = replace(
        made.deed,
        outcome=outcome_of(status),
        county_id=made.facts.get("county_id"),
        job_id=job_id or made_id,
        detail=f"as job {made_id}" if job_id and made_id not in (None, job_id) else made.deed.detail,
    )
    await door.tell(deed)


def outcome_of(status: int) -> str:
    """Say in a word what came of it."""
    return "done" if status < HTTPStatus.BAD_REQUEST else HTTPStatus(status).phrase.lower()


def _job_id(request: Request) -> UUID | None:
    with suppress(ValueError):
        return UUID(request.match_info.get("job_id", ""))
    return None


def _letter_id(request: Request) -> int | None:
    with suppress(Rejected, KeyError):
        return read_letter_id(request)
    return None
