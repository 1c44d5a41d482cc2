"""What holds a lock and vanishes, with its machine, holds it no longer than Postgres takes to notice."""

from __future__ import annotations

from sqlalchemy import make_url, text

from terrafusion.adapters.postgres import bulk

NOTICED_S = 25
SECONDS = """
    SELECT current_setting('tcp_keepalives_idle')::int
         + current_setting('tcp_keepalives_interval')::int * current_setting('tcp_keepalives_count')::int AS seconds
"""


async def test_of_an_engine(engine):
    async with engine.connect() as connection:
        assert (await connection.execute(text(SECONDS))).scalar_one() == NOTICED_S


async def test_of_a_load(database_url):
    with bulk.connected(make_url(database_url)) as connection, connection.cursor() as cursor:
        assert bulk.ask(cursor, SECONDS).item() == NOTICED_S
