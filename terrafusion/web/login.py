"""Logging in and out: a token shown once, for a session that a browser keeps."""

from __future__ import annotations

from aiohttp.web import HTTPException, HTTPTooManyRequests, HTTPUnauthorized, Request, Response
from pydantic import BaseModel, ConfigDict

from models.access import Action, Caller, Deed
from terrafusion.usecases.token_holders import TOKEN
from terrafusion.web.answers import html, see, wants_html
from terrafusion.web.deps import WebDeps
from terrafusion.web.door import UNKNOWN, Door, outcome_of
from terrafusion.web.query import NoQuery, read_query
from terrafusion.web.render import render
from terrafusion.web.request_bodies import read_body


class LoginQuery(BaseModel):
    """Where somebody wanted to go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    next: str = "/"


class LoginBody(LoginQuery):
    """And the token that lets them in."""

    token: str = ""


class Login:
    """The page where a token is shown, and the end of a session."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def page(self, request: Request) -> Response:
        """Ask for a token."""
        query = read_query(request, LoginQuery)
        return _asked(query.next) if self._deps.door else see(local(query.next))

    async def enter(self, request: Request) -> Response:
        """Take a token, and open a session."""
        read_query(request, NoQuery)
        said, door = await read_body(request, LoginBody), self._deps.door
        if door is None:
            return see(local(said.next))
        try:
            who = await _owner(door, said.token.strip(), request)
        except (HTTPUnauthorized, HTTPTooManyRequests) as error:
            await door.tell(_deed(request, Action.LOGIN, error.status))
            if wants_html(request):
                return _asked(said.next, error)
            raise
        response = see(local(said.next)) if wants_html(request) else Response(status=204)
        door.remember(response, await door.enter(who))
        await door.tell(_deed(request, Action.LOGIN, response.status, who))
        return response

    async def leave(self, request: Request) -> Response:
        """End a session."""
        read_query(request, NoQuery)
        door, response = self._deps.door, see("/login")
        secret = request.cookies.get(door.cookie) if door else None
        if door and secret:
            who = await door.known.find(secret)
            await door.leave(secret)
            if who:
                await door.tell(_deed(request, Action.LOGOUT, response.status, who))
        if door:
            door.forget(response)
        return response


def local(path: str) -> str:
    """Return a path of ours as it is, and the first page for what would lead elsewhere."""
    leads_here = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if leads_here else "/"


async def _owner(door: Door, token: str, request: Request) -> Caller:
    if not token.startswith(TOKEN):
        door.attempts.failed(request.remote)
        raise HTTPUnauthorized(text=UNKNOWN)
    return await door.holder(token, request.remote)


def _asked(next_: str, error: HTTPException | None = None) -> Response:
    text = render("login.html", next=local(next_), trouble=error.text if error else None)
    response = html(text, status=error.status if error else 200)
    if error and "Retry-After" in error.headers:
        response.headers["Retry-After"] = error.headers["Retry-After"]
    return response


def _deed(request: Request, action: Action, status: int, who: Caller | None = None) -> Deed:
    return Deed(
        action=action,
        outcome=outcome_of(status),
        who=who.name if who else None,
        token_id=who.token_id if who else None,
        address=request.remote,
    )
