"""The pool of child processes, on pebble: time limits that kill, cancellation that kills, children rebuilt."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final
from uuid import UUID

import structlog
from pebble import ProcessExpired, ProcessPool

from terrafusion.adapters import child
from terrafusion.errors import ChildDied, ChildTimedOut
from terrafusion.ports import Outcome, Task
from terrafusion.settings import Settings

SPAWN: Final = multiprocessing.get_context("spawn")
"""A forked child would inherit threads' locks and the broker's sockets."""

BEGUN_S: Final = 0.1
"""How often it is looked whether a child has begun a task."""

TASKS_A_CHILD: Final = 2
"""One that runs, and one in the pipe, so that no child waits for the parent between two."""

ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0",
}
"""Read by the children when they import numpy, scikit-learn and polars: there are as many children as cores, and what one no longer
needs the others may have; polars keeps it otherwise."""

log = structlog.get_logger(__name__)


class PebblePool:
    """Fulfils `terrafusion.ports.Pool`."""

    def __init__(self, settings: Settings, on_progress: Callable[[UUID, float, str], None]) -> None:
        self._settings = settings
        self._on_progress = on_progress
        self._pool: ProcessPool | None = None
        self._places = asyncio.Semaphore(TASKS_A_CHILD * settings.pool_size)
        self._returning: set[asyncio.Future[None]] = set()
        self._stops = False
        self._reader: Connection
        self._writer: Connection

    def start(self) -> None:
        """Start the children; must run inside the event loop."""
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        self._reader, self._writer = SPAWN.Pipe(duplex=False)
        asyncio.get_running_loop().add_reader(self._reader.fileno(), self._read_progress)
        self._build()

    def _build(self) -> None:
        workers = self._settings.pool_size
        arguments = (self._settings, self._writer)
        self._pool = ProcessPool(workers, initializer=child.begin, initargs=arguments, context=SPAWN)
        for _ in range(workers):
            self._pool.schedule(child.ready)

    async def run(self, tasks: Sequence[Task], *, seconds: float) -> Sequence[Outcome]:
        """Run tasks in one child; see the port."""
        await self._places.acquire()
        try:
            outcomes = await self._attempt(tasks, seconds=seconds)
        except BaseException:
            self._return_when_ready()
            raise
        self._places.release()
        return outcomes

    async def _attempt(self, tasks: Sequence[Task], *, seconds: float) -> Sequence[Outcome]:
        try:
            outcomes: Sequence[Outcome] = await _within(seconds, self._schedule(child.run_all, tasks))
        except TimeoutError as error:
            msg = f"It took longer than {seconds:g} s"
            raise ChildTimedOut(msg) from error
        except ProcessExpired as error:
            msg = f"Its process ended by itself with code {error.exitcode}"
            raise ChildDied(msg) from error
        except BrokenProcessPool as error:
            msg = "The pool of processes broke under it"
            raise ChildDied(msg) from error
        return outcomes

    def _return_when_ready(self) -> None:
        """Give a place back once a child is there for it.

        A task that is cancelled before a child took it costs that child its life, and a child takes seconds to begin:
        without this, cancelling many jobs one after another would kill each child as it comes.
        """
        if self._stops:
            return
        returning = asyncio.ensure_future(self._return())
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)

    async def _return(self) -> None:
        try:
            with suppress(ProcessExpired, BrokenProcessPool):
                await asyncio.wrap_future(self._schedule(child.ready))
        finally:
            self._places.release()

    def _schedule(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if self._pool is None or not self._pool.active:
            log.warning("pool of child processes is built anew")
            broken = self._pool
            self._build()
            threading.Thread(target=_end, args=(broken,), daemon=True).start()  # with the children that it still has
        assert self._pool is not None  # noqa: S101 - built above
        scheduled: Future[Any] = self._pool.schedule(call, args=arguments)
        return scheduled

    def _read_progress(self) -> None:
        while self._reader.poll():
            self._on_progress(*self._reader.recv())

    async def stop(self) -> None:
        """Kill the children and wait for them."""
        self._stops = True
        for returning in self._returning:
            returning.cancel()
        if self._pool is not None:
            asyncio.get_running_loop().remove_reader(self._reader.fileno())
            await asyncio.to_thread(_end, self._pool)
            self._reader.close()
            self._writer.close()


async def _within(seconds: float, scheduled: Future[Any]) -> Any:
    """Wait for a task; raises TimeoutError and has its child killed where it takes longer.

    By a clock that nobody sets: pebble's own limit goes by the time of day.
    """
    waited = asyncio.wrap_future(scheduled)
    try:
        while not (scheduled.running() or waited.done()):
            await asyncio.wait([waited], timeout=BEGUN_S)
        done, _ = await asyncio.wait([waited], timeout=seconds)
    except asyncio.CancelledError:
        waited.cancel()
        raise
    if not done:
        waited.cancel()
        raise TimeoutError
    return waited.result()


def _end(pool: Any) -> None:
    if pool is not None:
        pool.stop()
        pool.join()
