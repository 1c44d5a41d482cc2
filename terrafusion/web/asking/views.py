"""The pages that ask: choose an analysis, fill in its form, send it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID, uuid4

from aiohttp.web import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from models.jobs import Job
from models.messages import AnalysisRequest
from terrafusion.errors import NotFound, Rejected, Unavailable, UnknownAnalysisType
from terrafusion.web.answers import html, json_response, see, wants_html, wants_json
from terrafusion.web.api import accepted
from terrafusion.web.asking.forms import KEY, Draft, Form, once
from terrafusion.web.asking.values import Texts
from terrafusion.web.bodies import analysis_body
from terrafusion.web.deps import WebDeps
from terrafusion.web.listing import job_link
from terrafusion.web.lookup import find_job
from terrafusion.web.problems import problem_of
from terrafusion.web.query import BadQuery, job_id_of, read_header, read_query, read_traceparent
from terrafusion.web.render import render
from terrafusion.web.request_bodies import read_pairs

FROM: Final = "from"
LONGEST_KEY: Final = 100
MOST_FIELDS: Final = 1000
SENT: Final = "Nothing was sent."


class _Chosen(BaseModel):
    """The query of the choice of an analysis."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job_id: UUID | None = Field(None, alias=FROM)
    county_id: str | None = None


class Asking:
    """Forms in, jobs out: by the same use case as every other request."""

    def __init__(self, deps: WebDeps, *, new_key: Callable[[], object] = uuid4) -> None:
        self._deps = deps
        self._new_key = new_key
        self._forms = {analysis.name: Form(analysis) for analysis in deps.catalogue}

    async def choose(self, request: Request) -> Response:
        """Show what can be asked, of which counties, and when not to."""
        query = read_query(request, _Chosen)
        if query.job_id is not None:
            job = await find_job(self._deps, query.job_id)
            return see(f"/ask/{self._form(job.analysis_type).analysis.name}?{FROM}={job.job_id}")
        counties = [version.county_id for version in await self._deps.counties.current()]
        if wants_json(request):
            return json_response({"types": [self._told(form) for form in self._forms.values()], "counties": counties})
        return html(
            render(
                "ask.html",
                forms=self._forms.values(),
                counties=counties,
                county_id=query.county_id,
                now=self._deps.now(),
            )
        )

    async def show(self, request: Request) -> Response:
        """Show a form: empty, or with what the address or an earlier job fills in."""
        form = self._asked_for(request)
        draft = await self._filled(request, form)
        if wants_json(request):
            asked, checked = form.read(draft)
            told = {"request": asked and asked.model_dump(exclude_defaults=True), "errors": checked.errors}
            return json_response(self._told(form) | {"fields": [_told(one) for one in form.fields.values()]} | told)
        key = request.query.get(KEY, "")[:LONGEST_KEY]
        if not key:  # in the address, for a browser that goes back asks for the form anew
            return see(str(request.rel_url.update_query({KEY: str(self._new_key())})))
        return await self._page(form, draft, key=key)

    async def send(self, request: Request) -> Response:
        """Send what was filled in: on to the job's page, or back to the form with what is wrong."""
        form = self._asked_for(request)
        draft = Draft(_collected(read_pairs(await request.read(), most=MOST_FIELDS)))
        key = draft.text(KEY)[:LONGEST_KEY] or str(self._new_key())
        asked, draft = form.read(draft)
        if asked is None:
            return await self._back(request, form, draft, key, status=422)
        try:
            job = await self._submitted(request, draft, asked, key)
        except Rejected as error:
            return await self._back(request, form, form.refused(draft, error), key, status=problem_of(error).status)
        except Unavailable as error:
            problem = problem_of(error)
            return await self._back(request, form, Draft(draft.texts, {"": problem.detail}), key, status=problem.status)
        return see(job_link(job)) if wants_html(request) else await accepted(self._deps, job)

    async def _submitted(self, request: Request, draft: Draft, asked: AnalysisRequest, key: str) -> Job:
        await self._deps.room.admit()
        known = await self._deps.counties.current(frozenset({asked.county_id}))
        return await self._deps.submit(
            asked,
            idempotency_key=once(key, asked, known[0].data_version if known else ""),
            traceparent=read_traceparent(request.headers),
            requested_by=draft.text("requested_by").strip() or read_header(request, "X-Requested-By"),
        )

    async def _back(self, request: Request, form: Form, draft: Draft, key: str, *, status: int) -> Response:
        if wants_html(request):
            return await self._page(form, draft, key=key, status=status)
        errors = [{"field": name or None, "detail": text} for name, text in draft.errors.items()]
        body = {"type": "about:blank", "title": SENT, "status": status, "detail": errors[0]["detail"], "errors": errors}
        return json_response(body, status=status, content_type="application/problem+json")

    async def _page(self, form: Form, draft: Draft, *, key: str, status: int = 200) -> Response:
        try:
            counties = await self._deps.counties.current()
        except Unavailable as error:
            counties, draft = [], Draft(draft.texts, {**draft.errors, "": problem_of(error).detail})
        names = [version.county_id for version in counties]
        text = render(
            "ask_form.html",
            form=form,
            draft=draft,
            key=key,
            counties=counties,
            unknown_county=draft.text("county_id") if draft.text("county_id") not in names else "",
            examples=form.examples(names),
            now=self._deps.now(),
        )
        return html(text, status=status)

    async def _filled(self, request: Request, form: Form) -> Draft:
        given = dict(_collected(request.query.items()))
        given.pop(KEY, None)
        earlier = given.pop(FROM, None)
        for name in given:
            if name not in form.fields:
                msg = f"{name[:100]} is no field of this form"
                raise BadQuery(msg, field=name[:100], allowed=", ".join([FROM, *form.fields]))
        if earlier is None:
            return Draft(given)
        job = await find_job(self._deps, job_id_of(earlier[-1], field=FROM))
        if job.parameters is None:
            raise Unavailable("what the job was asked cannot be read")
        draft = form.of_job(job)
        return Draft({**draft.texts, **given}, notice=draft.notice)

    def _asked_for(self, request: Request) -> Form:
        try:
            return self._form(request.match_info["analysis_type"])
        except UnknownAnalysisType as error:
            raise NotFound(str(error), field=error.field, value=error.value, allowed=error.allowed) from error

    def _form(self, name: str) -> Form:
        return self._forms[self._deps.catalogue.get(name).name]

    @staticmethod
    def _told(form: Form) -> dict[str, Any]:
        """Tell an analysis as the catalogue does, and how to ask it."""
        examples = [asdict(one) | {"form": form.link(one)} for one in form.analysis.examples]
        more = {"not_for": form.analysis.not_for, "examples": examples, "form": f"/ask/{form.analysis.name}"}
        return analysis_body(form.analysis) | more


def _collected(pairs: Iterable[tuple[str, str]]) -> Texts:
    found: dict[str, list[str]] = defaultdict(list)
    for name, text in pairs:
        found[name].append(text)
    return found


def _told(one: Any) -> Mapping[str, Any]:
    return asdict(one) | {"name": one.name, "title": one.title}
