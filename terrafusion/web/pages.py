"""The pages for people: the list of jobs, one job, and what needs attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from aiohttp.web import Request, Response
from markupsafe import Markup

from models.attempts import History
from models.jobs import TERMINAL, Job, JobStatus
from terrafusion.errors import Unavailable
from terrafusion.ports.jobs import MOST_LOOKED_AT, Page
from terrafusion.web.answers import html, json_response, see, wants_json
from terrafusion.web.api import read_document, read_page, results_body
from terrafusion.web.bodies import attention_body, page_body, pause_body, way_body
from terrafusion.web.counting import Counted
from terrafusion.web.deps import WebDeps
from terrafusion.web.job_page import attempts_part, now_part
from terrafusion.web.listing import FILTERS, bulk_links, chips, given, list_link, live_link, tiles
from terrafusion.web.lookup import find_job
from terrafusion.web.query import (
    JobPageQuery,
    ListPageQuery,
    has_empty,
    read_filled,
    read_job_id,
    read_query,
    write_cursor,
)
from terrafusion.web.render import render
from terrafusion.web.renewing import RenewedQuery, renewal
from terrafusion.web.results.read import found_by
from terrafusion.web.timeline import tries
from terrafusion.wording import indented

MOST_SHOWN: Final = 50
"""Of each kind that needs attention."""
NOT_KEPT: Final = frozenset({"q", "county_id", "analysis_type", "since", "until", "cursor"})
"""Of a list's query what its form asks for itself, and the page it begins at."""


@dataclass(frozen=True, slots=True)
class SortLink:
    """What turns a list round."""

    href: str
    title: str
    mark: str


class Pages:
    """Server-rendered pages; the same addresses give JSON to who asks for it."""

    def __init__(self, deps: WebDeps, counted: Counted) -> None:
        self._deps = deps
        self._counted = counted

    async def jobs(self, request: Request) -> Response:
        """Show the jobs, newest first unless asked otherwise, and how many stand where."""
        query = read_filled(request, ListPageQuery)
        if has_empty(request):
            return see(list_link(query))  # of a form, whose empty fields say nothing
        page = await read_page(self._deps, query)
        if wants_json(request):
            return json_response(await self._told(query, page))
        counts = await self._counted.count(query.wanted)
        moving = query.cursor is None and any(counts[state] for state in set(JobStatus) - TERMINAL)
        text = render(
            "jobs.html",
            now=self._deps.now(),
            query=query,
            jobs=page.jobs,
            retried=await self._retried(page.jobs),
            pauses=await self._deps.pauses.look(),
            tiles=tiles(query, counts),
            chips=chips(query),
            kept={name: value for name, value in given(query).items() if name not in NOT_KEPT},
            clear=list_link(query, **dict.fromkeys(FILTERS)),
            moment=_moment,
            sort_link=_sort_link(query),
            bulk=bulk_links(query, counts),
            live=live_link(query, page.jobs),
            **self._neighbours(query, page),
            moving=moving,
            **renewal(request),
            types=[(entry, list_link(query, analysis_type=entry.name)) for entry in self._deps.catalogue],
            counties=[
                (county, list_link(query, county_id=county.county_id)) for county in await self._deps.counties.current()
            ],
        )
        return html(text)

    async def job(self, request: Request) -> Response:
        """Show one job: its way, what it was asked and what it found."""
        query = read_query(request, JobPageQuery)
        job = await find_job(self._deps, read_job_id(request))
        history = await self._history(job)
        if wants_json(request):
            way = way_body(job, tries(job, history, self._deps.now()), history.retried_as)
            return json_response(await results_body(self._deps, job) | way)
        document = await read_document(self._deps, job)
        text = render(
            "job.html",
            now=self._deps.now(),
            job=job,
            ended=job.status in TERMINAL,
            now_part=Markup(await now_part(self._deps, job, swap=False)),  # noqa: S704 - rendered by a template
            attempts_part=Markup(attempts_part(self._deps, job, history, swap=False)),  # noqa: S704
            parameters=indented(job.parameters or {}),
            chosen=query.chosen,
            found=document and found_by(self._deps.catalogue, job, document, query),
            moving=job.status not in TERMINAL,
            **renewal(request),
        )
        return html(text)

    async def attention(self, request: Request) -> Response:
        """Show the jobs that somebody should look at."""
        read_query(request, RenewedQuery)
        found = await self._deps.history.attention(MOST_SHOWN + 1)
        if wants_json(request):
            reasons = await self._deps.waiting.reasons(found.late)
            return json_response(attention_body(found, reasons, MOST_SHOWN))
        shown = {"found": found, "most": MOST_SHOWN, "looked_at": MOST_LOOKED_AT}
        return html(render("attention.html", now=self._deps.now(), **shown, **renewal(request)))

    async def _told(self, query: ListPageQuery, page: Page) -> dict[str, Any]:
        counts = await self._counted.count(query.wanted)
        return page_body(page, await self._deps.waiting.reasons(page.jobs)) | {
            "counts": {str(status): count for status, count in counts.items()},
            "pauses": [pause_body(pause) for pause in await self._deps.pauses.look()],
        }

    def _neighbours(self, query: ListPageQuery, page: Page) -> Mapping[str, Any]:
        older = write_cursor(page.next_after) if page.next_after else None
        return {
            "older": older and list_link(query, cursor=older),
            "newest": query.cursor and list_link(query, cursor=None),
            "most_looked_at": MOST_LOOKED_AT,
            "looked_on": older is not None and len(page.jobs) < query.limit,
        }

    async def _retried(self, jobs: Sequence[Job]) -> Mapping[UUID, UUID]:
        ended = [job.job_id for job in jobs if job.status in TERMINAL]
        return await self._deps.history.retried(ended) if ended else {}

    async def _history(self, job: Job) -> History:
        """Return what is kept of the attempts; nothing while the store is away, the live entry knows of the last one."""
        try:
            return await self._deps.history.history(job.job_id)
        except Unavailable:
            return History()


def _sort_link(query: ListPageQuery) -> SortLink:
    if query.sort == "newest":
        return SortLink(list_link(query, sort="oldest"), "Newest first; show the oldest first", "\N{DOWNWARDS ARROW}")
    return SortLink(list_link(query, sort=None), "Oldest first; show the newest first", "\N{UPWARDS ARROW}")


def _moment(value: datetime | None) -> str:
    return "" if value is None else f"{value:%Y-%m-%dT%H:%M:%S}"
