"""Hearing of other processes' work: on a connection that an operator finds by our name."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sqlalchemy import make_url, text

from terrafusion.adapters.postgres.listening import listen

ITS_NAME = text(
    "SELECT application_name FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
)


async def test_it_bears_our_name(database_url, engine):
    listening = asyncio.Event()
    hears = {"on_jobs": listening.set, "on_entries": listening.set, "on_cancelled": listening.set}
    task = asyncio.create_task(listen(make_url(database_url), sender="me", **hears))
    async with asyncio.timeout(10):
        await listening.wait()
    async with engine.connect() as connection:
        assert (await connection.execute(ITS_NAME)).scalars().all() == ["terrafusion"]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
