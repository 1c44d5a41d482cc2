"""What the children of a pool were asked to do, and what is seen of it: how long it runs, what memory it takes, who has it."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import structlog

from terrafusion.adapters.children import children, holders, resident
from terrafusion.errors import ChildDied, ChildTimedOut, ChildTooLarge, PoolUnavailable

LONGEST_LOOK_S: Final = 1.0
"""What counts at most of the time between two looks: in a longer one this process stood still, and its children may have too."""

ENDED_BY_PEBBLE: Final = -signal.SIGTERM
"""How a child ends whose task was cancelled."""

log = structlog.get_logger(__name__)


class NotBegun(PoolUnavailable):
    """No child has it, so another may."""


@dataclass(frozen=True, slots=True)
class Full:
    """What a child tells that ends before it begins a task, for those before have left it too little memory."""

    pid: int


@dataclass(slots=True, eq=False)
class Run:
    """What a child was asked to do, and for how long one was seen to do it."""

    future: Future[Any]
    seconds: float
    began: bool = False
    ran_s: float = 0.0
    lost: PoolUnavailable | ChildTimedOut | ChildDied | ChildTooLarge | None = None

    def give_up(self, why: PoolUnavailable | ChildTimedOut | ChildDied | ChildTooLarge) -> None:
        """Wait for it no longer; pebble kills the child that has it."""
        self.lost = self.lost or why
        self.future.cancel()

    def goes_on(self, passed: float) -> None:
        """See that it ran for so many seconds more."""
        self.ran_s += passed
        if self.ran_s > self.seconds:
            self.give_up(ChildTimedOut(f"It took longer than {self.seconds:g} s"))

    def without_pool(self, reason: str) -> PoolUnavailable:
        """Return what becomes of it where its pool is no more."""
        return PoolUnavailable(reason) if self.began else NotBegun(reason)


class Runs:
    """All of them, and the children that were seen at the last look."""

    def __init__(self, memory_gib: float | None) -> None:
        """Take how much memory a child may have; None sets no limit."""
        self._memory_gib = memory_gib or inf
        self._runs: set[Run] = set()
        self.begun = 0
        """How many tasks were seen to begin."""
        self._seen: Mapping[int, Any] = {}
        """Processes by pid."""
        self._too_large: set[int] = set()
        """Those that were killed for their memory."""
        self._full: set[int] = set()
        """Those that said that they end before they begin a task."""
        self._forsaken: AbstractSet[Future[Any]] = frozenset()
        """What no process had begun, though pebble waits for its answer."""

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, future: Future[Any], seconds: float) -> Run:
        """Look after one more."""
        run = Run(future, seconds)
        self._runs.add(run)
        return run

    def discard(self, run: Run) -> None:
        """Look after it no longer."""
        self._runs.discard(run)

    def hear(self, full: Full) -> None:
        """Take note that a child ends, and not of what it was given."""
        self._full.add(full.pid)

    def waiting(self) -> int:
        """Return how many no child has taken."""
        return sum(not run.future.running() and not run.future.done() for run in self._runs)

    def look(self, pool: Any, passed: float) -> None:
        """See what became of them in the seconds that passed, and hold their limits."""
        alive, held = self._meet(pool), holders(pool)
        for run in self._runs:
            if not run.began and run.future.running():
                run.began = True
                self.begun += 1
            elif run.began:
                run.goes_on(min(passed, LONGEST_LOOK_S))
        self._limit_memory(pool)
        self._hand_on(held, alive)

    def _meet(self, pool: Any) -> AbstractSet[int]:
        """See who lives; a pid may be another's now, of whom nothing was said."""
        alive = {process.pid: process for process in children(pool)}
        others = {pid for pid, process in alive.items() if self._seen.get(pid, process) is not process}
        self._too_large -= others
        self._full -= others
        self._seen = {**self._seen, **alive}
        return alive.keys()

    @property
    def _most_bytes(self) -> float:
        return self._memory_gib * 2**30

    def _limit_memory(self, pool: Any) -> None:
        for process in children(pool):
            if resident(process.pid) > self._most_bytes:
                self._too_large.add(process.pid)
                process.kill()

    def _hand_on(self, held: Mapping[Future[Any], int], alive: AbstractSet[int]) -> None:
        """See to what nobody has at two looks: between a child's death and its telling pebble needs a moment."""
        forsaken = {future for future, pid in held.items() if pid not in alive}
        for future in self._forsaken & forsaken:
            self._forsake(future, held[future])
        self._forsaken = forsaken
        known = alive | {held[future] for future in forsaken}
        self._seen = {pid: process for pid, process in self._seen.items() if pid in known}

    def _forsake(self, future: Future[Any], pid: int) -> None:
        code = getattr(self._seen.get(pid), "exitcode", None)
        log.warning("a child ended with a task, and its pool did not see it", pid=pid, code=code)
        run = next((run for run in self._runs if run.future is future), None)
        if run is None:
            future.cancel()
        elif code in (None, ENDED_BY_PEBBLE) or pid in self._too_large:
            run.give_up(NotBegun("Its child was ended for the task before"))
        else:
            run.give_up(self.death(pid, code))

    def death(self, pid: int | None, code: int | None) -> ChildDied | ChildTooLarge | NotBegun:
        """Return what to tell of a child that ended with a task."""
        if pid in self._full:
            return NotBegun("Its child was full of what had been run before")
        if pid in self._too_large:
            return ChildTooLarge(f"It took more than {self._memory_gib:g} GiB of memory")
        return ChildDied(f"Its process ended by itself with code {code}")
