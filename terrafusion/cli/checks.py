"""What `terrafusion doctor` looks at."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from terrafusion.adapters.kafka_admin import check_topics
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.engine import make_engine, transaction
from terrafusion.adapters.postgres.migrate import newest_version, schema_version
from terrafusion.cli.configuration import brokers, database
from terrafusion.errors import TerraFusionError
from terrafusion.settings import Settings

SERVICES: Final = frozenset({"database", "broker", "object store"})
"""Checks whose failure means that a service cannot be reached."""
CLOCK_SECONDS: Final = 2.0
"""Leases run on the database's clock, so a difference harms only what people read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    ok: bool
    detail: str


async def examine(settings: Settings) -> list[Finding]:
    """Make every check that can be made; one that fails never hides another."""
    return [
        *await _checked("database", lambda: _examine_database(settings)),
        *await _checked("broker", lambda: _examine_broker(settings)),
        *await _checked("object store", lambda: _examine_store(settings)),
    ]


async def _checked(name: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        return await check()
    except TerraFusionError as error:
        return [Finding(name, ok=False, detail=str(error))]


async def _examine_database(settings: Settings) -> list[Finding]:
    engine = make_engine(database(settings), connections=1)
    try:
        async with transaction(engine) as connection:
            version = str((await connection.execute(text("SHOW server_version"))).scalar())
            reached = Finding("database", ok=True, detail=f"Postgres {version}")
            return [reached, await _schema(connection), await _clock(connection)]
    finally:
        await engine.dispose()


async def _schema(connection: AsyncConnection) -> Finding:
    found, wanted = await schema_version(connection), newest_version()
    detail = f"at {found}" if found == wanted else f"at {found or 'nothing'}, not {wanted}; see `terrafusion migrate`"
    return Finding("schema", ok=found == wanted, detail=detail)


async def _clock(connection: AsyncConnection) -> Finding:
    theirs = float((await connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))).scalar_one())
    ahead = time.time() - theirs
    return Finding("clock", ok=abs(ahead) < CLOCK_SECONDS, detail=f"{ahead:+.3f} s against the database's")


async def _examine_broker(settings: Settings) -> list[Finding]:
    address = brokers(settings)
    differences = await check_topics(address)
    topics = Finding("topics", ok=not differences, detail=" ".join(differences) or "as the catalogue says")
    return [Finding("broker", ok=True, detail=address), topics]


async def _examine_store(settings: Settings) -> list[Finding]:
    objects = Objects(settings.results)
    location = objects.put_new("doctor/probe", b"written by terrafusion doctor\n")
    return [Finding("object store", ok=objects.exists(location), detail=objects.url)]
