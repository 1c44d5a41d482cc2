"""Rows by the million: a connection that speaks Arrow (ADBC), one transaction, one load of a county at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import polars as pl
from adbc_driver_manager import Error
from adbc_driver_postgresql import dbapi
from sqlalchemy import URL

from terrafusion.adapters.postgres.engine import DATA_ERRORS, KEEPALIVE, RETRYABLE, shared_dsn, without_password
from terrafusion.adapters.postgres.replaced import LOAD_LOCK
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import Misconfigured, Unavailable, UnstorableData

SESSION: Final = {
    "connect_timeout": "5",
    "application_name": "terrafusion load",
    "options": " ".join(f"-c {name}={value}" for name, value in KEEPALIVE.items()),
}


@contextmanager
def changing(url: URL, county_id: str) -> Iterator[dbapi.Cursor]:
    """Hold a county's records in one transaction, committed at the end and rolled back where it is not reached.

    Blocks. Raises Unavailable where Postgres cannot be reached, UnstorableData for a value it refuses.
    """
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '60s'")
        ask(cursor, "SELECT pg_advisory_xact_lock($1::int, hashtext($2))::text AS locked", LOAD_LOCK, county_id)
        yield cursor
        cross(Boundary.VERSION_WRITTEN)
        connection.commit()
        cross(Boundary.VERSION_COMMITTED)


@contextmanager
def connected(url: URL) -> Iterator[dbapi.Connection]:
    """One connection and one transaction, rolled back unless committed; errors in our words, without secrets."""
    try:
        with dbapi.connect(shared_dsn(url, **SESSION)) as connection:
            yield connection
    except Error as error:
        raise _translated(error, url) from None


def ask(cursor: dbapi.Cursor, query: str, *parameters: Any) -> pl.DataFrame:
    """Return what a statement answers."""
    cursor.execute(query, parameters)
    answer: pl.DataFrame = cursor.fetch_polars()
    return answer


def _translated(error: Error, url: URL) -> Exception:
    message = without_password(str(error).partition("\n\nQuery was")[0].partition("\n")[0], url)
    state = error.sqlstate or ""
    if state.startswith(DATA_ERRORS):
        return UnstorableData(f"Postgres refuses the records: {message}")
    if not state or state in RETRYABLE or state.startswith("08"):
        return Unavailable(f"Postgres cannot do this now: {message}")
    return Misconfigured(f"The database is not as it must be; has `terrafusion migrate` been run? {message}")
