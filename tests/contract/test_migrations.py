"""Migrations go up and down with what is there, may be broken off, and hold up no worker of the version before."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text

from terrafusion.adapters.postgres import migrate as migrating
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.migrate import _config, migrate, newest_version
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.errors import Misconfigured, Unavailable

REVISIONS = [script.revision for script in reversed(list(ScriptDirectory.from_config(_config()).walk_revisions()))]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ACCEPT_0001 = text("""
    INSERT INTO market_analysis_jobs
        (job_id, analysis_type, county_id, status, message, parameters_json, priority, digest, created_at)
    VALUES (:job_id, 'trend_analysis', 'king_wa', 'PENDING', 'Waiting', '{}', :priority, 'd', :created_at)
""")
CLAIM_0001 = text("""
    WITH waiting AS MATERIALIZED (
        SELECT job_id FROM market_analysis_jobs WHERE status = 'PENDING' AND (run_after IS NULL OR run_after <= now())
        ORDER BY priority DESC, created_at, job_id LIMIT 2 FOR UPDATE SKIP LOCKED
    )
    UPDATE market_analysis_jobs SET status = 'RUNNING', attempt = attempt + 1, sequence = sequence + 1,
        owner = 'old', lease_until = now() + interval '9 s', started_at = now(), message = 'Running'
    WHERE job_id IN (SELECT job_id FROM waiting) RETURNING job_id
""")
LETTER_0001 = text("""
    INSERT INTO dead_letters (topic, timestamp, headers, stage, error_class, error_message, attempts)
    VALUES ('t', now(), '', 'decode', 'MalformedMessage', 'bad', 1) RETURNING id
""")
TELL_0001 = text("INSERT INTO outbox (moves) VALUES ('[]')")
"""What workers of the version 0001 send."""
PROMISED_MS = 1000


@pytest.fixture
async def old(database_url):
    """A database as the version 0001 left it, and connections to it."""
    await migrate(make_url(database_url), REVISIONS[0])
    engine = make_engine(make_url(database_url), connections=3)
    yield make_url(database_url), engine
    await engine.dispose()


async def ask(engine, statement, **values):
    async with engine.begin() as connection:
        found = await connection.execute(statement, values)
        return found.all() if found.returns_rows else []


async def wait_in_line(engine, *, priority=5, created_at=LONG_AGO) -> UUID:
    job_id = uuid4()
    await ask(engine, ACCEPT_0001, job_id=job_id, priority=priority, created_at=created_at)
    return job_id


@pytest.mark.parametrize("number", range(1, len(REVISIONS)))
async def test_each_goes_up_down_and_up_with_what_is_there(old, number):
    url, engine = old
    await migrate(url, REVISIONS[number - 1])
    job_id = await wait_in_line(engine)
    await ask(engine, LETTER_0001)
    for revision in (REVISIONS[number], REVISIONS[number - 1], REVISIONS[number]):
        assert await migrate(url, revision) == revision
        assert await ask(engine, text("SELECT job_id FROM market_analysis_jobs")) == [(job_id,)]
        assert len(await ask(engine, text("SELECT id FROM dead_letters"))) == 1


async def test_who_waits_keeps_the_place_that_its_priority_gives(old):
    url, engine = old
    late = LONG_AGO + timedelta(minutes=1)
    low, urgent = await wait_in_line(engine, priority=4), await wait_in_line(engine, priority=6, created_at=late)
    await migrate(url)
    claims = await PostgresJobStore(engine).claim("w", slots=9, weights={}, lease=timedelta(seconds=9))
    assert [claim.job_id for claim in claims] == [urgent, low]


async def test_letters_of_before_are_named_as_the_jobs_that_they_tell_of(old):
    url, engine = old
    await migrate(url, "0007")
    job_id = await wait_in_line(engine)
    place = "UPDATE market_analysis_jobs SET origin_topic = 't', origin_partition = 3, origin_offset = 5"
    await ask(engine, text(place))
    put = text("""
        INSERT INTO dead_letters (topic, partition, "offset", timestamp, job_id, headers, stage, error_class, error_message,
            attempts)
        VALUES ('t', 3, :offset, now(), :job_id, '', :stage, 'e', 'm', 1)
    """)
    for offset, stage, about in (
        (5, "validate", job_id),
        (6, "accept", job_id),
        (7, "analyse", job_id),
        (8, "decode", None),
        (9, "publish", uuid4()),
    ):
        await ask(engine, put, offset=offset, stage=stage, job_id=about)
    await migrate(url)
    named = await ask(engine, text('SELECT "offset", county_id, analysis_type FROM dead_letters ORDER BY id'))
    own = ("king_wa", "trend_analysis")
    assert named == [(5, *own), (6, None, None), (7, *own), (8, None, None), (9, None, None)]


async def test_workers_of_the_version_before_go_on(old):
    url, engine = old
    await migrate(url)
    jobs = {await wait_in_line(engine), await wait_in_line(engine)}
    assert set(await ask(engine, CLAIM_0001)) == {(job_id,) for job_id in jobs}
    assert await ask(engine, LETTER_0001)
    await wait_in_line(engine)
    assert len(await PostgresJobStore(engine).claim("w", slots=9, weights={}, lease=timedelta(seconds=9))) == 1


async def test_while_it_runs_old_workers_accept_and_claim(old):
    url, engine = old
    await asyncio.gather(*(wait_in_line(engine) for _ in range(200)))
    done: dict[str, int] = {"accepted": 0, "claimed": 0}
    over = asyncio.Event()

    async def work():
        while not over.is_set():
            await wait_in_line(engine)
            done["accepted"] += 1
            done["claimed"] += len(await ask(engine, CLAIM_0001))

    working = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    assert await migrate(url) == newest_version()
    over.set()
    await working
    counted = dict(await ask(engine, text("SELECT status, count(*) FROM market_analysis_jobs GROUP BY status")))
    assert counted == {"PENDING": 200 + done["accepted"] - done["claimed"], "RUNNING": done["claimed"]}
    assert done["accepted"] > 1
    assert done["claimed"] > 1


async def test_two_at_once_take_turns(old):
    url, _ = old
    assert await asyncio.gather(*(migrate(url) for _ in range(3))) == [newest_version()] * 3


async def test_a_schema_of_a_later_release_is_left_as_it_is(old):
    url, engine = old
    await migrate(url)
    await ask(engine, text("UPDATE alembic_version SET version_num = '9999'"))
    assert await migrate(url) == "9999"
    with pytest.raises(Misconfigured, match="the schema is at 9999, which this release does not know"):
        await migrate(url, REVISIONS[0])
    assert await ask(engine, text("SELECT version_num FROM alembic_version")) == [("9999",)]


async def test_one_that_was_broken_off_is_begun_again(old):
    url, engine = old
    await wait_in_line(engine)
    for after in (0.02, 0.05, 0.08, 0.12, 0.16, 0.2, 0.3):
        with suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(after):
                await migrate(url)
        await asyncio.sleep(0.05)
    assert await migrate(url) == newest_version()
    invalid = "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid"
    assert await ask(engine, text(invalid)) == []


@pytest.mark.parametrize("table", ["dead_letters", "market_analysis_jobs"])
async def test_it_gives_way_to_who_holds_a_table_for_long(old, table):
    """Nobody who accepts waits a second behind a migration that waits, by Postgres' own clock, and it ends once it can."""
    url, engine = old
    accepted, over = 0, asyncio.Event()

    async def accept():
        nonlocal accepted
        async with engine.connect() as connection:
            await connection.execute(text(f"SET lock_timeout = '{PROMISED_MS}ms'"))
            while not over.is_set():
                job = {"job_id": uuid4(), "priority": 5, "created_at": LONG_AGO}
                for statement, values in ((ACCEPT_0001, job), (LETTER_0001, {}), (TELL_0001, {})):
                    await connection.execute(statement, values)
                    await connection.commit()
                accepted += 1

    accepting = asyncio.create_task(accept())
    async with engine.begin() as connection:
        await connection.execute(text(f"LOCK TABLE {table} IN ACCESS SHARE MODE"))
        migration = asyncio.create_task(migrate(url))
        await asyncio.wait([accepting], timeout=1.5 * PROMISED_MS / 1000)
        assert not migration.done()
    assert await migration == newest_version()
    over.set()
    await accepting
    assert accepted > 10


async def test_each_says_first_that_it_does_not_wait_for_long(old, monkeypatch):
    """What it says there is made shorter; what says nothing would have everybody wait behind it."""
    url, _ = old
    said = [""]

    def heard(_connection, _cursor, statement, parameters, *_more):
        said[-1] = said[-1] or ("" if statement.startswith("SELECT") else statement)
        if statement.startswith("UPDATE alembic_version"):
            said.append("")
        return statement, parameters

    monkeypatch.setattr(migrating, "_hurried", heard)
    for revision in REVISIONS[1:]:
        said[-1] = ""
        await migrate(url, revision)
    assert [first.partition(" =")[0] for first in said[:-1]] == [migrating.PATIENCE] * (len(REVISIONS) - 1)


async def test_it_says_so_where_a_table_is_never_free(old, monkeypatch):
    url, engine = old
    monkeypatch.setattr(migrating, "TIMES", 2)
    async with engine.begin() as connection:
        await connection.execute(text("LOCK TABLE dead_letters IN ACCESS SHARE MODE"))
        with pytest.raises(Unavailable, match="in use for long"):
            await migrate(url, "0002")
