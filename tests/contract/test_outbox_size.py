"""What the relay reads at once is bounded by what it holds, and never nothing where there is something."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import insert, text

from models.tables import outbox
from terrafusion.adapters.postgres.outbox import READ_BYTES, TOMBSTONE_BYTES, PostgresOutboxLeader

HALF = READ_BYTES // 2


@pytest.fixture
async def connection(postgres_driver, shared_engine):
    async with shared_engine.begin() as connection:
        await connection.execute(text("DELETE FROM outbox"))
        yield connection


def moves(size):
    return {"moves": "[" + " " * (size - 2) + "]"}


def tombstones(size):
    return {"purged": [uuid4()] * (size // TOMBSTONE_BYTES)}


@pytest.mark.parametrize("entry", [moves, tombstones])
@pytest.mark.parametrize(
    ("sizes", "read"),
    [
        ([2 * READ_BYTES, 500], 1),
        ([HALF, HALF, 500], 2),
        ([500, 2 * READ_BYTES, 500], 1),
        ([500] * 9, 5),
        ([], 0),
    ],
)
async def test_entries_are_read_as_long_as_they_are_small(connection, entry, sizes, read):
    for size in sizes:
        await connection.execute(insert(outbox).values(**entry(size)))
    assert len(await PostgresOutboxLeader(connection).read(5)) == read
