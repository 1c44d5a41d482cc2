"""The page of pauses: what stands still, and the forms that have it stand still or go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import urlencode

from aiohttp.web import Request, Response
from pydantic import BaseModel, ConfigDict

from models.messages import Name, Note, Verb
from models.pauses import Pause, Scope
from terrafusion.errors import Rejected
from terrafusion.web.answers import html, json_response, see, wants_html, wants_json
from terrafusion.web.bodies import pause_body
from terrafusion.web.deps import WebDeps
from terrafusion.web.problems import problem_of
from terrafusion.web.query import read_header, read_query
from terrafusion.web.render import render
from terrafusion.web.request_bodies import read_body
from topics.commands import read_command

PAGE: Final = "/pauses"


class PausesQuery(BaseModel):
    """The query of the page: what a form begins with, and what an order before changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    county_id: Name | None = None
    analysis_type: Name | None = None
    done: Literal["paused", "resumed", "unchanged"] | None = None


class Order(BaseModel):
    """What a form sends: a county, or a type, or neither for the intake."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    county_id: Name | None = None
    analysis_type: Name | None = None
    reason: Note | None = None
    requested_by: Note | None = None


class PausePages:
    """What stands still, for people."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def show(self, request: Request) -> Response:
        """Show what stands still, since when, by whose order and why."""
        query = read_query(request, PausesQuery)
        if wants_json(request):
            return json_response({"pauses": [pause_body(pause) for pause in await self._deps.pauses.look()]})
        return await self._page(query.model_dump(exclude_none=True))

    async def pause(self, request: Request) -> Response:
        """Have something stand still, and say what that changed."""
        return await self._ordered(request, Verb.PAUSE)

    async def resume(self, request: Request) -> Response:
        """Let something go on, and say what that changed."""
        return await self._ordered(request, Verb.RESUME)

    async def _ordered(self, request: Request, verb: Verb) -> Response:
        order = await read_body(request, Order)
        who = order.requested_by or read_header(request, "X-Requested-By")
        said = order.model_dump(exclude_none=True) | ({"requested_by": who} if who else {})
        try:
            done = await self._carried_out(said | {"command": verb})
        except Rejected as error:
            if not wants_html(request):
                raise
            return await self._page(said, error=str(error), status=problem_of(error).status)
        named = {name: said[name] for name in ("county_id", "analysis_type") if name in said}
        if wants_html(request):
            return see(f"{PAGE}?{urlencode(named | {'done': done})}")
        return json_response({"done": done} | named)

    async def _carried_out(self, said: Mapping[str, Any]) -> str:
        command = read_command(dict(said))
        if command.command is Verb.RESUME:
            return "resumed" if await self._deps.commands.resume(command) else "unchanged"
        before = {(pause.scope, pause.name) for pause in await self._deps.pauses.look()}
        pause = await self._deps.commands.pause(command)
        return "unchanged" if (pause.scope, pause.name) in before else "paused"

    async def _page(self, said: Mapping[str, Any], *, error: str = "", status: int = 200) -> Response:
        pauses = await self._deps.pauses.look()
        text = render(
            "pauses.html",
            now=self._deps.now(),
            pauses=pauses,
            counties=[version.county_id for version in await self._deps.counties.current()],
            types=[analysis.name for analysis in self._deps.catalogue],
            said=said,
            error=error,
            scope="type" if "analysis_type" in said else "county" if "county_id" in said else "intake",
            happened=_happened(said, pauses),
            named=_named,
        )
        return html(text, status=status)


def _named(pause: Pause) -> Mapping[str, str]:
    """Return the fields that name what is paused."""
    return {Scope.COUNTY: {"county_id": pause.name}, Scope.TYPE: {"analysis_type": pause.name}}.get(pause.scope, {})


def _happened(said: Mapping[str, Any], pauses: Sequence[Pause]) -> str:
    """Say what an order changed, as far as what stands still now bears it out."""
    if "done" not in said:
        return ""
    scope, name = _place(said)
    what = f"{scope.capitalize()} {name}".strip()
    is_paused = any((pause.scope, pause.name) == (scope, name) for pause in pauses)
    if said["done"] == "unchanged":
        stood = "stood still already, and its reason was left as it was" if is_paused else "did not stand still"
        return f"Nothing was changed: {what.lower() if not name else what} {stood}."
    return f"{what} stands still now." if is_paused else f"{what} goes on."


def _place(said: Mapping[str, Any]) -> tuple[Scope, str]:
    if "county_id" in said:
        return Scope.COUNTY, said["county_id"]
    return (Scope.TYPE, said["analysis_type"]) if "analysis_type" in said else (Scope.INTAKE, "")
