"""Dead letters over HTTP: look at them, replay and discard them; as JSON, and as pages for people."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp.web import Request, Response

from models.dead_letters import KeptLetter, LetterEntry, LetterState
from terrafusion.errors import NotFound, Rejected
from terrafusion.usecases.dead_letters import Bulk, Outcome
from terrafusion.web.answers import html, json_response, see, wants_html, wants_json
from terrafusion.web.api import PREFIX, told
from terrafusion.web.deps import WebDeps
from terrafusion.web.letter_pages import bulk_page, letter_page, letters_page, list_link
from terrafusion.web.letters import (
    DiscardBody,
    DiscardManyBody,
    LettersQuery,
    ReplayBody,
    ReplayManyBody,
    SelectionQuery,
    bulk_body,
    letter_body,
    letters_body,
    outcome_body,
    read_letter_id,
)
from terrafusion.web.problems import problem_of
from terrafusion.web.query import NoQuery, has_empty, read_filled, read_header, read_query
from terrafusion.web.request_bodies import read_body, read_form


class DeadLetterViews:
    """What is kept of messages that could not be used, and what can be done about each."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    async def list(self, request: Request) -> Response:
        """Answer a page of dead letters, newest first, and how many there are."""
        query = read_query(request, LettersQuery)
        entries, total = await self._found(query)
        return json_response(letters_body(entries, total, query.limit))

    async def show(self, request: Request) -> Response:
        """Answer one dead letter, whole."""
        read_query(request, NoQuery)
        return json_response(letter_body(await self._letter(request)))

    async def replay(self, request: Request) -> Response:
        """Put a letter to work again, corrected where the body has a value: 202 and what came of it."""
        read_query(request, NoQuery)
        try:
            body = await read_body(request, ReplayBody)
            by = _by(request, body.requested_by)
            outcome = await self._deps.office.replay(read_letter_id(request), value=body.value, by=by)
        except Rejected as error:
            return await self._refused(request, error)
        return await self._done(request, outcome, status=202)

    async def discard(self, request: Request) -> Response:
        """Put a letter aside."""
        read_query(request, NoQuery)
        body = await read_body(request, DiscardBody)
        by = _by(request, body.requested_by)
        outcome = await self._deps.office.discard(read_letter_id(request), note=body.note, by=by)
        return await self._done(request, outcome, status=200)

    async def replay_many(self, request: Request) -> Response:
        """Replay the open letters that the query names, if they are as many as the body confirms."""
        query = read_query(request, SelectionQuery)
        body = await read_body(request, ReplayManyBody)
        by = _by(request, body.requested_by)
        bulk = await self._deps.office.replay_many(query.confirmed(body.confirm), by=by)
        return _all_done(request, bulk, body, status=202)

    async def discard_many(self, request: Request) -> Response:
        """Put aside the open letters that the query names, if they are as many as the body confirms."""
        query = read_query(request, SelectionQuery)
        body = await read_body(request, DiscardManyBody)
        by = _by(request, body.requested_by)
        bulk = await self._deps.office.discard_many(query.confirmed(body.confirm), note=body.note, by=by)
        return _all_done(request, bulk, body, status=200)

    async def list_page(self, request: Request) -> Response:
        """Show dead letters with their reasons."""
        if has_empty(request):
            return see(list_link(read_filled(request, LettersQuery)))
        query = read_query(request, LettersQuery)
        entries, total = await self._found(query)
        if wants_json(request):
            return json_response(letters_body(entries, total, query.limit))
        return html(letters_page(query, entries, total, self._deps.now()))

    async def show_page(self, request: Request) -> Response:
        """Show one dead letter with what can be done about it."""
        read_query(request, NoQuery)
        letter = await self._letter(request)
        if wants_json(request):
            return json_response(letter_body(letter))
        return html(letter_page(letter, self._deps.now()))

    async def _found(self, query: LettersQuery) -> tuple[Sequence[LetterEntry], int]:
        page = await self._deps.letters.page(query.wanted, before=query.cursor, limit=query.limit + 1)
        return page, await self._deps.letters.count(query.wanted, after=0)

    async def _letter(self, request: Request) -> KeptLetter:
        letter_id = read_letter_id(request)
        letter = await self._deps.letters.get(letter_id)
        if letter is None:
            raise NotFound(f"no dead letter has the id {letter_id}", field="id", value=letter_id)
        return letter

    async def _refused(self, request: Request, error: Rejected) -> Response:
        """Lead a browser back to the letter, with what was typed and why it was refused; anybody else is told alone."""
        typed = await read_form(request) if wants_html(request) else None
        letter = None if typed is None else await self._letter(request)
        if letter is None or letter.state is not LetterState.OPEN:
            raise error
        text = letter_page(letter, self._deps.now(), typed=typed, trouble=str(error))
        return html(text, status=problem_of(error).status)

    async def _done(self, request: Request, outcome: Outcome, *, status: int) -> Response:
        if wants_html(request):
            return Response(status=303, headers={"Location": f"/dead-letters/{outcome.letter_id}"})
        job = outcome.job
        response = json_response(outcome_body(outcome) | {"job": job and await told(self._deps, job)}, status=status)
        if job:
            response.headers["Location"] = f"{PREFIX}/status/{job.job_id}"
        return response


def _all_done(request: Request, bulk: Bulk, said: ReplayManyBody | DiscardManyBody, *, status: int) -> Response:
    told = bulk_body(bulk)
    if not wants_html(request):
        return json_response(told, status=status)
    again = said.model_dump(exclude_none=True) | {"confirm": bulk.left}
    return html(bulk_page(bulk, told, address=str(request.rel_url), again=again))


def _by(request: Request, named: str | None) -> str | None:
    """Say who asks: a browser's form has a field for it."""
    return named or read_header(request, "X-Requested-By")
