"""What moves on a page that stands open: parts of it, as server-sent events that take their places."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from aiohttp.web import Request, StreamResponse

from models.access import Role
from models.jobs import TERMINAL, Job
from models.live import Missed
from models.messages import JobStatusChanged
from terrafusion.errors import Unavailable
from terrafusion.usecases.calls import caller
from terrafusion.web.bodies import job_of
from terrafusion.web.counting import Counted
from terrafusion.web.deps import WebDeps
from terrafusion.web.job_page import now_part, tries_part
from terrafusion.web.listing import filters, list_link, tiles
from terrafusion.web.lookup import find_job
from terrafusion.web.query import After, ListPageQuery, LiveQuery, NoQuery, read_cursor, read_job_id, read_query
from terrafusion.web.render import macro
from terrafusion.web.sse import Frames, Outlet, frame
from terrafusion.web.streams import MOST_RESUMED, Paced, following, life, overlapping

COUNT_EVERY_S: Final = 3.0
TELL_NEWER_S: Final = 1.0
TRIES_EVERY_S: Final = 2.0
STILL_EVERY_S: Final = 5.0
MOST_NEWER: Final = 1_000

STILL: Final = frame("still", "")
MISSED: Final = frame("missed", "")
ENDED: Final = frame("ended", "")


class LivePages:
    """The streams of the list and of one job."""

    def __init__(self, deps: WebDeps, outlet: Outlet, counted: Counted) -> None:
        self._deps = deps
        self._outlet = outlet
        self._counted = counted

    async def jobs(self, request: Request) -> StreamResponse:
        """Tell the rows of a page that change, how many newer jobs there are, and how many stand where."""
        query = read_query(request, LiveQuery)
        window = Window(query)
        with self._outlet.place():
            async with (
                self._deps.live.follow() as events,
                aclosing(self._outlet.paced(events)) as paced,
                aclosing(self._rows(query, window, paced)) as frames,
            ):
                return await self._outlet.send(request, frames)

    async def job(self, request: Request) -> StreamResponse:
        """Tell how a job stands as it changes, what is logged for it, and that it has ended."""
        read_query(request, NoQuery)
        job_id = read_job_id(request)
        with self._outlet.place():
            async with following(self._deps, self._outlet, job_id) as (now, paced):
                if now.status in TERMINAL:  # since the page was made
                    return await self._outlet.send(request, _ended())
                async with (
                    aclosing(life(self._deps, now, now.sequence, paced)) as changes,
                    aclosing(self._changes(job_id, changes)) as frames,
                ):
                    return await self._outlet.send(request, frames)

    async def _rows(self, query: LiveQuery, window: Window, paced: Paced) -> Frames:
        page = ListPageQuery.model_validate(filters(query))
        newer, still = Timer(TELL_NEWER_S), Timer(STILL_EVERY_S)
        counts = Counts(self._counted, page)
        async for row in self._since(query, window):
            yield row
        async for event in paced:
            if isinstance(event, Missed):
                yield MISSED
            elif event is not None:
                counts.moved = True
                yield _row(event) if window.shows(event) else None
            if window.has_news and newer.rings():
                yield _swap(macro("rows.html", "newer")(window.take_news(), list_link(page), swap=True))
            yield await counts.look()
            if still.rings():
                yield STILL

    async def _since(self, query: LiveQuery, window: Window) -> Frames:
        """Tell the rows that changed between the page and its stream."""
        with suppress(Unavailable):
            moved = query.moved and overlapping(query.moved)
            changed = await self._deps.history.changed(moved, MOST_RESUMED) if moved else ()
            for event in changed:
                if window.shows(event):
                    yield _row(event)

    async def _changes(self, job_id: UUID, changes: AsyncGenerator[JobStatusChanged | None, None]) -> Frames:
        tries, still = Timer(TRIES_EVERY_S), Timer(STILL_EVERY_S)
        told = ""
        async for event in changes:
            if event is not None:
                job = await self._job(job_id, event)
                yield _swap(await now_part(self._deps, job))
            if event is not None and event.status in TERMINAL:
                yield ENDED
            if tries.rings():
                with suppress(Unavailable):
                    told, before = await tries_part(self._deps, job_id), told
                    yield _swap(told) if told != before else None
            if still.rings():
                yield STILL
            elif event is None:
                yield None

    async def _job(self, job_id: UUID, event: JobStatusChanged) -> Job:
        with suppress(Unavailable):
            return await find_job(self._deps, job_id)
        return job_of(event)


async def _ended() -> Frames:
    yield ENDED


class Timer:
    """Rings at most so often."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._rang = time.monotonic()

    def rings(self) -> bool:
        """Say whether it is time again; then it begins anew."""
        now = time.monotonic()
        rings = now - self._rang >= self._every_s
        self._rang = now if rings else self._rang
        return rings


class Counts:
    """How many jobs stand where, for a page: at most so often, and only where something moved."""

    def __init__(self, counted: Counted, page: ListPageQuery) -> None:
        self._counted = counted
        self._page = page
        self._timer = Timer(COUNT_EVERY_S)
        self.moved = False

    async def look(self) -> bytes | None:
        """Return the counts, None where it is not time for them."""
        if not self.moved or not self._timer.rings():
            return None
        self.moved = False
        try:
            found = await self._counted.look(self._page.wanted)
        except Unavailable:
            return None
        return _swap(macro("rows.html", "tiles")(tiles(self._page, found), swap=True))


class Window:
    """Which events a page shows: those of jobs between its first and its last; newer ones are counted."""

    def __init__(self, query: LiveQuery) -> None:
        self._query = query
        self._first: After | None = read_cursor(query.first) if query.first else None
        self._last: After | None = read_cursor(query.last) if query.last else None
        self._newer: set[UUID] = set()
        self.has_news = False

    def shows(self, event: JobStatusChanged) -> bool:
        """Say whether the page has a row of this job; counts it where it is newer."""
        if not self._is_meant(event):
            return False
        place = (event.created_at, event.job_id)
        if self._first is None or place > self._first:
            self._count(event)
            return False
        return self._last is None or place >= self._last

    def take_news(self) -> int:
        """Return how many jobs are newer than the page."""
        self.has_news = False
        return len(self._newer)

    def _is_meant(self, event: JobStatusChanged) -> bool:
        named = ("county_id", "analysis_type", "correlation_id")
        asked = ((getattr(self._query, name), getattr(event, name)) for name in named)
        return all(wanted is None or wanted == value for wanted, value in asked)

    def _count(self, event: JobStatusChanged) -> None:
        """Count what the page would show; a text cannot be looked for in an event."""
        wanted = self._query
        fits = wanted.status in (None, event.status) and wanted.q is None and wanted.until is None
        if fits and wanted.newer is None and event.job_id not in self._newer and len(self._newer) < MOST_NEWER:
            self._newer.add(event.job_id)
            self.has_news = True


@dataclass(frozen=True, slots=True)
class _Told:
    """An event, equal to every other of its job and sequence: its row is rendered once for all who look with one role."""

    job_id: UUID
    sequence: int
    at: datetime
    role: Role
    """What is shown depends on what the reader may do."""
    event: JobStatusChanged = field(compare=False)


@lru_cache(maxsize=256)
def _rendered(told: _Told) -> bytes:
    return _swap(macro("rows.html", "row")(job_of(told.event), told.at, None, swap=True))


def _row(event: JobStatusChanged) -> bytes:
    return _rendered(_Told(event.job_id, event.sequence, event.updated_at, caller().role, event))


def _swap(html: str) -> bytes:
    return frame("swap", html)
