"""What holds a lock and vanishes, with its machine, holds it no longer than Postgres takes to notice."""

from __future__ import annotations

from sqlalchemy import make_url, text

from terrafusion.adapters.postgres import bulk

NOTICED_S = 25
SECONDS = """
    SELECT current_setting('tcp_keepalives_idle')::int
         + current_setting('tcp_keepalives_interval')::int * current_setting('tcp_keepalives_count')::int AS seconds
"""
UNHEARD_MS = "SELECT current_setting('tcp_user_timeout')::int AS ms"


async def test_of_an_engine(engine):
    async with engine.connect() as connection:
        assert (await connection.execute(text(SECONDS))).scalar_one() == NOTICED_S


async def test_one_probe_that_is_lost_ends_no_session(engine):
    """Where there is a limit for what is sent Linux goes by it, and counts no probes."""
    async with engine.connect() as connection:
        assert (await connection.execute(text(UNHEARD_MS))).scalar_one() >= 1000 * NOTICED_S


async def test_of_a_load(database_url):
    with bulk.connected(make_url(database_url)) as connection, connection.cursor() as cursor:
        assert bulk.ask(cursor, SECONDS).item() == NOTICED_S
