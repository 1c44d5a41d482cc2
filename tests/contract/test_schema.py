"""The schema refuses what the table of transitions does not know, and equals what the code declares."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, make_url
from sqlalchemy.exc import IntegrityError

from models.county_tables import metadata
from models.jobs import TERMINAL, FailureReason, JobStatus
from models.tables import jobs
from terrafusion.adapters.postgres.migrate import migrate, newest_version, schema_version

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def row(state, **cells):
    """A row as it must be in a state."""
    runs, over, failed = state is JobStatus.RUNNING, state in TERMINAL, state is JobStatus.FAILED
    asked = {"analysis_type": "trend_analysis", "county_id": "king_wa", "parameters_json": {}, "priority": 5}
    lease = {"owner": "worker", "lease_until": NOW} if runs else {}
    end = {"completed_at": NOW} if over else {}
    reason = {"failure_reason": FailureReason.TIMEOUT} if failed else {}
    own = {"job_id": uuid4(), "status": state, "message": "m", "digest": "d"}
    return {**own, **asked, **lease, **end, **reason, **cells}


async def put(engine, cells):
    async with engine.begin() as connection:
        await connection.execute(insert(jobs).values(cells))


@pytest.mark.parametrize("status", list(JobStatus))
async def test_every_state_can_be_written(engine, status):
    await put(engine, row(status))


@pytest.mark.parametrize("reason", list(FailureReason))
async def test_every_reason_can_be_written(engine, reason):
    await put(engine, row(JobStatus.FAILED, failure_reason=reason))


HALF_DONE = [
    (JobStatus.PENDING, {"status": "WAITING"}, "status"),
    (JobStatus.FAILED, {"failure_reason": "bad_luck"}, "failure_reason"),
    (JobStatus.FAILED, {"failure_reason": None}, "failed_has_reason"),
    *((status, {"failure_reason": "timeout"}, "failed_has_reason") for status in set(JobStatus) - {JobStatus.FAILED}),
    *((status, {"completed_at": None}, "terminal_has_end") for status in TERMINAL),
    *((status, {"completed_at": NOW}, "terminal_has_end") for status in set(JobStatus) - TERMINAL),
    (JobStatus.RUNNING, {"owner": None}, "running_has_owner"),
    (JobStatus.RUNNING, {"lease_until": None}, "running_has_lease"),
    *((status, {"owner": "w"}, "running_has_owner") for status in set(JobStatus) - {JobStatus.RUNNING}),
    *((status, {"lease_until": NOW}, "running_has_lease") for status in set(JobStatus) - {JobStatus.RUNNING}),
]


@pytest.mark.parametrize(("status", "cells", "check"), sorted(HALF_DONE, key=str), ids=str)
async def test_a_half_finished_row_is_refused(engine, status, cells, check):
    with pytest.raises(IntegrityError, match=f"ck_market_analysis_jobs_{check}"):
        await put(engine, row(status, **cells))


async def test_the_migrated_schema_is_the_declared_one(engine):
    options = {"compare_type": True, "compare_server_default": True}
    async with engine.connect() as connection:
        assert await schema_version(connection) == newest_version()
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts=options), metadata)
        )
    assert differences == []


async def test_the_checks_of_the_migrated_schema_are_the_declared_ones(engine):
    """Alembic does not compare CHECKs, so a copy made from the declaration is held beside the migrated table."""
    async with engine.begin() as connection:
        migrated = await connection.run_sync(_checks)
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
        assert migrated == await connection.run_sync(_checks)
        assert len(migrated) > 5


async def test_indexes_of_the_migrated_schema_are_the_declared_ones(engine):
    """Alembic compares neither expressions nor conditions of indexes."""
    async with engine.begin() as connection:
        migrated = await connection.run_sync(_indexes)
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
        assert migrated == await connection.run_sync(_indexes)
        assert {"ix_jobs_queue", "ix_jobs_leases", "ix_jobs_newest"} <= set(migrated)


def _checks(connection):
    return {check["name"]: check["sqltext"] for check in inspect(connection).get_check_constraints(jobs.name)}


def _indexes(connection):
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    return dict(tuple(found) for found in connection.exec_driver_sql(query))


async def test_down_and_up_again(database_url, engine):
    url = make_url(database_url)
    assert await migrate(url, "base") == "base"
    async with engine.connect() as connection:
        left = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert left == ["alembic_version"]
    assert await migrate(url) == newest_version()
    await put(engine, row(JobStatus.PENDING))
    assert await migrate(url) == newest_version(), "a second time changes nothing"
