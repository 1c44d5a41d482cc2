"""Status events as they happen, as server-sent events; a reader that comes back goes on where it was."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

import orjson
from aiohttp.web import Request, Response, StreamResponse

from models.jobs import TERMINAL
from models.live import Missed
from models.messages import JobStatusChanged
from terrafusion.errors import Unavailable
from terrafusion.web.bodies import event_of
from terrafusion.web.deps import WebDeps
from terrafusion.web.lookup import SHORT_PATIENCE_S, find_job, read_row
from terrafusion.web.query import EPOCH, NoQuery, read_job_id, read_query
from terrafusion.web.sse import Frames, Outlet, frame

MOST_RESUMED: Final = 1_000
"""Jobs whose state is told to a reader that missed something; with more, it has to read the list."""
OVERLAP: Final = timedelta(seconds=10)
"""What commits late tells of a moment that was passed already."""

Paced = AsyncGenerator[JobStatusChanged | Missed | None, None]
"""Events as they come, and None after each pause without one."""


class Streams:
    """Every job's events, and one job's."""

    def __init__(self, deps: WebDeps, outlet: Outlet) -> None:
        self._deps = deps
        self._outlet = outlet

    async def all(self, request: Request) -> StreamResponse:
        """Tell every job's events from now on, or from where a reader was that comes back."""
        read_query(request, NoQuery)
        with self._outlet.place():
            async with self._deps.live.follow() as events, aclosing(self._outlet.paced(events)) as paced:
                came_back = _left_at(request)
                async with aclosing(self._every(Missed(came_back) if came_back else None, paced)) as frames:
                    return await self._outlet.send(request, frames)

    async def one(self, request: Request) -> StreamResponse:
        """Tell how a job stands and then each change, until it is terminal."""
        read_query(request, NoQuery)
        job_id = read_job_id(request)
        with self._outlet.place():
            async with following(self._deps, self._outlet, job_id) as (now, paced):
                seen = _last_seen(request, now)
                if now.status in TERMINAL and seen == now.sequence:
                    return Response(status=204)  # what keeps an EventSource from coming back
                async with (
                    aclosing(life(self._deps, now, seen, paced)) as changes,
                    aclosing(_framed(changes)) as frames,
                ):
                    return await self._outlet.send(request, frames)

    async def _every(self, missed: Missed | None, paced: Paced) -> Frames:
        if missed is not None:
            async for resumed in self._resumed(missed):
                yield resumed
        async for event in paced:
            if isinstance(event, Missed):
                async for resumed in self._resumed(event):
                    yield resumed
            else:
                yield None if event is None else _frame(event, placed=True)

    async def _resumed(self, missed: Missed) -> Frames:
        """Tell that events were missed, and how the jobs stand that moved since; whether those are all of them."""
        changed: list[JobStatusChanged] = []
        is_whole = False
        with suppress(Unavailable):
            changed = list(await self._deps.history.changed(overlapping(missed.since), MOST_RESUMED))
            is_whole = len(changed) < MOST_RESUMED
        told = {"since": missed.since, "complete": is_whole}
        yield frame("missed", orjson.dumps(told, option=orjson.OPT_UTC_Z).decode())
        for event in changed:
            yield _frame(event, placed=True)


def overlapping(moment: datetime) -> datetime:
    """Return from when to tell what moved since ``moment``; before 1970 nothing did."""
    return max(moment, EPOCH) - OVERLAP


@asynccontextmanager
async def following(deps: WebDeps, outlet: Outlet, job_id: UUID) -> AsyncIterator[tuple[JobStatusChanged, Paced]]:
    """Return how a job stands, and its events from before that was read: no change falls between."""
    async with deps.live.follow(job_id) as events, aclosing(outlet.paced(events)) as paced:
        yield event_of(await find_job(deps, job_id)), paced


async def life(
    deps: WebDeps, now: JobStatusChanged, seen: int, paced: Paced
) -> AsyncGenerator[JobStatusChanged | None, None]:
    """Yield how a job stands, unless that was ``seen``, and each change until its end; its row tells what was missed."""
    if now.sequence > seen:
        yield now
    seen = now.sequence
    ended = now.status in TERMINAL
    while not ended:
        try:
            heard = await anext(paced)
        except StopAsyncIteration:
            return
        event = heard if isinstance(heard, JobStatusChanged) else await _stands(deps, now.job_id)
        news = event is not None and event.sequence > seen
        if event is not None and news:
            seen, ended = event.sequence, event.status in TERMINAL
        yield event if news else None


async def _stands(deps: WebDeps, job_id: UUID) -> JobStatusChanged | None:
    if (live := deps.live.get(job_id)) is not None:
        return live
    with suppress(Unavailable):
        row = await read_row(deps, job_id, patience_s=SHORT_PATIENCE_S)
        return None if row is None else event_of(row)
    return None


async def _framed(changes: AsyncGenerator[JobStatusChanged | None, None]) -> Frames:
    async for event in changes:
        yield None if event is None else _frame(event)


def _frame(event: JobStatusChanged, *, placed: bool = False) -> bytes:
    return _written(_Told(event.job_id, event.sequence, event.updated_at, placed, event))


@dataclass(frozen=True, slots=True)
class _Told:
    """An event, equal to every other of its job and sequence: it is written once for all who read."""

    job_id: UUID
    sequence: int
    at: datetime
    """Were its job purged, its id could come again."""
    placed: bool
    """Among those of all jobs its id also says when it was."""
    event: JobStatusChanged = field(compare=False)


@lru_cache(maxsize=1024)
def _written(told: _Told) -> bytes:
    place = f"/{(told.at - EPOCH) // timedelta(microseconds=1)}" if told.placed else ""
    return frame("status", told.event.model_dump_json(), f"{told.job_id}/{told.sequence}{place}")


def _left_at(request: Request) -> datetime | None:
    """Return the moment of the last event that a reader of all has had; None for a new one."""
    *_, place = request.headers.get("Last-Event-ID", "").split("/")
    try:
        return EPOCH + timedelta(microseconds=int(place))
    except (ValueError, OverflowError):
        return None


def _last_seen(request: Request, now: JobStatusChanged) -> int:
    """Return the sequence a reader that comes back has seen last, 0 for a new one."""
    job_id, _, sequence = request.headers.get("Last-Event-ID", "").partition("/")
    known = job_id == str(now.job_id) and sequence.isdecimal() and len(sequence) <= len(str(now.sequence))
    return int(sequence) if known and int(sequence) <= now.sequence else 0
