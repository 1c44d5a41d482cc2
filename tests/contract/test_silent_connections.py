"""Connections that fall silent without an end: one statement's time is what that costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine
from support.wire import Wire

from terrafusion.adapters.postgres.engine import make_engine, transaction
from terrafusion.errors import Unavailable

LIMIT_S = 1.0


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[Wire]:
    async with Wire(make_url(database_url).port or 0) as wire:
        yield wire


@pytest.fixture
def url(database_url: str, wire: Wire) -> URL:
    return make_url(database_url).set(port=wire.port)


async def ask(engine: AsyncEngine, seconds: float = 0) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text(f"SELECT pg_sleep({seconds})"))


async def test_after_one_statement_without_answer_no_silent_connection_is_used(url: URL, wire: Wire) -> None:
    engine = make_engine(url, connections=4, statement_s=LIMIT_S)
    await asyncio.gather(*(ask(engine, 0.1) for _ in range(4)))
    wire.silence()
    with pytest.raises(Unavailable):
        await ask(engine)
    await ask(engine)
    await engine.dispose()
