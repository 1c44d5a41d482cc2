"""Results to take away: the document as JSON, the file as it is, and as CSV; and a page to be printed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

from aiohttp.web import Request, Response, StreamResponse

from models.jobs import Job
from terrafusion.errors import NotFound, Unavailable
from terrafusion.web.answers import html, json_response, wants_json
from terrafusion.web.api import read_document, results_body
from terrafusion.web.deps import WebDeps
from terrafusion.web.lookup import find_job
from terrafusion.web.query import JobPageQuery, NoQuery, read_job_id, read_query
from terrafusion.web.render import render
from terrafusion.web.results.page import unfolded
from terrafusion.web.results.read import found_by
from terrafusion.web.results.tables import csv_of
from terrafusion.wording import indented

UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
SHORT: Final = 8
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
AT_ONCE: Final = 2
"""CSVs of which a part is made at the same time; others wait, so that memory is bounded."""
WRITE_S: Final = 60.0
"""For a reader to take what was written."""


class Downloads:
    """What there is of a finished job."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps
        self._room = asyncio.Semaphore(AT_ONCE)

    async def json(self, request: Request) -> Response:
        """Answer with a job's result document."""
        job = await self._found(request)
        response = json_response(await read_document(self._deps, job))
        response.headers["Content-Disposition"] = _attached(job, "json")
        return response

    async def parquet(self, request: Request) -> StreamResponse:
        """Answer with a job's result file as it is."""
        job = await self._found(request)
        file = await self._deps.documents.stream(_file_of(job))
        response = _streamed(job, PARQUET, "parquet")
        response.content_length = file.length
        return await _sent(request, response, file.chunks)

    async def csv(self, request: Request) -> StreamResponse:
        """Answer with a job's result file as CSV."""
        job = await self._found(request)
        path = await self._deps.documents.local(_file_of(job))
        response = _streamed(job, CSV, "csv")
        response.charset = "utf-8"
        return await _sent(request, response, self._converted(csv_of(path)))

    async def page(self, request: Request) -> Response:
        """Show a job's result to be printed."""
        query, job = read_query(request, JobPageQuery), await self._finished(request)
        if wants_json(request):
            return json_response(await results_body(self._deps, job))
        document = await read_document(self._deps, job) or {}
        found = unfolded(found_by(self._deps.catalogue, job, document, query))
        asked = indented(job.parameters or {})
        now = self._deps.now()
        return html(render("results/print.html", job=job, found=found, now=now, parameters=asked, chosen=query.chosen))

    async def _found(self, request: Request) -> Job:
        read_query(request, NoQuery)
        return await self._finished(request)

    async def _finished(self, request: Request) -> Job:
        job = await find_job(self._deps, read_job_id(request))
        if job.result_summary is None and job.result_data_location is None:
            message = f"the job {job.job_id} is {job.status} and has no result"
            raise NotFound(message, field="job_id", value=str(job.job_id))
        return job

    async def _converted(self, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            async with self._room:
                part = await asyncio.to_thread(next, parts, b"")
            if not part:
                return
            yield part


def _file_of(job: Job) -> str:
    if job.result_data_location is None:
        message = f"the result of {job.job_id} has no file; its JSON holds all there is"
        raise NotFound(message, field="job_id", value=str(job.job_id))
    return job.result_data_location


def _streamed(job: Job, media: str, ending: str) -> StreamResponse:
    response = StreamResponse(headers={"Content-Disposition": _attached(job, ending)})
    response.content_type = media
    return response


def _attached(job: Job, ending: str) -> str:
    """Name the file after what it is of; a county's name may hold anything, the file's nothing that needs quoting."""
    name = UNSAFE.sub("_", f"{job.county_id}-{job.analysis_type}-{str(job.job_id)[:SHORT]}")
    return f'attachment; filename="{name}.{ending}"'


async def _sent(request: Request, response: StreamResponse, chunks: AsyncIterator[bytes]) -> StreamResponse:
    """Send some at a time, as fast as they are taken; a reader that takes nothing for long is left."""
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        async for chunk in chunks:
            async with asyncio.timeout(WRITE_S):
                await response.write(chunk)
        await response.write_eof()
    except (ConnectionResetError, TimeoutError, Unavailable):
        if request.transport is not None:
            request.transport.abort()
    return response
