"""Workers without processes: real workbenches on a real store, with children, clocks and outages in a test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError
from support.counties import version_of

from models.jobs import Claim, FailureReason
from models.queue import Limits
from models.records import OutgoingRecord
from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.postgres.outbox import PostgresOutbox, PostgresOutboxLeader
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.errors import ChildDied, ChildTimedOut, ChildTooLarge, Unavailable
from terrafusion.metrics import Metrics
from terrafusion.ports.counties import DataVersion
from terrafusion.ports.pool import Outcome, Task
from terrafusion.services.leases import Takeover
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.held_jobs import HeldJobs
from terrafusion.usecases.lease_keeping import LeaseKeeper
from terrafusion.usecases.work import Workbench

LEASE: Final = timedelta(seconds=30)
MAX_CRASHES: Final = 2
SLOTS: Final = 2
TURNS: Final = 20
"""Of the event loop: enough for whatever waits for nothing outside of it."""
ENDS: Final[Mapping[str, Outcome | Exception]] = {
    "answers": Outcome(seconds=0.1, message="Done", result_summary={"n": 1}),
    "fails": Outcome(seconds=0.1, message="Failed", failure_reason=FailureReason.PROCESSING_EXCEPTION),
    "wants to be run again": Outcome(seconds=0.1, message="The object store is away", retry=True),
    "dies": ChildDied("killed by signal 9"),
    "takes too long": ChildTimedOut("took too long"),
    "takes too much": ChildTooLarge("took too much"),
}


class Services:
    """What all workers share: the database, which may be away, and the time."""

    def __init__(self, store: PostgresJobStore) -> None:
        self.store = store
        self.away = False
        self.answers_are_lost = False
        """Whether all is done that is asked, and the connection dies before the answer."""
        self.now = 0.0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.store, name)

        async def reached(*args: Any, **kwargs: Any) -> Any:
            if self.away:
                raise Unavailable("the database is away")
            answer = await call(*args, **kwargs)
            if self.answers_are_lost:
                raise Unavailable("the connection is gone")
            return answer

        return reached


class Line:
    """The way of one worker to the database, or that of its heart, which may be cut while all others go on."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.is_cut = False

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._services, name)

        async def reached(*args: Any, **kwargs: Any) -> Any:
            if self.is_cut:
                raise Unavailable("this line is cut")
            return await call(*args, **kwargs)

        return reached


class NoBell:
    """Fulfils `terrafusion.ports.bell.Bell`; the test looks by itself."""

    def ring(self) -> None: ...


class HandPool:
    """Fulfils `terrafusion.ports.pool.Pool`: a child ends when the test says so."""

    has_child = True

    def __init__(self) -> None:
        self.open: list[tuple[Sequence[Task], asyncio.Future[Sequence[Outcome]]]] = []

    async def run(self, tasks: Sequence[Task], *, seconds: float) -> Sequence[Outcome]:
        end: asyncio.Future[Sequence[Outcome]] = asyncio.get_running_loop().create_future()
        entry = (tasks, end)
        self.open.append(entry)
        try:
            return await end
        finally:
            self.open.remove(entry)

    def end(self, number: int, how: str) -> Sequence[Task]:
        """End one child, and return what it ran."""
        tasks, end = self.open[number % len(self.open)]
        came = ENDS[how]
        if isinstance(came, Exception):
            end.set_exception(came)
        else:
            end.set_result([came] * len(tasks))
        return tasks


class AnyVersion(MemoryCounties):
    """Every county is loaded."""

    async def version(self, county_id: str, data_version: str) -> DataVersion | None:
        return version_of(county_id, data_version)


class HandWorker:
    """One worker's claims, children, heart and takeover."""

    numbers = count(1)

    def __init__(self, services: Services, run: Callable[[Any], Any]) -> None:
        self._run = run
        self.line, self.heart = Line(services), Line(services)
        self.name = f"worker-{next(self.numbers)}"
        self.frozen = False
        self.must_claim = False
        """Whether its last claim failed: it is tried again at once."""
        self.pool = HandPool()
        self.tasks: list[asyncio.Task[None]] = []
        self.attempts: dict[UUID, int] = {}
        """Every attempt that it was ever given, by job: the last of each."""
        self._metrics = Metrics(CollectorRegistry(), ["trend_analysis"])
        bell: Any = NoBell()
        shared: dict[str, Any] = {
            "limits": Limits(owner=self.name, slots=SLOTS, lease=LEASE, job_timeout_s=1e6, max_crashes=MAX_CRASHES),
            "held": HeldJobs(self._metrics, bell),
            "relay_bell": bell,
            "monotonic": lambda: services.now,
        }
        self.leases = LeaseKeeper(**shared, jobs=self.heart)
        counties = KnownCounties(AnyVersion(), self._metrics)
        self.bench = Workbench(
            **shared,
            jobs=self.line,
            pool=self.pool,
            counties=counties,
            metrics=self._metrics,
            beats=lambda: self.leases.beats,
        )
        self._takeover = Takeover(
            jobs=self.line,
            counties=counties,
            lease=LEASE,
            max_crashes=MAX_CRASHES,
            metrics=self._metrics,
            bell=bell,
            monotonic=lambda: services.now,
        )

    @property
    def holds(self) -> Sequence[UUID]:
        """The jobs that it believes to hold, those included whose end it has not committed."""
        return [held.claim.job_id for held in self.bench.held]

    def claim(self) -> Sequence[Claim]:
        """Take what there is room for, and hand it to children."""
        answer = self._reaching(self.bench.claim)
        self.must_claim = answer is None
        chunks = answer or []
        for chunk in chunks:
            self.tasks.append(self._run(self._begin(chunk)))
        self.turn()
        claims = [claim for chunk in chunks for claim in chunk]
        self.attempts |= {claim.job_id: claim.attempt for claim in claims}
        return claims

    async def _begin(self, chunk: Sequence[Claim]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self.bench.run(chunk))

    def child_ends(self, number: int, how: str) -> Sequence[Task]:
        """End one of its children, and return what that ran."""
        tasks = self.pool.end(number, how)
        self.turn()
        return tasks

    def commit(self) -> None:
        """Commit what has ended."""
        self._reaching(self.bench.commit)

    def live(self) -> None:
        """Do what is done each second: guard the leases, beat, and look for what others let run out."""
        self.leases.guard()
        self._reaching(self.leases.beat)
        self._run(self._takeover.turn())
        self.turn()

    def hear(self) -> None:
        """Stop what was cancelled."""
        self._reaching(self.leases.stop_cancelled)
        self.turn()

    def drain(self) -> None:
        """Hand everything back in good order."""
        self.commit()
        self._reaching(self.bench.release_all)
        self.die()

    def die(self) -> None:
        """Leave everything as it is."""
        for task in self.tasks:
            task.cancel()
        self.turn()

    def turn(self) -> None:
        """Let the event loop turn until everything waits for the outside."""
        for _ in range(TURNS):
            self._run(asyncio.sleep(0))

    def _reaching(self, call: Callable[[], Any]) -> Any:
        try:
            return self._run(call())
        except Unavailable:
            return None


class Broker:
    """What was published, and which relay may publish: the one that began last."""

    def __init__(self) -> None:
        self.records: list[OutgoingRecord] = []
        self.epoch = 0


class HandRelay:
    """A relay that may stop for ever, or for a while, between any two of its steps."""

    def __init__(self, outbox: PostgresOutbox, broker: Broker, run: Callable[[Any], Any]) -> None:
        self._outbox, self._broker, self._run = outbox, broker, run
        self._context: Any = None
        self._leader: PostgresOutboxLeader | None = None
        self._read: Sequence[tuple[int, Sequence[OutgoingRecord]]] = ()
        self._published = False
        self._epoch = 0

    @property
    def leads(self) -> bool:
        """Say whether it believes that it is the one."""
        return self._leader is not None

    def try_to_lead(self) -> bool:
        """Ask for the lock."""
        self._context = self._outbox.lead()
        self._leader = self._run(self._context.__aenter__())
        if self._leader is None:
            self._leave()
            return False
        return True

    def fence(self) -> None:
        """Begin to publish, and fence every relay before it."""
        self._broker.epoch += 1
        self._epoch = self._broker.epoch
        self._read, self._published = (), False

    def read(self) -> None:
        """Take the oldest entries, once the others are fenced."""
        if self._epoch:
            self._read, self._published = self._asking(lambda leader: leader.read(3)) or (), False

    def publish(self) -> None:
        """Put what was read on the topic, unless a later relay began meanwhile: then stand down."""
        if self._epoch != self._broker.epoch:
            self._leave()
        elif self._read and not self._published:
            self._broker.records += [record for _, entry in self._read for record in entry]
            self._published = True

    def forget(self) -> None:
        """Forget what was published."""
        if self._published:
            self._asking(lambda leader: leader.forget([entry_id for entry_id, _ in self._read]))
            self._read, self._published = (), False

    def die(self) -> None:
        """Be gone, whatever it was at."""
        if self.leads:
            self._leave()

    def _asking(self, call: Callable[[PostgresOutboxLeader], Any]) -> Any:
        try:
            return self._run(call(self._leader)) if self._leader else None
        except (Unavailable, SQLAlchemyError):
            self._leave()
            return None

    def _leave(self) -> None:
        context, self._context, self._leader = self._context, None, None
        self._read, self._published, self._epoch = (), False, 0
        try:
            self._run(context.__aexit__(None, None, None))
        except (Unavailable, SQLAlchemyError):
            return
