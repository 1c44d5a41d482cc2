"""The platform's JSON paths."""

from __future__ import annotations

from typing import Any, Final

from aiohttp.web import Request, Response

from models.jobs import Job, JobStatus
from terrafusion.errors import Unavailable
from terrafusion.ports.jobs import Page
from terrafusion.web.answers import json_response
from terrafusion.web.bodies import analysis_body, county_body, job_body, page_body, summary_document
from terrafusion.web.deps import WebDeps
from terrafusion.web.lookup import find_job
from terrafusion.web.query import ListQuery, NoQuery, read_header, read_job_id, read_query, read_traceparent
from topics.requests import read_json, read_request

PREFIX: Final = "/plugins/v1/market-analysis"


class Api:
    """Requests in, jobs and results out."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps
        self._types = [analysis_body(analysis) for analysis in deps.catalogue]

    async def run(self, request: Request) -> Response:
        """Accept a request: 202 and the job."""
        read_query(request, NoQuery)
        asked = read_request(read_json(await request.read()))
        await self._deps.room.admit()
        job = await self._deps.submit(
            asked,
            idempotency_key=read_header(request, "Idempotency-Key"),
            traceparent=read_traceparent(request.headers),
            requested_by=read_header(request, "X-Requested-By"),
        )
        return await accepted(self._deps, job)

    async def status(self, request: Request) -> Response:
        """Answer how a job stands."""
        read_query(request, NoQuery)
        return json_response(await told(self._deps, await find_job(self._deps, read_job_id(request))))

    async def results(self, request: Request) -> Response:
        """Answer how a job stands and, once it is COMPLETED, what it found."""
        read_query(request, NoQuery)
        return json_response(await results_body(self._deps, await find_job(self._deps, read_job_id(request))))

    async def list(self, request: Request) -> Response:
        """Answer a page of jobs, newest first unless asked otherwise."""
        query = read_query(request, ListQuery)
        page = await read_page(self._deps, query)
        return json_response(page_body(page, await self._deps.waiting.reasons(page.jobs)))

    async def types(self, request: Request) -> Response:
        """Answer the catalogue of analyses."""
        read_query(request, NoQuery)
        return json_response({"types": self._types})

    async def counties(self, request: Request) -> Response:
        """Answer which counties are loaded."""
        read_query(request, NoQuery)
        versions = await self._deps.counties.current()
        return json_response({"counties": [county_body(version) for version in versions]})


async def read_page(deps: WebDeps, query: ListQuery) -> Page:
    """Return the page of jobs that a query asks for."""
    oldest_first = query.sort == "oldest"
    return await deps.store.page(query.wanted, after=query.after, limit=query.limit, oldest_first=oldest_first)


async def told(deps: WebDeps, job: Job) -> dict[str, Any]:
    """Tell a job, and why it waits."""
    return job_body(job, await deps.waiting.reasons([job]))


async def accepted(deps: WebDeps, job: Job) -> Response:
    """Answer with a job that was just accepted: 202, and where to look for it."""
    response = json_response(await told(deps, job), status=202)
    response.headers["Location"] = f"{PREFIX}/status/{job.job_id}"
    return response


async def results_body(deps: WebDeps, job: Job) -> dict[str, Any]:
    """Tell a job with its document; raises Unavailable where it has one that cannot be read."""
    return await told(deps, job) | {"result": await read_document(deps, job)}


async def read_document(deps: WebDeps, job: Job) -> dict[str, Any] | None:
    """Return a job's result document, None until the job is COMPLETED; raises Unavailable."""
    if job.status is not JobStatus.COMPLETED:
        return None
    if job.result_data_location is None:
        if job.result_summary is None:
            raise Unavailable("the row that tells of the result cannot be read")
        return summary_document(job)
    document = await deps.documents.read(job.result_data_location)
    if document is None:
        raise Unavailable("the result document cannot be found")
    return {**document, "result_data_location": job.result_data_location}
