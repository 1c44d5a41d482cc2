"""The pool of child processes, on pebble: time limits that kill, cancellation that kills, children rebuilt."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from math import inf
from multiprocessing.connection import Connection
from typing import Any, Final
from uuid import UUID

import structlog
from pebble import ProcessExpired, ProcessPool

from models.attempts import Said
from models.troubles import Part, Trouble
from terrafusion.adapters import child
from terrafusion.adapters.children import children, end, is_stopped, leave
from terrafusion.adapters.runs import Full, NotBegun, Run, Runs
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import ChildDied, ChildTooLarge, PoolUnavailable
from terrafusion.ports.pool import Outcome, Task
from terrafusion.settings import Settings
from terrafusion.usecases.retrying import is_cancelled

SPAWN: Final = multiprocessing.get_context("spawn")
"""A forked child would inherit threads' locks and the broker's sockets."""

TASKS_A_CHILD: Final = 2
"""One that runs, and one in the pipe, so that no child waits for the parent between two."""

TIME_EVERY_S: Final = 0.25

TRIES: Final = 3
"""How often a task is given to a pool until a child takes it."""

MEND_EVERY_S: Final = 1.0
"""A machine that cannot start a child is not asked more often."""

MOST_DOUBLINGS: Final = 10

ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "_RJEM_MALLOC_CONF": "thp:always,dirty_decay_ms:0,muzzy_decay_ms:0",
}
"""Read by the children as they start, and by numpy, scikit-learn and polars: there are as many children as cores, and what one no
longer needs the others may have; polars, and the C library for each thread, keep it otherwise. To get it anew in large pages takes a
sixth off a hedonic index of a million sales."""

log = structlog.get_logger(__name__)


class PebblePool:
    """Fulfils `terrafusion.ports.pool.Pool`."""

    def __init__(
        self,
        settings: Settings,
        on_progress: Callable[[UUID, float, str], None],
        on_log: Callable[[Said], None] = lambda _said: None,
        on_child: Callable[[], None] = lambda: None,
    ) -> None:
        """Take whom to tell of progress, of what jobs log, and of the first child that is there."""
        self._settings = settings
        self._on_progress = on_progress
        self._on_log = on_log
        self._on_child = on_child
        self.has_child = False
        """Whether a child of the pool as it is now has begun."""
        self._pool: ProcessPool | None = None
        self._runs = Runs(settings.child_memory_gib)
        self._ended = 0
        """Tasks ended."""
        self._beginning: list[Future[Any]] = []
        """Whether a child is there is asked of the children themselves."""
        self._rebuilt = 0
        """Times since a task was seen to begin."""
        self._tried = -inf
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
        asyncio.get_running_loop().add_reader(self._reader.fileno(), self._read_told)
        self._build()
        self._timing = asyncio.ensure_future(self._time())

    def _build(self) -> None:
        workers = self._settings.pool_size
        arguments = (self._settings, self._writer)
        pool = ProcessPool(workers, initializer=child.begin, initargs=arguments, context=SPAWN)
        try:
            self._beginning = [pool.schedule(child.ready) for _ in range(workers)]
        except (OSError, EOFError, RuntimeError) as error:
            leave(pool)
            msg = f"No child process can be started: {error!r}, {error.__cause__!r}"
            raise PoolUnavailable(msg) from error
        self._pool = pool

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
        outcomes: Sequence[Outcome] = await self._result(child.run_all, tasks, seconds=seconds)
        return outcomes

    async def _result(self, call: Callable[..., Any], *arguments: Any, seconds: float = inf) -> Any:
        """Have it done by a child, by another where its pool broke or was given up before one took it."""
        for _ in range(TRIES - 1):
            with suppress(NotBegun):
                return await self._try(call, arguments, seconds)
            await asyncio.sleep(0 if self._is_up() else self._tried + MEND_EVERY_S - time.monotonic())
        return await self._try(call, arguments, seconds)

    async def _try(self, call: Callable[..., Any], arguments: Sequence[Any], seconds: float) -> Any:
        run = self._schedule(call, arguments, seconds)
        try:
            return await asyncio.wrap_future(run.future)
        except ProcessExpired as error:
            self._read_told()
            raise self._runs.death(error.pid, error.exitcode) from error
        except BrokenProcessPool as error:
            raise _broken(run, error) from error
        except asyncio.CancelledError:
            if is_cancelled() or run.lost is None:
                raise
            raise run.lost from None
        finally:
            self._ended += 1
            self._runs.discard(run)

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
            with suppress(ChildDied, ChildTooLarge, PoolUnavailable):
                await self._result(child.ready)
        finally:
            self._places.release()

    def _schedule(self, call: Callable[..., Any], arguments: Sequence[Any], seconds: float) -> Run:
        if not self._is_up():
            self._mend()
        try:
            return self._runs.add(self._running().schedule(call, args=arguments), seconds)
        except RuntimeError as error:  # it broke since it was asked
            raise NotBegun(str(error)) from error

    @property
    def is_up(self) -> bool:
        """Whether jobs can be given to children."""
        return self._is_up()

    @property
    def children(self) -> int:
        """How many children live."""
        return sum(process.is_alive() for process in self._children())

    def _is_up(self) -> bool:
        return self._pool is not None and self._pool.active

    def _running(self) -> ProcessPool:
        if self._pool is None:
            msg = "No child process can be started"
            raise NotBegun(msg)
        return self._pool

    async def _time(self) -> None:
        """Hold the limits, by a clock that nobody sets: pebble's own go by the time of day."""
        looked = time.monotonic()
        while True:
            await asyncio.sleep(TIME_EVERY_S)
            before, looked = looked, time.monotonic()
            try:
                if not self._is_up():
                    self._mend()  # it broke when an idle child died, and aborts only what it had seen by then
                self._look_for_child()
                self._look_at_runs(looked - before)
            except Exception:
                log.exception("limits could not be looked at")

    def _look_at_runs(self, passed: float) -> None:
        begun = self._runs.begun
        self._read_told()
        self._runs.look(self._pool, passed)
        if self._runs.begun > begun:
            self._rebuilt = 0

    def _look_for_child(self) -> None:
        """See the first child that is there; where all that were to begin have died, wait for the one after them."""
        if self.has_child or self._pool is None:
            return
        over = [ready for ready in self._beginning if ready.done()]
        if any(not ready.cancelled() and ready.exception() is None for ready in over):
            self.has_child = True
            self._on_child()
        elif len(over) == len(self._beginning):
            self._beginning = [self._pool.schedule(child.ready)]

    async def look(self) -> Sequence[Trouble]:
        """Fulfil a watchdog's look: children that somebody stopped, and a pool that begins nothing."""
        stopped = [process for process in self._children() if is_stopped(process.pid)]
        troubles = [
            Trouble(Part.CHILD, process.pid, f"process {process.pid} is stopped", ends=False, cure=process.kill)
            for process in stopped
        ]
        if self._timing is not None and self._timing.done() and not self._stops:
            troubles.append(Trouble(Part.CHILD, "limits", "nobody holds the time limits of jobs"))
        if self._pool is None:
            troubles.append(Trouble(Part.CHILD, "pool", "no child process can be started", ends=False))
        elif self._waits():
            troubles.append(self._begins_nothing())
        return troubles

    def _waits(self) -> bool:
        """Say whether a task waits though a child is free."""
        waiting = self._runs.waiting()
        return waiting > 0 and len(self._runs) - waiting < self._settings.pool_size

    def _begins_nothing(self) -> Trouble:
        reason, patience = "no child takes what waits", 2.0 ** min(self._rebuilt, MOST_DOUBLINGS)
        sign = (self._ended, self._runs.begun, self._rebuilt)
        return Trouble(Part.CHILD, sign, reason, ends=False, patience=patience, cure=self._rebuild)

    def _children(self) -> Sequence[Any]:
        return children(self._pool)

    def _mend(self) -> None:
        """Build the pool anew, unless that was tried just now."""
        if time.monotonic() - self._tried >= MEND_EVERY_S:
            self._rebuild()

    def _rebuild(self) -> None:
        """Leave the pool to itself without its children, and go on with another as soon as the machine lets one start."""
        log.warning("pool of child processes is built anew")
        self._rebuilt += 1
        self._tried = time.monotonic()
        pool, self._pool, self.has_child = self._pool, None, False
        if pool is not None:
            leave(pool)
        for run in self._runs:
            run.give_up(run.without_pool("Its pool of processes was given up"))
        try:
            self._build()
        except PoolUnavailable as error:
            log.error("the pool of child processes cannot be built", reason=str(error))  # noqa: TRY400 - said every second

    def _read_told(self) -> None:
        while not self._reader.closed and self._reader.poll():
            told = self._reader.recv()
            if isinstance(told, Said):
                self._on_log(told)
            elif isinstance(told, Full):
                self._runs.hear(told)
            else:
                self._on_progress(*told)

    async def stop(self) -> None:
        """Kill the children and wait for them."""
        self._stops = True
        if self._timing is not None:
            self._timing.cancel()
        for returning in self._returning:
            returning.cancel()
        if self._pool is not None:
            asyncio.get_running_loop().remove_reader(self._reader.fileno())
            await asyncio.to_thread(end, self._pool)
            self._reader.close()
            self._writer.close()


def _broken(run: Run, error: BrokenProcessPool) -> ChildDied | PoolUnavailable:
    """Blame a job that had begun for what its child sent, and no job for what the machine refused."""
    if not run.began or isinstance(error.__cause__, (OSError, EOFError)):
        return run.without_pool(f"Its pool of processes broke: {error}")
    return ChildDied("The pool of processes broke under it")
