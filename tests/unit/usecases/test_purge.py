"""Retention goes a batch at a time, files before rows, and whatever breaks in between, the next pass ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from models.dead_letters import DeadLetter, Stage
from models.jobs import FailureReason, NewJob
from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.memory.retention import MemoryRetention
from terrafusion.errors import Unavailable
from terrafusion.metrics import Metrics
from terrafusion.ports.counties import DataVersion
from terrafusion.ports.jobs import Offer
from terrafusion.ports.retention import OldFile
from terrafusion.usecases.purge import BATCH, PAUSE_S, Purge, Purged, Terms

DAY = timedelta(days=1)


class Clock:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now


class Files:
    """What results are kept in; ``breaks`` at the call of that number."""

    def __init__(self):
        self.removed = []
        self.snapshots = []
        self.swept = []
        self.batches = []
        self.breaks = None

    async def remove_results(self, jobs):
        self.removed.append([job.job_id for job in jobs])
        if len(self.removed) == self.breaks:
            raise Unavailable("the store is away")

    async def remove_snapshots(self, locations):
        self.snapshots.append(list(locations))
        if len(self.snapshots) == self.breaks:
            raise Unavailable("the store is away")

    async def old(self, *, age):
        assert age == DAY
        for batch in self.batches:
            yield batch

    async def remove(self, files):
        self.swept += [file.path for file in files]


class World:
    def __init__(self):
        self.clock = Clock()
        self.counties = MemoryCounties()
        self.store = MemoryJobStore(clock=self.clock, counties=self.counties)
        self.retention = MemoryRetention(self.store)
        self.files = Files()
        self.pauses = []
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, ())

    def purge(self, *, jobs=30.0, letters=30.0, versions=30.0):
        return Purge(
            retention=self.retention,
            files=self.files,
            terms=Terms.of_days(jobs=jobs, letters=letters, versions=versions),
            metrics=self.metrics,
            pause=self._pause,
        )

    async def _pause(self, seconds):
        self.pauses.append(seconds)

    async def ended(self, many):
        """Accept so many jobs that are FAILED at once."""
        jobs = [
            NewJob(
                job_id=uuid4(),
                analysis_type="a",
                county_id="c",
                parameters={},
                digest="d",
                failure_reason=FailureReason.UNKNOWN_COUNTY,
            )
            for _ in range(many)
        ]
        await self.store.accept([Offer(job) for job in jobs])
        return [job.job_id for job in jobs]

    async def letters(self, many):
        fields = {"topic": "t", "partition": 0, "timestamp": self.clock.now, "key": None, "value": b"", "headers": ()}
        why = {"stage": Stage.DECODE, "error_class": "MalformedMessage", "error_message": "bad"}
        await self.store.accept([], [DeadLetter(offset=n, **fields, **why) for n in range(many)])

    def load(self, *versions):
        """Load a county's data again and again, a second apart."""
        for version in versions:
            self.clock.now += timedelta(seconds=1)
            told = {"profile": {}, "sales": 1, "first_sale": None, "last_sale": None, "created_at": self.clock.now}
            uri = f"file:///{version}"
            self.counties.add(DataVersion(county_id="c", data_version=version, snapshot_uri=uri, **told))

    def left(self):
        return len(self.store.ended())


@pytest.fixture
def world():
    return World()


async def test_batches_are_bounded_and_pause(world):
    await world.ended(2 * BATCH + 1)
    await world.letters(3)
    world.clock.now += 31 * DAY
    assert await world.purge().run(sweep=False) == Purged(2 * BATCH + 1, 3, 0, 0)
    assert [len(batch) for batch in world.files.removed] == [BATCH, BATCH, 1]
    assert world.pauses == [PAUSE_S] * 4
    counted = {what: world.registry.get_sample_value("terrafusion_purged_total", {"what": what}) for what in ("jobs",)}
    assert counted == {"jobs": 2 * BATCH + 1}


async def test_nothing_is_due(world):
    await world.ended(3)
    world.clock.now += 29 * DAY
    assert await world.purge().run(sweep=True) == Purged(0, 0, 0, 0)
    assert world.files.removed == []


async def test_zero_keeps_for_ever(world):
    await world.ended(3)
    await world.letters(2)
    world.clock.now += 10_000 * DAY
    assert await world.purge(jobs=0, letters=0).run(sweep=False) == Purged(0, 0, 0, 0)
    assert await world.purge(jobs=0, letters=0).look() == Purged(0, 0, 0, 0)
    assert world.left() == 3


async def test_a_look_says_the_same_and_touches_nothing(world):
    ids = await world.ended(2)
    await world.letters(1)
    world.files.batches = [[OldFile("a", ids[0]), OldFile("b", None)]]
    world.clock.now += 31 * DAY
    assert await world.purge().look() == Purged(2, 1, 0, 2)
    assert (world.left(), world.files.removed, world.files.swept) == (2, [], [])


async def test_files_go_before_their_rows_so_that_a_crash_leaves_no_file_for_ever(world):
    await world.ended(BATCH + 1)
    world.clock.now += 31 * DAY
    world.files.breaks = 2
    with pytest.raises(Unavailable):
        await world.purge().run(sweep=False)
    assert world.left() == 1, "the first batch is done, the second not begun"
    assert (await world.purge().run(sweep=False)).jobs == 1
    assert world.files.removed[1] == world.files.removed[2], "what was not forgotten is removed once more"
    assert world.left() == 0


async def test_a_crash_between_files_and_rows_is_made_good_by_the_next_pass(world, monkeypatch):
    await world.ended(2)
    world.clock.now += 31 * DAY

    async def away(*_, **__):
        raise Unavailable("Postgres is away")

    with monkeypatch.context() as broken:
        broken.setattr(world.retention, "forget_jobs", away)
        with pytest.raises(Unavailable):
            await world.purge().run(sweep=False)
    assert world.left() == 2
    assert (await world.purge().run(sweep=False)).jobs == 2
    assert world.left() == 0


async def test_versions_go_once_the_jobs_that_named_them_have_gone_in_the_same_pass(world):
    world.load("v1")
    waiting = NewJob(job_id=uuid4(), analysis_type="a", county_id="c", parameters={}, digest="d")
    await world.store.accept([Offer(waiting)])
    await world.store.cancel([waiting.job_id], message="Cancelled")
    world.load("v2")
    assert (await world.purge().run(sweep=False)).data_versions == 0
    world.clock.now += 31 * DAY
    assert await world.purge().look() == Purged(1, 0, 1, 0)
    assert (await world.purge(jobs=0).look()).data_versions == 0
    assert (await world.purge(jobs=0).run(sweep=False)).data_versions == 0
    assert (await world.purge(versions=0).look()).data_versions == 0
    assert await world.purge().run(sweep=False) == Purged(1, 0, 1, 0)
    assert world.files.snapshots == [["file:///v1"]]
    assert [version.data_version for version in world.counties.all()] == ["v2"]


async def test_snapshots_go_before_their_versions_so_that_a_crash_leaves_none_for_ever(world):
    world.load("v1", "v2")
    world.clock.now += 31 * DAY
    world.files.breaks = 1
    with pytest.raises(Unavailable):
        await world.purge().run(sweep=False)
    assert len(world.counties.all()) == 2
    assert (await world.purge().run(sweep=False)).data_versions == 1
    assert world.files.snapshots == [["file:///v1"]] * 2


async def test_another_is_at_it(world):
    async with world.retention.alone():
        assert await world.purge().run(sweep=True) is None
        assert await world.purge().look() is None


async def test_only_files_that_nobody_needs_are_swept(world):
    failed, *_ = await world.ended(1)
    waiting = NewJob(job_id=uuid4(), analysis_type="a", county_id="c", parameters={}, digest="d")
    await world.store.accept([Offer(waiting)])
    world.files.batches = [
        [OldFile("failed", failed), OldFile("waiting", waiting.job_id)],
        [OldFile("of another system", uuid4()), OldFile("unfinished", None)],
    ]
    assert await world.purge().run(sweep=True) == Purged(0, 0, 0, 2)
    assert world.files.swept == ["failed", "unfinished"]
