"""What keeps a worker's jobs alive and ends them: claiming, committing, heartbeats, takeover."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog
from mode import Service

from models.dead_letters import Stage
from models.jobs import Claim, FailureReason
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import Unavailable
from terrafusion.metrics import Metrics
from terrafusion.ports.bell import Bell
from terrafusion.ports.jobs import JobStore
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.lease_keeping import LeaseKeeper
from terrafusion.usecases.retrying import until_available
from terrafusion.usecases.work import Workbench

POLL: Final = timedelta(seconds=1)
BEAT_S: Final = 1.0
GUARD_S: Final = 0.25
LAST_CLAIM_S: Final = 5.0

log = structlog.get_logger(__name__)


class Claimer(Service):
    """Fills the jobs agent's channel whenever there is work and room."""

    def __init__(self, *, bench: Workbench, bell: Bell, put: Callable[[Sequence[Claim]], Awaitable[None]]) -> None:
        super().__init__()
        self._bench = bench
        self._bell = bell
        self._put = put
        self._filling: asyncio.Future[None] | None = None

    @Service.task
    async def _run(self) -> None:
        async for _ in self._bell.rings(at_least_every=POLL):
            if self.should_stop:
                return
            self._filling = asyncio.ensure_future(self._fill())
            await self._filling

    async def _fill(self) -> None:
        for chunk in await until_available(self._bench.claim):
            await self._put(chunk)

    async def on_stop(self) -> None:
        """Let a claim under way end: jobs that were given to a worker which forgot to listen wait for their lease."""
        if self._filling is not None:
            await asyncio.wait([self._filling], timeout=LAST_CLAIM_S)


class Committer(Service):
    """Commits how jobs ended; what ends while one commit runs shares the next."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            if await self._bench.has_ended():
                await until_available(self._bench.commit)


class Heart(Service):
    """Renews leases and tells progress; by its own clock it gives up what it could not renew."""

    def __init__(self, leases: LeaseKeeper, *, cancelled: Bell) -> None:
        super().__init__()
        self._leases = leases
        self._cancelled = cancelled

    @Service.task
    async def _beat(self) -> None:
        while not self.should_stop:
            await self.sleep(BEAT_S)
            try:
                await self._leases.beat()
            except Unavailable as error:
                log.warning("leases cannot be renewed now", reason=str(error))

    @Service.task
    async def _hear(self) -> None:
        """Stop what is cancelled as soon as that is heard; what is not heard the next beat sees."""
        async for _ in self._cancelled.rings(at_least_every=POLL):
            if self.should_stop:
                return
            with suppress(Unavailable):
                await self._leases.stop_cancelled()

    @Service.task
    async def _guard(self) -> None:
        while not self.should_stop:
            await self.sleep(GUARD_S)
            self._leases.guard()


class Takeover(Service):
    """Ends what waited past its deadline, and returns jobs of workers that fell silent.

    The latter never until one lease after the database came back, or after it was itself stopped:
    what it slept through may have been an outage, in which nobody could renew.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        counties: KnownCounties,
        lease: timedelta,
        max_crashes: int,
        metrics: Metrics,
        bell: Bell,
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__()
        self._jobs = jobs
        self._counties = counties
        self._lease = lease.total_seconds()
        self._max_crashes = max_crashes
        self._metrics = metrics
        self._bell = bell
        self._monotonic = monotonic
        self._reached_since = self._looked_at = monotonic()

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            await self.sleep(min(1.0, self._lease / 4))
            await self.turn()

    async def turn(self) -> None:
        """Look once; a database that did not answer begins its rest, and so does a gap between two looks."""
        now = self._monotonic()
        if now - self._looked_at >= self._lease / 2:
            self._reached_since = now
        self._looked_at = now
        if not await self._reaches(rested=now - self._reached_since >= self._lease):
            self._reached_since = self._monotonic()

    async def _reaches(self, *, rested: bool) -> bool:
        """Look, and say whether the database answered in time: a silent one is away, also if it answers in the end."""
        asked = self._monotonic()
        try:
            async with asyncio.timeout(self._lease / 2):
                await self._look(rested=rested)
        except (Unavailable, TimeoutError):
            return False
        return self._monotonic() - asked < self._lease / 4

    async def _look(self, *, rested: bool) -> None:
        await self._count(await self._jobs.expire(), FailureReason.DEADLINE_PASSED)
        if not rested:
            return
        taken = await self._jobs.take_over(max_crashes=self._max_crashes)
        if taken.returned or taken.given_up:
            cross(Boundary.TAKEN_OVER)
            log.warning("took over from silent workers", returned=taken.returned, given_up=taken.given_up)
            self._metrics.takeovers.inc(taken.returned + taken.given_up)
            await self._count(taken.whose, FailureReason.ATTEMPTS_EXHAUSTED)
            self._metrics.dead_letters.labels(Stage.ANALYSE).inc(taken.given_up)
            self._bell.ring()

    async def _count(self, whose: Sequence[tuple[str, str]], reason: FailureReason) -> None:
        """Count jobs by county and type, also where this worker has seen none of that county yet."""
        with suppress(Unavailable):
            await self._counties.look(frozenset(county_id for county_id, _ in whose))
        self._metrics.all_failed(whose, reason)
