"""Orders over HTTP: cancel and retry a job, pause and resume. A browser's forms are led to the page of the job."""

from __future__ import annotations

from aiohttp.web import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from models.jobs import Job
from models.messages import Command, Name, Note, Verb
from terrafusion.web.answers import html, json_response, see, wants_html, wants_part
from terrafusion.web.api import accepted, told
from terrafusion.web.bodies import pause_body
from terrafusion.web.deps import WebDeps
from terrafusion.web.listing import job_link
from terrafusion.web.lookup import find_job
from terrafusion.web.query import NoQuery, read_header, read_job_id, read_query, read_traceparent
from terrafusion.web.render import macro
from terrafusion.web.request_bodies import read_body
from topics.commands import read_command


class Why(BaseModel):
    """The body of an order about a job; it may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Note | None = Field(None, description="why, for people")


class Scoped(Why):
    """The body of a pause or a resume; without a county or a type it means the intake."""

    county_id: Name | None = Field(None, description="a county that is loaded")
    analysis_type: Name | None = Field(None, description="or a type of the catalogue")


class Commanding:
    """Orders in, and what came of them."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def cancel(self, request: Request) -> Response:
        """End a job: 200 and the job."""
        job_id = read_job_id(request)
        command = await _read(request, Verb.CANCEL, Why, job_id=str(job_id))
        who = command.requested_by
        job = await self._deps.commands.cancel(job_id, reason=command.reason, requested_by=who)
        if wants_part(request):
            return self._row(job)
        if wants_html(request):
            return see(job_link(job))
        return json_response(await told(self._deps, job))

    async def retry(self, request: Request) -> Response:
        """Ask a job's request again: 202 and the new job."""
        job_id = read_job_id(request)
        command = await _read(request, Verb.RETRY, Why, job_id=str(job_id))
        await self._deps.room.spare()
        job = await self._deps.commands.retry(
            job_id,
            key=read_header(request, "Idempotency-Key"),
            traceparent=read_traceparent(request.headers),
            requested_by=command.requested_by,
        )
        if wants_part(request):
            return self._row(await find_job(self._deps, job_id), retried_as=job)
        if wants_html(request):
            return see(job_link(job))
        return await accepted(self._deps, job)

    def _row(self, job: Job, retried_as: Job | None = None) -> Response:
        """Answer with the row of a list that shows what became of a job."""
        return html(str(macro("rows.html", "row")(job, self._deps.now(), retried_as and retried_as.job_id)))

    async def pause(self, request: Request) -> Response:
        """Have the intake, a county or a type stand still: 200 and the pause as it stands."""
        command = await _read(request, Verb.PAUSE, Scoped)
        return json_response(pause_body(await self._deps.commands.pause(command)))

    async def resume(self, request: Request) -> Response:
        """Let it go on: 200 and whether it was paused."""
        command = await _read(request, Verb.RESUME, Scoped)
        was_paused = await self._deps.commands.resume(command)
        named = {"county_id": command.county_id, "analysis_type": command.analysis_type}
        return json_response(named | {"was_paused": was_paused})

    async def pauses(self, request: Request) -> Response:
        """Answer what stands still."""
        read_query(request, NoQuery)
        return json_response({"pauses": [pause_body(pause) for pause in await self._deps.pauses.look()]})


async def _read(request: Request, verb: Verb, body: type[Why], **fields: str) -> Command:
    """Read a command: its verb and job from the address, who asks from a header, the rest from the body."""
    read_query(request, NoQuery)
    said = (await read_body(request, body)).model_dump(exclude_none=True)
    who = read_header(request, "X-Requested-By")
    return read_command(said | {"command": verb} | fields | ({"requested_by": who} if who else {}))
