"""The pages for people: the list of jobs and one job."""

from __future__ import annotations

from aiohttp.web import Request, Response

from models.jobs import TERMINAL, JobStatus
from terrafusion.web.answers import html, json_response, wants_json
from terrafusion.web.api import PREFIX, read_document, results_body
from terrafusion.web.bodies import page_body
from terrafusion.web.deps import WebDeps
from terrafusion.web.listing import chips, job_link, list_link, tiles
from terrafusion.web.lookup import find_job
from terrafusion.web.query import JobPageQuery, ListPageQuery, read_job_id, read_query, write_cursor
from terrafusion.web.render import render
from terrafusion.web.results.read import found_by
from terrafusion.web.timeline import timeline, took
from terrafusion.wording import indented


class Pages:
    """Server-rendered pages; the same addresses give JSON to who asks for it."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def jobs(self, request: Request) -> Response:
        """Show the jobs, newest first, and how many stand where."""
        query, now = read_query(request, ListPageQuery), self._deps.now()
        page = await self._deps.store.page(query.wanted, after=query.after, limit=query.limit)
        if wants_json(request):
            return json_response(page_body(page, await self._deps.waiting.reasons(page.jobs)))
        counts = await self._deps.store.counts()
        older = write_cursor(page.next_after) if page.next_after else None
        moving = query.cursor is None and any(counts[state] for state in set(JobStatus) - TERMINAL)
        text = render(
            "jobs.html",
            now=now,
            jobs=page.jobs,
            pauses=await self._deps.pauses.look(),
            job_link=job_link,
            took=took,
            tiles=tiles(query, counts),
            chips=chips(query),
            older=older and list_link(query, cursor=older),
            newest=query.cursor and list_link(query, cursor=None),
            moving=moving,
            refresh_off=query.refresh == "off",
            refresh_link=list_link(query, refresh=None if query.refresh else "off"),
            types=[(entry, list_link(query, analysis_type=entry.name)) for entry in self._deps.catalogue],
            counties=[
                (county, list_link(query, county_id=county.county_id)) for county in await self._deps.counties.current()
            ],
            prefix=PREFIX,
        )
        return html(text)

    async def job(self, request: Request) -> Response:
        """Show one job: its way, what it was asked and what it found."""
        query, now = read_query(request, JobPageQuery), self._deps.now()
        job = await find_job(self._deps, read_job_id(request))
        if wants_json(request):
            return json_response(await results_body(self._deps, job))
        document = await read_document(self._deps, job)
        text = render(
            "job.html",
            now=now,
            job=job,
            waiting_for=(await self._deps.waiting.reasons([job])).of(job),
            ended=job.status in TERMINAL,
            steps=timeline(job, now),
            parameters=indented(job.parameters or {}),
            found=document and found_by(self._deps.catalogue, job, document, query),
            moving=job.status not in TERMINAL,
            refresh_off=query.refresh == "off",
            refresh_link=f"/jobs/{job.job_id}" + ("" if query.refresh else "?refresh=off"),
            prefix=PREFIX,
        )
        return html(text)
