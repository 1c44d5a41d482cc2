"""No loop of a worker is said to stand still for what goes on around it, however long that is; one that does stand still is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from mode import Service
from prometheus_client import CollectorRegistry

from models.jobs import Finish
from models.pauses import Scope
from models.records import IncomingRecord
from models.troubles import Part, Trouble
from terrafusion.adapters.guard import Guard
from terrafusion.adapters.last_words import LastWords
from terrafusion.adapters.postgres.pausing import PostgresPauses
from terrafusion.bootstrap.worker import create_worker
from terrafusion.lifecycle import Worker
from terrafusion.metrics import Metrics
from terrafusion.services.commanding import Orders
from terrafusion.services.intake import Arrival, Intake
from terrafusion.services.loops import STILL_S, Loops
from terrafusion.services.watchdog import LOOK_EVERY_S, Watchdog
from terrafusion.settings import Settings
from topics.catalogue import COMMANDS, REQUESTS

S = TypeVar("S", bound=Service)

AWAY = "postgresql+asyncpg://nobody@127.0.0.1:1/none"
LONGER_S = STILL_S + 10
ANSWERS_S = 0.003


class HurriedLoop(asyncio.SelectorEventLoop):
    """Skips the time in which nothing comes from outside and nothing is due."""

    _skipped = 0.0

    def time(self) -> float:
        return super().time() + self._skipped

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            if not (events := self._selector.select(ANSWERS_S)):  # type: ignore[attr-defined]
                self._skipped += max(0.0, self._scheduled[0]._when - self.time())  # type: ignore[attr-defined]
            self._process_events(events)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


class Hurry:
    """Runs coroutines in such a loop."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def __call__(self, run: Coroutine[Any, Any, None]) -> None:
        self._runner.run(run)

    def skip(self, seconds: float) -> None:
        """Let time pass in which nothing runs, as where the process is stopped."""
        self._runner.get_loop()._skipped += seconds  # type: ignore[attr-defined]


@pytest.fixture
def hurried() -> Iterator[Hurry]:
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:  # it ends also what was given up and goes on by itself
        yield Hurry(runner)


@asynccontextmanager
async def working(url: str, folder: Path) -> AsyncIterator[tuple[Worker, Watchdog]]:
    """Run the loops of a worker without its agents, beside a watchdog that looks at them alone."""
    settings = Settings(database_url=url, kafka_bootstrap="127.0.0.1:1", data_dir=folder)  # type: ignore[arg-type]
    worker = create_worker(settings, Guard(LastWords(folder / "words.json")))
    worker.pool.has_child = True
    services = [service for service in (*worker.others, worker.claimer) if not isinstance(service, Watchdog)]
    clock = asyncio.get_running_loop().time
    watchdog = Watchdog(
        looks=[Loops(services).look],
        metrics=Metrics(CollectorRegistry(), ()),
        end=None,  # type: ignore[arg-type]
        remember=lambda _: None,
        close=None,  # type: ignore[arg-type]
        monotonic=clock,
    )
    for service in services:
        await service.start()
    try:
        yield worker, watchdog
    finally:
        for service in reversed(services):
            await service.stop()
        for engine in worker.engines:
            await engine.dispose()


async def seen(watchdog: Watchdog, seconds: float) -> Trouble | None:
    """Look until something stands still."""
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        await asyncio.sleep(LOOK_EVERY_S)
        if trouble := await watchdog.look():
            return trouble
    return None


def service(worker: Worker, kind: type[S]) -> S:
    return next(each for each in worker.others if isinstance(each, kind))


async def busy(worker: Worker) -> None:
    """Give its loops what they cannot be done with while Postgres is away."""
    worker.bench._ended.append(Finish(job_id=uuid4(), attempt=1, message="Done"))
    worker.bench._news.set()
    for fed, topic in ((Intake, REQUESTS), (Orders, COMMANDS)):
        record = IncomingRecord(topic.name, 0, 1, datetime.now(UTC), None, b"{}", ())
        await service(worker, fed).put(Arrival(record, lambda: True, lambda: None))


def test_postgres_and_the_broker_may_be_away_for_long(hurried: Hurry, tmp_path: Path) -> None:
    async def run() -> None:
        async with working(AWAY, tmp_path) as (worker, watchdog):
            await busy(worker)
            assert await seen(watchdog, LONGER_S) is None

    hurried(run())


def test_a_worker_may_be_idle_be_paused_sleep_and_drain(hurried: Hurry, tmp_path: Path, database_url: str) -> None:
    async def run() -> None:
        async with working(database_url, tmp_path) as (worker, watchdog):
            assert await seen(watchdog, LONGER_S) is None
            pauses = PostgresPauses(worker.engines[0])
            await pauses.pause(Scope.INTAKE, "", reason=None, requested_by=None)
            await busy(worker)
            assert await seen(watchdog, LONGER_S) is None
            hurried.skip(3600)
            await worker.claimer.stop()
            assert await seen(watchdog, LONGER_S) is None

    hurried(run())


class Mute:
    """A store that neither answers nor gives up."""

    async def finish(self, _finishes: Sequence[Finish]) -> None:
        await asyncio.get_running_loop().create_future()


def test_a_loop_for_which_nothing_comes_is_told_with_where_it_stands(hurried: Hurry, tmp_path: Path) -> None:
    async def run() -> None:
        async with working(AWAY, tmp_path) as (worker, watchdog):
            worker.bench.jobs = Mute()  # type: ignore[assignment]
            await busy(worker)
            assert await seen(watchdog, STILL_S) is None
            found = await seen(watchdog, 2 * LOOK_EVERY_S)
            assert found
            assert found.part is Part.SERVICE
            assert found.reason.startswith("a loop of Committer stands still in Committer._run > until_available >")
            assert found.reason.endswith("Workbench.commit > Workbench._finish > Mute.finish")

    hurried(run())
