"""The pool of child processes, on pebble: time limits that kill, cancellation that kills, children rebuilt."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog
from pebble import ProcessExpired, ProcessPool

from models.troubles import Part, Trouble
from terrafusion.adapters import child
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import ChildDied, ChildTimedOut
from terrafusion.ports import Outcome, Task
from terrafusion.settings import Settings
from terrafusion.usecases.retrying import is_cancelled

SPAWN: Final = multiprocessing.get_context("spawn")
"""A forked child would inherit threads' locks and the broker's sockets."""

BEGUN_S: Final = 0.1
"""How often it is looked whether a child has begun a task."""

TASKS_A_CHILD: Final = 2
"""One that runs, and one in the pipe, so that no child waits for the parent between two."""

TIME_EVERY_S: Final = 0.25

ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0",
}
"""Read by the children when they import numpy, scikit-learn and polars: there are as many children as cores, and what one no longer
needs the others may have; polars keeps it otherwise."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Run:
    """What a child was asked to do, and since when one does it."""

    future: Future[Any]
    seconds: float
    began: float | None = None
    lost: ChildDied | ChildTimedOut | None = None

    def give_up(self, why: ChildDied | ChildTimedOut) -> None:
        """Wait for it no longer; pebble kills the child that has it."""
        self.lost = self.lost or why
        self.future.cancel()


class PebblePool:
    """Fulfils `terrafusion.ports.Pool`."""

    def __init__(self, settings: Settings, on_progress: Callable[[UUID, float, str], None]) -> None:
        self._settings = settings
        self._on_progress = on_progress
        self._pool: ProcessPool | None = None
        self._runs: set[_Run] = set()
        self._moves = 0
        """Tasks begun and ended."""
        self._rebuilt = 0
        """Times since a task was seen to begin."""
        self._places = asyncio.Semaphore(TASKS_A_CHILD * settings.pool_size)
        self._returning: set[asyncio.Future[None]] = set()
        self._timing: asyncio.Future[None] | None = None
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
        self._timing = asyncio.ensure_future(self._time())

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
        cross(Boundary.DISPATCHING)
        try:
            outcomes: Sequence[Outcome] = await self._result(child.run_all, tasks, seconds=seconds)
        except ProcessExpired as error:
            msg = f"Its process ended by itself with code {error.exitcode}"
            raise ChildDied(msg) from error
        except BrokenProcessPool as error:
            msg = "The pool of processes broke under it"
            raise ChildDied(msg) from error
        return outcomes

    async def _result(self, call: Callable[..., Any], *arguments: Any, seconds: float = inf) -> Any:
        """Have it done by a child, by another where its pool broke or was given up before one took it."""
        for again in (True, True, False):
            run = self._schedule(call, arguments, seconds)
            try:
                return await asyncio.wrap_future(run.future)
            except BrokenProcessPool:
                if run.began is not None or not again:
                    raise
            except asyncio.CancelledError:
                if is_cancelled() or run.lost is None:
                    raise
                if run.began is not None or not again:
                    raise run.lost from None
            finally:
                self._moves += 1
                self._runs.discard(run)
        raise AssertionError

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
            with suppress(ProcessExpired, BrokenProcessPool, ChildDied):
                await self._result(child.ready)
        finally:
            self._places.release()

    def _schedule(self, call: Callable[..., Any], arguments: Sequence[Any], seconds: float) -> _Run:
        assert self._pool is not None  # noqa: S101 - built at the start
        if not self._pool.active:
            self._rebuild()
        run = _Run(self._pool.schedule(call, args=arguments), seconds)
        self._runs.add(run)
        return run

    async def _time(self) -> None:
        """Hold the time limits, by a clock that nobody sets: pebble's own go by the time of day."""
        while True:
            await asyncio.sleep(TIME_EVERY_S)
            now = time.monotonic()
            if self._pool is not None and not self._pool.active:
                self._rebuild()  # it broke when an idle child died, and aborts only what it had seen by then
            for run in self._runs:
                if run.began is None and run.future.running():
                    run.began = now
                    self._moves, self._rebuilt = self._moves + 1, 0
                if run.began is not None and now - run.began > run.seconds:
                    run.give_up(ChildTimedOut(f"It took longer than {run.seconds:g} s"))

    async def look(self) -> Sequence[Trouble]:
        """Fulfil a watchdog's look: children that somebody stopped, and a pool that begins nothing."""
        stopped = [process for process in self._children() if _is_stopped(process.pid)]
        troubles = [
            Trouble(Part.CHILD, process.pid, f"process {process.pid} is stopped", ends=False, cure=process.kill)
            for process in stopped
        ]
        waiting = [run for run in self._runs if not run.future.running() and not run.future.done()]
        if waiting and len(self._runs) - len(waiting) < self._settings.pool_size:
            troubles.append(self._begins_nothing())
        return troubles

    def _begins_nothing(self) -> Trouble:
        reason, patience = "no child takes what waits", 2.0**self._rebuilt
        sign = (self._moves, self._rebuilt)
        return Trouble(Part.CHILD, sign, reason, ends=False, patience=patience, cure=self._rebuild)

    def _children(self) -> Sequence[Any]:
        manager: Any = getattr(self._pool, "_pool_manager", None)
        return () if manager is None else tuple(manager.worker_manager.workers.values())

    def _rebuild(self) -> None:
        """Leave the pool to itself without its children, and go on with another."""
        log.warning("pool of child processes is built anew")
        self._rebuilt += 1
        pool, children = self._pool, self._children()
        self._build()
        for process in children:
            process.kill()
        threading.Thread(target=_end, args=(pool,), daemon=True).start()
        for run in self._runs:
            run.give_up(ChildDied("Its process did not answer any more"))

    def _read_progress(self) -> None:
        while self._reader.poll():
            self._on_progress(*self._reader.recv())

    async def stop(self) -> None:
        """Kill the children and wait for them."""
        self._stops = True
        if self._timing is not None:
            self._timing.cancel()
        for returning in self._returning:
            returning.cancel()
        if self._pool is not None:
            asyncio.get_running_loop().remove_reader(self._reader.fileno())
            await asyncio.to_thread(_end, self._pool)
            self._reader.close()
            self._writer.close()


def _is_stopped(pid: int | None) -> bool:
    """Say whether a process was stopped by a signal, where the system tells."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
    return False


def _end(pool: Any) -> None:
    if pool is not None:
        pool.stop()
        pool.join()
