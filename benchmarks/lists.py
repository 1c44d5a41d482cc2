"""Lists of very many jobs by every kind of filter, their counts, and what needs attention: in Postgres alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from rich.table import Table
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.size import Size
from models.jobs import JobStatus
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.ports.jobs import ALL, JobFilter

ROUNDS: Final = 7
GOAL_MS: Final = 50
NEWEST: Final = datetime(2026, 11, 30, tzinfo=UTC)
FILL: Final = text("""
    INSERT INTO market_analysis_jobs
        (job_id, analysis_type, county_id, status, message, parameters_json, created_at, updated_at, started_at,
         completed_at, result_summary_json, priority, attempt, owner, lease_until, failure_reason, sequence, progress,
         digest, correlation_id, requested_by, retry_of)
    SELECT md5(n::text)::uuid, 'type_' || n % 15, 'county_' || floor(40 * random() * random()), status,
        CASE status WHEN 'FAILED' THEN 'ValueError: column ' || n % 97 || ' is empty' ELSE 'Completed' END,
        '{"period": "quarter", "zip_codes": ["98103", "98115"], "min_sales": 12}', at, at + interval '3 s',
        CASE status WHEN 'PENDING' THEN NULL ELSE at + interval '1 s' END,
        CASE WHEN status IN ('PENDING', 'RUNNING') THEN NULL ELSE at + interval '3 s' END,
        jsonb_build_object('key_finding', 'From 2010-01 to 2016-12 prices rose by ' || n % 50 || ' %.', 'n', n),
        5, 1, CASE status WHEN 'RUNNING' THEN 'w' END, CASE status WHEN 'RUNNING' THEN now() + interval '1 day' END,
        CASE status WHEN 'FAILED' THEN 'processing_exception' END, 4, 1, 'd',
        CASE WHEN n % 3 = 0 THEN 'batch-' || n % 5000 END, CASE WHEN n % 2 = 0 THEN 'person-' || n % 7 END,
        CASE WHEN n % 100 = 51 THEN md5((n - 1)::text)::uuid END
    FROM (
        SELECT n, cast(:newest AS timestamptz) - (cast(:many AS int) - n) * interval '5 s' AS at, CASE
            WHEN n > cast(:many AS int) - 50 THEN 'RUNNING'
            WHEN n > cast(:many AS int) - 3000 THEN 'PENDING'
            WHEN n % 50 = 0 THEN 'FAILED'
            WHEN n % 331 = 0 THEN 'CANCELLED'
            ELSE 'COMPLETED' END AS status
        FROM generate_series(1, cast(:many AS int)) AS n
    ) AS made
""")
FILTERS: Final[Mapping[str, JobFilter]] = {
    "none": ALL,
    "status": JobFilter(status=JobStatus.FAILED),
    "county": JobFilter(county_id="county_3"),
    "type": JobFilter(analysis_type="type_3"),
    "rare county": JobFilter(county_id="county_38"),
    "county and type": JobFilter(county_id="county_3", analysis_type="type_3"),
    "county, type and status": JobFilter(county_id="county_3", analysis_type="type_3", status=JobStatus.CANCELLED),
    "type and a status it never has": JobFilter(analysis_type="type_1", status=JobStatus.FAILED),
    "nobody's county": JobFilter(county_id="nowhere"),
    "a day long ago": JobFilter(since=NEWEST - timedelta(days=31), until=NEWEST - timedelta(days=30)),
    "failed of a day long ago": JobFilter(
        status=JobStatus.FAILED, since=NEWEST - timedelta(days=31), until=NEWEST - timedelta(days=30)
    ),
    "correlation": JobFilter(correlation_id="batch-30"),
    "beginning of an id": JobFilter(text="c4ca4238"),
    "who asked": JobFilter(text="person-2"),
    "who asked, of a county": JobFilter(text="person-2", county_id="county_38"),
    "words of a message": JobFilter(text="column 13 is"),
    "words that nobody says": JobFilter(text="no such words"),
    "words, of a county and type": JobFilter(text="column 13 is", county_id="county_3", analysis_type="type_5"),
}


def measure(folder: Path, size: Size) -> Iterator[Table]:
    """Fill a table, and ask for each list and its counts several times; the slowest but one is told too."""
    with EmbeddedPostgres(folder) as server:
        yield asyncio.run(_measured(server.url, size.listed))


async def _measured(url: str, many: int) -> Table:
    await migrate(make_url(url))
    engine = make_engine(make_url(url), connections=1, statement_s=None)
    await fill(engine, many)
    title = f"{many:,} jobs: a page of 50, median and longest of {ROUNDS}; the goal is {GOAL_MS} ms"
    table = Table("filter", "page", "longest", "deep page", "counts", "longest", title=title)
    for name, wanted in FILTERS.items():
        table.add_row(name, *await _row(PostgresJobStore(engine), wanted))
    await engine.dispose()
    return table


async def fill(engine: AsyncEngine, many: int) -> None:
    """Write so many jobs, 5 s apart, most of them completed."""
    async with engine.begin() as connection:
        await connection.execute(text("SELECT setseed(0.5)"))
        await connection.execute(FILL, {"many": many, "newest": NEWEST})
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE market_analysis_jobs"))


async def _row(store: PostgresJobStore, wanted: JobFilter) -> list[str]:
    deep = (NEWEST - timedelta(days=20), UUID(int=0))
    pages = await _times(lambda: store.page(wanted, after=None, limit=50))
    behind = await _times(lambda: store.page(wanted, after=deep, limit=50))
    counts = await _times(lambda: store.counts(wanted))
    return [*_told(pages), _told(behind)[0], *_told(counts)]


async def _times(ask: Callable[[], Awaitable[Any]]) -> list[float]:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await ask()
        taken.append(time.perf_counter() - began)
    return sorted(taken)


def _told(taken: list[float]) -> list[str]:
    return [f"{taken[len(taken) // 2] * 1e3:.1f} ms", f"{taken[-1] * 1e3:.1f} ms"]
