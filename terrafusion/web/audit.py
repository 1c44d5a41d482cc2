"""The audit log: who did what, when, and what came of it; as JSON and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from aiohttp.web import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from models.access import TOLD, Action, AuditEntry
from models.messages import Moment, Name, Note
from terrafusion.ports.access import DeedFilter
from terrafusion.usecases.calls import caller
from terrafusion.web.answers import html, json_response, see, wants_json
from terrafusion.web.deps import WebDeps
from terrafusion.web.letters import HIGHEST
from terrafusion.web.listing import Chip
from terrafusion.web.query import has_empty, read_filled, read_query
from terrafusion.web.render import render
from terrafusion.wording import label

PAGE: Final = "/audit"
CONDITIONS: Final = ("who", "action", "outcome", "county_id", "job_id", "since", "until")


class AuditQuery(BaseModel):
    """The query of the audit log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    who: Note | None = None
    action: Action | None = None
    outcome: Note | None = None
    county_id: Name | None = None
    job_id: UUID | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: int = Field(100, ge=1, le=500)
    cursor: int | None = Field(None, ge=1, le=HIGHEST)


class Audit:
    """Entries, newest first; of a caller's counties alone where they do not see all."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def list(self, request: Request) -> Response:
        """Answer a page of the audit log, newest first."""
        query = read_query(request, AuditQuery)
        return json_response(_body(await self._found(query), query))

    async def list_page(self, request: Request) -> Response:
        """Show who did what."""
        if has_empty(request):
            return see(_link(read_filled(request, AuditQuery)))
        query = read_query(request, AuditQuery)
        found = await self._found(query)
        if wants_json(request):
            return json_response(_body(found, query))
        older = _next(found, query)
        text = render(
            "audit.html",
            now=self._deps.now(),
            entries=found[: query.limit],
            query=dict.fromkeys(CONDITIONS) | _given(query),
            actions=sorted(TOLD),
            chips=[
                Chip(label(name.removesuffix("_id")), str(value), _link(query, **{name: None}))
                for name, value in _given(query).items()
                if name in CONDITIONS
            ],
            link=lambda **changes: _link(query, **changes),
            older=older and _link(query, cursor=older),
            newest=query.cursor and _link(query),
        )
        return html(text)

    async def _found(self, query: AuditQuery) -> Sequence[AuditEntry]:
        """Return one entry more than is shown, where there is a next page."""
        wanted = DeedFilter(**{name: getattr(query, name) for name in CONDITIONS}, counties=caller().counties)
        return await self._deps.log.page(wanted, before=query.cursor, limit=query.limit + 1)


def _body(found: Sequence[AuditEntry], query: AuditQuery) -> Mapping[str, Any]:
    cursor = _next(found, query)
    return {"entries": [asdict(entry) for entry in found[: query.limit]], "next_cursor": cursor and str(cursor)}


def _next(found: Sequence[AuditEntry], query: AuditQuery) -> int | None:
    return found[query.limit - 1].id if len(found) > query.limit else None


def _given(query: AuditQuery) -> dict[str, Any]:
    return query.model_dump(mode="json", exclude_defaults=True)


def _link(query: AuditQuery, **changes: Any) -> str:
    """Return the address of the page with some of the query changed, from the newest entry on unless that is said."""
    kept = {name: value for name, value in _given(query).items() if name != "cursor"}
    wanted = {name: value for name, value in (kept | changes).items() if value is not None}
    return f"{PAGE}?{urlencode(wanted)}" if wanted else PAGE
