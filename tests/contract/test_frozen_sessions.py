"""Sessions of a process that is frozen amid a statement: what they lock is free again, and others go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Executable, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from terrafusion.adapters.postgres import claiming
from terrafusion.adapters.postgres.engine import connect, make_engine, transaction
from terrafusion.errors import Unavailable

LOCK = 4711
STATEMENT_S = 1.0
TAKE = text(f"SELECT pg_advisory_xact_lock({LOCK})")
TRY = text("SELECT pg_try_advisory_xact_lock(:lock)")
LIMITS = text("SELECT current_setting('transaction_timeout'), current_setting('tcp_user_timeout')")
STATE = text("""
    SELECT a.state, a.wait_event FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND a.datname = current_database()
""")


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


PARSE = message(b"P", b"\0SELECT 1\0\0\0") + message(b"H")
"""A statement that is being prepared, and no more: its Bind never comes."""
MUCH = message(b"Q", b"SELECT repeat('x', 1000) FROM generate_series(1, 50000)\0")


@asynccontextmanager
async def frozen(engine: AsyncEngine, lock: Executable, *, after: bytes) -> AsyncIterator[None]:
    """Take a lock, say this much more, and neither speak nor hear again: below the driver, for a test cannot stop itself."""
    async with engine.connect() as connection:
        await connection.execute(lock)
        wire: Any = (await connection.get_raw_connection()).driver_connection._transport
        wire.pause_reading()
        wire.write(after)
        try:
            yield
        finally:
            await connection.invalidate()


@pytest.fixture
async def hasty(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(make_url(database_url), connections=1, statement_s=STATEMENT_S)
    yield engine
    await engine.dispose()


async def state_of_holder(engine: AsyncEngine) -> tuple[str, str]:
    await asyncio.sleep(0.2)
    async with transaction(engine) as connection:
        return tuple((await connection.execute(STATE)).one())


async def until_free(engine: AsyncEngine, lock: int, *, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while True:
            async with transaction(engine) as connection:
                if (await connection.execute(TRY, {"lock": lock})).scalar_one():
                    return
            await asyncio.sleep(0.1)


async def test_no_transaction_outlives_twice_the_time_of_its_statements(
    hasty: AsyncEngine, engine: AsyncEngine
) -> None:
    async with frozen(hasty, TAKE, after=PARSE):
        assert await state_of_holder(engine) == ("active", "ClientRead")
        await until_free(engine, LOCK, seconds=9)


@pytest.mark.parametrize(("after", "waits_for"), [(PARSE, "ClientRead"), (MUCH, "ClientWrite")])
async def test_who_is_frozen_amid_a_claim_or_its_answer_lets_the_others_claim(
    engine: AsyncEngine, after: bytes, waits_for: str
) -> None:
    async with frozen(engine, claiming._TURN, after=after):
        assert await state_of_holder(engine) == ("active", waits_for)
        await until_free(engine, claiming.CLAIM_LOCK, seconds=20)


async def test_a_claim_leaves_its_session_as_it_was(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        before = (await connection.execute(LIMITS)).one()
        await connection.execute(claiming._TURN)
        assert (await connection.execute(LIMITS)).one() == ("10s", "10000")
    async with transaction(engine) as connection:
        assert (await connection.execute(LIMITS)).one() == before == ("1min", "25000")


async def test_a_connection_whose_limits_cannot_be_set_is_closed(
    database_url: str, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(self: asyncpg.Connection[Any], _statement: str) -> None:
        opened.append(self)
        raise TimeoutError

    opened: list[asyncpg.Connection[Any]] = []
    monkeypatch.setattr(asyncpg.Connection, "execute", silent)
    with pytest.raises(TimeoutError):
        await connect(make_url(database_url), statement_s=STATEMENT_S)
    assert [connection.is_closed() for connection in opened] == [True]


async def test_whose_transaction_was_ended_is_told_to_try_again(hasty: AsyncEngine) -> None:
    async def too_long() -> None:
        async with transaction(hasty) as connection:
            await connection.execute(TAKE)
            await asyncio.sleep(2.5 * STATEMENT_S)
            await connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        await too_long()
    async with transaction(hasty) as connection:
        assert (await connection.execute(TRY, {"lock": LOCK})).scalar_one()


async def test_a_migration_may_take_its_time(database_url: str) -> None:
    engine = make_engine(make_url(database_url), connections=1, statement_s=None)
    async with transaction(engine) as connection:
        assert (await connection.execute(text("SHOW transaction_timeout"))).scalar_one() == "0"
    await engine.dispose()
