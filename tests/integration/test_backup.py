"""A backup as docs/backup.md makes it, restored elsewhere: what is there again, what goes on, and what comes a second time."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import polars as pl
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from models.access import anybody
from models.jobs import Finish, JobStatus
from models.records import IncomingRecord
from terrafusion.adapters.objects import Objects, ResultDocuments, document_location, result_path
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.loading import load
from terrafusion.adapters.postgres.migrate import newest_version, schema_version
from terrafusion.adapters.postgres.outbox import PostgresOutbox
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.analysis.registry import load_catalogue
from terrafusion.embedded.postgres import EmbeddedPostgres, binaries
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.repeats import without_repeats
from terrafusion.metrics import Metrics
from terrafusion.samples import sample_file
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.producers import EVERY_PRODUCER
from topics.catalogue import REQUESTS

LEASE = timedelta(seconds=15)
DOCUMENT = {"result_summary": {"key_finding": "Prices rose."}}


class System:
    """One database and one folder of results, and who writes them."""

    def __init__(self, url: URL, results: Path) -> None:
        self.url, self.results = url, results
        self.engine: AsyncEngine = make_engine(url, connections=3)
        self.objects = Objects(results.as_uri())
        self.store = PostgresJobStore(self.engine)
        self.counties = PostgresCounties(self.engine)
        metrics = Metrics(CollectorRegistry(), ())
        self.accept = Accept(
            jobs=self.store,
            counties=KnownCounties(self.counties, metrics),
            catalogue=load_catalogue(),
            metrics=metrics,
            on_accepted=lambda: None,
            caller=anybody,
            producers=EVERY_PRODUCER,
        )

    async def take(self, *records: IncomingRecord) -> None:
        await self.accept.records(records)

    async def look(self, job_id: UUID) -> tuple[JobStatus, int]:
        job = await self.store.get(job_id)
        assert job is not None
        return job.status, job.attempt

    async def complete(self, job_id: UUID) -> None:
        """Have the one waiting job run and end, its file before its row."""
        (claim,) = await self.store.claim("worker", slots=1, weights={}, lease=LEASE)
        path = result_path(claim.county_id, claim.analysis_type, job_id)
        self.objects.put_new(document_location(path), json.dumps(DOCUMENT).encode())
        location = self.objects.put_new(path, b"PAR1")
        finish = Finish(job_id=job_id, attempt=1, message="Completed", result_summary={}, result_data_location=location)
        assert await self.store.finish([finish])

    async def told(self) -> list[str]:
        """Return the identity of every event that waits to be published."""
        async with PostgresOutbox(self.engine).lead() as leader:
            assert leader is not None
            entries = await leader.read(100)
        return [dict(record.headers)["ce_id"].decode() for _, entry in entries for record in entry]


def request(job_id: UUID, offset: int) -> IncomingRecord:
    value = {"job_id": str(job_id), "analysis_type": "trend_analysis", "county_id": "lucas_oh"}
    return IncomingRecord(REQUESTS.name, 0, offset, datetime.now(UTC), None, json.dumps(value).encode(), ())


def postgres_tool(name: str, url: URL, *words: str) -> None:
    login = url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([binaries() / name, f"--dbname={login}", *words], check=True, capture_output=True, timeout=120)


@pytest.fixture
async def before(database_url: str, tmp_path: Path) -> AsyncIterator[System]:
    made = System(make_url(database_url), tmp_path / "results")
    sales: pl.DataFrame = without_repeats(read_records(sample_file("lucas_oh"), SALES)).records.head(200)
    load(made.url, made.objects, "lucas_oh", sales, kind=SALES)
    yield made
    await made.engine.dispose()


@pytest.fixture
async def after(postgres: EmbeddedPostgres, tmp_path: Path) -> AsyncIterator[System]:
    """A database that has nothing yet, and the folder of results at the same address: rows name files by it."""
    name = f"restored_{uuid4().hex}"
    admin = make_engine(make_url(postgres.url), connections=1)
    async with admin.connect() as connection:
        outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await outside.execute(text(f"CREATE DATABASE {name}"))
    made = System(make_url(postgres.url).set(database=name), tmp_path / "results")
    yield made
    await made.engine.dispose()
    async with admin.connect() as connection:
        outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await outside.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await admin.dispose()


async def test_what_was_there_is_there_again_and_what_came_since_is_taken_again(
    before: System, after: System, tmp_path: Path
) -> None:
    done, running, waiting, later = (uuid4() for _ in range(4))
    await before.take(request(done, 1))
    await before.complete(done)
    await before.take(request(running, 2))
    await before.store.claim("worker", slots=1, weights={}, lease=LEASE)
    await before.take(request(waiting, 3))
    told = await before.told()

    dump = str(tmp_path / "terrafusion.dump")
    postgres_tool("pg_dump", before.url, "--format=custom", f"--file={dump}")
    await before.take(request(later, 4))
    archive = shutil.make_archive(str(tmp_path / "results"), "tar", before.results)
    shutil.rmtree(before.results)
    shutil.unpack_archive(archive, after.results)
    postgres_tool("pg_restore", after.url, "--no-owner", "--exit-on-error", dump)

    async with after.engine.connect() as connection:
        assert await schema_version(connection) == newest_version()
    assert [await after.look(job_id) for job_id in (done, running, waiting)] == [
        (JobStatus.COMPLETED, 1),
        (JobStatus.RUNNING, 1),
        (JobStatus.PENDING, 0),
    ]
    location = (await after.store.get(done)).result_data_location
    assert await ResultDocuments(after.objects, tmp_path).read(location) == DOCUMENT
    (version,) = await after.counties.current()
    assert after.objects.get(version.snapshot_uri)
    assert await after.told() == told, "readers have seen these, and drop them"

    await after.take(*(request(job_id, offset) for offset, job_id in enumerate((done, running, waiting, later), 1)))
    assert await after.look(done) == (JobStatus.COMPLETED, 1)
    assert await after.look(later) == (JobStatus.PENDING, 0)
    async with after.engine.begin() as connection:
        await connection.execute(text("UPDATE market_analysis_jobs SET lease_until = now() WHERE status = 'RUNNING'"))
    assert (await after.store.take_over(max_crashes=3)).returned == 1
    claims = await after.store.claim("worker", slots=9, weights={}, lease=LEASE)
    assert {claim.job_id for claim in claims} == {running, waiting, later}
