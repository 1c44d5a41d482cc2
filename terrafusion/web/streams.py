"""Status events as they happen, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Final
from uuid import UUID

from aiohttp.web import HTTPServiceUnavailable, Request, Response, StreamResponse

from models.jobs import TERMINAL
from models.messages import JobStatusChanged
from terrafusion.errors import Unavailable
from terrafusion.usecases.callers import call
from terrafusion.web.bodies import event_of
from terrafusion.web.deps import WebDeps
from terrafusion.web.lookup import SHORT_PATIENCE_S, find_job, read_row
from terrafusion.web.query import NoQuery, read_job_id, read_query

POLL_S: Final = 1.0
KEEP_ALIVE_S: Final = 15.0
WRITE_S: Final = 30.0
MOST_STREAMS: Final = 200
HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}

Paced = AsyncGenerator[JobStatusChanged | None, None]
"""Events as they come, and None after each pause without one."""


class Streams:
    """The open streams, and the end of all of them when the worker stops."""

    def __init__(
        self,
        deps: WebDeps,
        *,
        poll_s: float = POLL_S,
        keep_alive_s: float = KEEP_ALIVE_S,
        write_s: float = WRITE_S,
        most: int = MOST_STREAMS,
    ) -> None:
        self._deps = deps
        self._poll_s = poll_s
        self._keep_alive_s = keep_alive_s
        self._write_s = write_s
        self._free = most
        self._stopping = asyncio.Event()

    async def stop(self, _app: object = None) -> None:
        """End every stream, so that a worker's stop waits for none of them."""
        self._stopping.set()

    async def all(self, request: Request) -> StreamResponse:
        """Tell every event that this worker hears, from now on."""
        read_query(request, NoQuery)
        with self._place():
            async with self._deps.live.follow() as events, aclosing(self._paced(events)) as paced:
                return await self._send(request, paced)

    async def one(self, request: Request) -> StreamResponse:
        """Tell how a job stands and then each change, until it is terminal."""
        read_query(request, NoQuery)
        job_id = read_job_id(request)
        with self._place():
            async with self._deps.live.follow(job_id) as events, aclosing(self._paced(events)) as paced:
                now = event_of(await find_job(self._deps, job_id))
                seen = _last_seen(request, now)
                if now.status in TERMINAL and seen == now.sequence:
                    return Response(status=204)  # what keeps an EventSource from coming back
                async with aclosing(self._life(now, seen, paced)) as life:
                    return await self._send(request, life)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._free:
            raise HTTPServiceUnavailable(text="No more streams can be opened here.", headers={"Retry-After": "5"})
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def _life(self, now: JobStatusChanged, seen: int, paced: Paced) -> Paced:
        if now.sequence > seen:
            yield now
        seen = now.sequence
        ended = now.status in TERMINAL
        while not ended:
            try:
                event = await anext(paced) or await self._row(now.job_id)
            except StopAsyncIteration:
                return
            news = event is not None and event.sequence > seen
            if event is not None and news:
                seen, ended = event.sequence, event.status in TERMINAL
            yield event if news else None

    async def _row(self, job_id: UUID) -> JobStatusChanged | None:
        if self._deps.live.get(job_id) is not None:
            return None
        with suppress(Unavailable):
            row = await read_row(self._deps, job_id, patience_s=SHORT_PATIENCE_S)
            return None if row is None else event_of(row)
        return None

    async def _paced(self, events: AsyncIterator[JobStatusChanged]) -> Paced:
        stopping = asyncio.ensure_future(self._stopping.wait())
        coming = asyncio.ensure_future(anext(events, None))
        try:
            while not stopping.done():
                await asyncio.wait({coming, stopping}, timeout=self._poll_s, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    yield None
                elif event := coming.result():
                    yield event
                    coming = asyncio.ensure_future(anext(events, None))
                else:
                    return
        finally:
            coming.cancel()
            stopping.cancel()
            await asyncio.gather(coming, stopping, return_exceptions=True)

    async def _send(self, request: Request, paced: Paced) -> StreamResponse:
        response = StreamResponse(headers=HEADERS)
        await response.prepare(request)
        if request.method != "HEAD":
            try:
                await self._write(request, response, paced)
            except (ConnectionResetError, TimeoutError):
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def _write(self, request: Request, response: StreamResponse, paced: Paced) -> None:
        now = asyncio.get_running_loop().time
        await self._put(response, b"retry: 2000\n\n")
        written = now()
        async for event in paced:
            if not await call().may_still():
                return
            if event is not None:
                await self._put(response, _frame(event))
                written = now()
            elif request.transport is None or request.transport.is_closing():
                return
            elif now() - written >= self._keep_alive_s:
                await self._put(response, b": still here\n\n")
                written = now()

    async def _put(self, response: StreamResponse, content: bytes) -> None:
        """Write; a reader that takes nothing for long gives its place to another."""
        async with asyncio.timeout(self._write_s):
            await response.write(content)


def _frame(event: JobStatusChanged) -> bytes:
    lines = f"id: {event.job_id}/{event.sequence}\nevent: status\ndata: {event.model_dump_json()}\n\n"
    return lines.encode()


def _last_seen(request: Request, now: JobStatusChanged) -> int:
    """Return the sequence a reader that comes back has seen last, 0 for a new one."""
    job_id, _, sequence = request.headers.get("Last-Event-ID", "").partition("/")
    known = job_id == str(now.job_id) and sequence.isdecimal() and len(sequence) <= len(str(now.sequence))
    return int(sequence) if known and int(sequence) <= now.sequence else 0
