"""Server-sent events: places for readers, frames to them as they come, and the end of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from aiohttp.web import HTTPServiceUnavailable, Request, StreamResponse

from terrafusion.usecases.calls import call

POLL_S: Final = 1.0
KEEP_ALIVE_S: Final = 15.0
WRITE_S: Final = 30.0
MOST_STREAMS: Final = 200
HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}

T = TypeVar("T")
Frames = AsyncGenerator[bytes | None, None]
"""Frames as they come, and None after each pause without one."""


class Outlet:
    """The open streams, and the end of all of them when the worker stops."""

    def __init__(
        self,
        *,
        poll_s: float = POLL_S,
        keep_alive_s: float = KEEP_ALIVE_S,
        write_s: float = WRITE_S,
        most: int = MOST_STREAMS,
    ) -> None:
        self._poll_s = poll_s
        self._keep_alive_s = keep_alive_s
        self._write_s = write_s
        self._free = most
        self._stopping = asyncio.Event()

    async def stop(self, _app: object = None) -> None:
        """End every stream, so that a worker's stop waits for none of them."""
        self._stopping.set()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Be one of so many streams; raises HTTPServiceUnavailable where there are as many."""
        if not self._free:
            raise HTTPServiceUnavailable(text="No more streams can be opened here.", headers={"Retry-After": "5"})
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def paced(self, events: AsyncIterator[T]) -> AsyncGenerator[T | None, None]:
        """Yield events as they come and None after each pause without one, until the worker stops.

        Waiting for the next one is broken off and begun again, so ``events`` is no generator: that would end it.
        """
        while not self._stopping.is_set():
            event: T | None = None
            try:
                async with asyncio.timeout(self._poll_s):
                    event = await anext(events)
            except TimeoutError:
                pass
            except StopAsyncIteration:
                return
            yield event

    async def send(self, request: Request, frames: Frames) -> StreamResponse:
        """Answer with frames until there are no more, or nobody takes them."""
        response = StreamResponse(headers=HEADERS)
        await response.prepare(request)
        if request.method != "HEAD":
            try:
                await self._write(request, response, frames)
            except (ConnectionResetError, TimeoutError):
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def _write(self, request: Request, response: StreamResponse, frames: Frames) -> None:
        now = asyncio.get_running_loop().time
        await self._put(response, b"retry: 2000\n\n")
        written = now()
        async for content in frames:
            if not await call().may_still():
                return
            if content is not None:
                await self._put(response, content)
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


def frame(kind: str, data: str, event_id: str | None = None) -> bytes:
    """Write one event; its data may have several lines."""
    named = f"id: {event_id}\n" if event_id else ""
    lines = "".join(f"data: {line}\n" for line in data.replace("\r", "").split("\n"))
    return f"{named}event: {kind}\n{lines}\n".encode()
