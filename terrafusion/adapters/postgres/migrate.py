"""Bring the database's schema to the newest version, one process at a time."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from terrafusion.adapters.postgres.engine import make_engine, transaction

MIGRATION_LOCK = 7_251_001


def _scripts() -> Path:
    packaged = Path(__file__).parents[2] / "_migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()))
    config.attributes["connection"] = connection
    return config


async def migrate(url: URL, revision: str = "head") -> str:
    """Upgrade or downgrade to ``revision`` under an advisory lock; return the version reached; raises Unavailable."""
    engine = make_engine(url, connections=1, statement_s=None)
    try:
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            await connection.run_sync(_move, revision)
            return await schema_version(connection) or "base"
    finally:
        await engine.dispose()


def _move(connection: Connection, revision: str) -> None:
    go = command.downgrade if revision == "base" else command.upgrade
    go(_config(connection), revision)


async def schema_version(connection: AsyncConnection) -> str | None:
    """Return the version the database is at; None for an empty one."""
    return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


@cache
def newest_version() -> str:
    """Return the version that this code expects."""
    return ScriptDirectory.from_config(_config()).get_current_head() or "base"
