"""Bring the database's schema to the newest version, one process at a time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, event, func, select
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection

from terrafusion.adapters.postgres.engine import connected, make_engine
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import Misconfigured, Unavailable

T = TypeVar("T")

MIGRATION_LOCK: Final = 7_251_001
AGAIN_AFTER_S: Final = 0.2
WAIT_S: Final = 0.25
"""A migration waits so long for a table; so long do accepts wait behind it. It may have one and wait for the next."""
GIVE_WAY_S: Final = 1.0
TIMES: Final = 60
NEWEST: Final = "head"
LOCK_NOT_AVAILABLE: Final = "55P03"
PATIENCE: Final = "SET LOCAL lock_timeout"
_TRY: Final = select(func.pg_try_advisory_lock(MIGRATION_LOCK))


def _scripts() -> Path:
    packaged = Path(__file__).parents[2] / "_migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()))
    config.attributes["connection"] = connection
    return config


async def migrate(url: URL, revision: str = NEWEST) -> str:
    """Upgrade or downgrade to ``revision``; return the version reached; raises Unavailable, or Misconfigured.

    A schema that is newer than all that this release knows is left as it is: it works with it, and cannot take it back.

    One process at a time, under an advisory lock of the session: a migration may commit between its steps, so that
    none of them holds up the workers for long. One that was broken off is begun again, and so is one that had to wait
    for a table: whoever waits to change one makes everybody wait who comes after.
    """
    for _ in range(TIMES - 1):
        with suppress(_GaveWay):
            return await _once(url, revision)
        await asyncio.sleep(GIVE_WAY_S)
    return await _once(url, revision)


async def _once(url: URL, revision: str) -> str:
    engine = make_engine(url, connections=1, statement_s=None)
    try:
        async with connected(engine) as connection:
            await _alone(connection)
            await _moved(connection, revision)
            version = await schema_version(connection)
            await connection.invalidate()  # ends the session, so the lock as well
            return version or "base"
    finally:
        await engine.dispose()


async def _moved(connection: AsyncConnection, revision: str) -> None:
    try:
        await connection.run_sync(_move, revision)
    except PendingRollbackError as error:  # what alembic meets when it cleans up on a connection that is gone
        msg = "the connection to Postgres was lost amid a migration; run it again"
        raise Unavailable(msg) from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        raise _GaveWay("a table that has to change is in use for long; run it again") from error


class _GaveWay(Unavailable):
    """A migration let others go first."""


async def _alone(connection: AsyncConnection) -> None:
    """Wait for the lock without a statement that waits: its snapshot would hold up the other's concurrent index."""
    while not (await connection.execute(_TRY)).scalar_one():
        await connection.commit()
        await asyncio.sleep(AGAIN_AFTER_S)
    await connection.commit()


def _move(connection: Connection, revision: str) -> None:
    standing = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    if is_newer(standing):
        _leave_newer(str(standing), revision)
        return
    older = {script.revision for script in ScriptDirectory.from_config(_config()).iterate_revisions(standing, "base")}
    event.listen(connection, "before_cursor_execute", _hurried, retval=True)
    event.listen(connection, "after_cursor_execute", _executed)
    go = command.downgrade if revision in older - {standing} | {"base"} else command.upgrade
    go(_config(connection), revision)


def _leave_newer(standing: str, revision: str) -> None:
    if revision != NEWEST:
        msg = (
            f"the schema is at {standing}, which this release does not know: a release that does takes it to {revision}"
        )
        raise Misconfigured(msg)


def _hurried(_connection: object, _cursor: object, statement: str, parameters: T, *_more: object) -> tuple[str, T]:
    """Have a migration wait for a table as long as we say, whatever it says; an index made beside the workers waits on."""
    return f"{PATIENCE} = '{WAIT_S}s'" if statement.startswith(PATIENCE) else statement, parameters


def _executed(*_statement: object) -> None:
    cross(Boundary.MIGRATING)


async def schema_version(connection: AsyncConnection) -> str | None:
    """Return the version the database is at; None for an empty one."""
    return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


@cache
def newest_version() -> str:
    """Return the version that this code expects."""
    return ScriptDirectory.from_config(_config()).get_current_head() or "base"


@cache
def _known_versions() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def is_newer(version: str | None) -> bool:
    """Say whether a version is one that this code does not know yet: it works beside the code that does."""
    return version is not None and version not in _known_versions()


def judged(version: str | None) -> tuple[bool, str]:
    """Say whether this code works with a version of the schema, and how that is told."""
    if version == newest_version():
        return True, f"at {version}"
    if is_newer(version):
        return True, f"at {version}, newer than this release's {newest_version()}"
    return False, f"at {version or 'nothing'}, not {newest_version()}"
