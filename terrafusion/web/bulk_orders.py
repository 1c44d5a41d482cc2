"""Orders about all jobs of a filter over HTTP: the page that asks first, and what came of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp.web import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from models.messages import Note, Verb
from terrafusion.ports.jobs import MOST_COUNTED
from terrafusion.usecases.bulk import Done, Many
from terrafusion.web.answers import html, json_response, wants_html, wants_json
from terrafusion.web.api import PREFIX
from terrafusion.web.deps import WebDeps
from terrafusion.web.letters import HIGHEST
from terrafusion.web.listing import chips, counted, filters, list_link
from terrafusion.web.problems import problem_of
from terrafusion.web.query import BulkPageQuery, Filters, ManyQuery, read_header, read_query
from terrafusion.web.render import render
from terrafusion.web.request_bodies import read_body


class ManyBody(BaseModel):
    """How many jobs the caller expects at most, and why; without a number nothing is done but counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    confirm: int | None = Field(None, ge=0, le=HIGHEST)
    reason: Note | None = Field(None, description="why, for people")
    requested_by: Note | None = None


class ManyViews:
    """Cancel and retry all jobs of a filter."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def cancel(self, request: Request) -> Response:
        """End all jobs of a filter, if they are no more than the body confirms: 200 and what came of it."""
        return await self._order(request, Verb.CANCEL)

    async def retry(self, request: Request) -> Response:
        """Ask all ended jobs of a filter again, if they are no more than the body confirms: 200 and what came of it."""
        return await self._order(request, Verb.RETRY)

    async def ask(self, request: Request) -> Response:
        """Show how many jobs an order would be about, and ask before it is given."""
        query = read_query(request, BulkPageQuery)
        verb = Verb(query.verb)
        told = await self._deps.bulk.order(Many(verb=verb, wanted=query.wanted))
        if wants_json(request):
            return json_response(done_body(verb, told))
        return html(_page(verb, query, told, is_asked=True))

    async def _order(self, request: Request, verb: Verb) -> Response:
        query = read_query(request, ManyQuery)
        body = await read_body(request, ManyBody)
        by = body.requested_by or read_header(request, "X-Requested-By")
        many = Many(verb=verb, wanted=query.wanted, confirm=body.confirm, reason=body.reason, requested_by=by)
        told = await self._deps.bulk.order(many)
        if wants_html(request):
            return html(_page(verb, query, told, is_asked=body.confirm is None))
        return json_response(done_body(verb, told))


def done_body(verb: Verb, told: Done) -> dict[str, Any]:
    """Tell what came of an order about many jobs."""
    return {
        "command": verb,
        "matching": min(told.matching, MOST_COUNTED),
        "more": told.matching > MOST_COUNTED,
        "until": told.until,
        "done": told.done,
        "unchanged": told.unchanged,
        "refused": told.refused,
        "refusals": [{"job_id": job_id, "problem": problem_of(error).body} for job_id, error in told.refusals],
        "left": told.left,
    }


def _page(verb: Verb, query: ManyQuery, told: Done, *, is_asked: bool) -> str:
    said = query.model_dump(mode="json", exclude_defaults=True, exclude={"verb"})
    meant = Filters.model_validate(said)
    address = f"{PREFIX}/{verb}?{urlencode(said | {'until': told.until.isoformat()})}"
    return render(
        "many.html",
        verb=verb,
        told=told,
        is_asked=is_asked,
        count=counted(told.matching),
        confirm=told.matching if is_asked else told.left,
        chips=chips(meant),
        address=address,
        list_link=list_link(meant) if filters(meant) else "/",
    )
