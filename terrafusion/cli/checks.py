"""What `terrafusion doctor` looks at, and what to do about what it finds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from terrafusion.adapters.kafka_admin import check_topics
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.engine import make_engine, security, transaction
from terrafusion.adapters.postgres.migrate import judged, schema_version
from terrafusion.cli.configuration import brokers, database
from terrafusion.cli.finding import Finding
from terrafusion.cli.view import view_of
from terrafusion.cli.vitals import examine_disk, examine_group, held_up
from terrafusion.errors import TerraFusionError
from terrafusion.settings import Settings
from terrafusion.settings_checks import is_loopback

SERVICES: Final = frozenset({"database", "broker", "object store"})
"""Checks whose failure means that a service cannot be reached."""
CLOCK_SECONDS: Final = 2.0
"""Leases run on the database's clock, so a difference harms only what people read."""
ADVICE: Final = {
    "database": "Start Postgres, or correct TERRAFUSION_DATABASE_URL.",
    "broker": "Start Kafka, or correct TERRAFUSION_KAFKA_BOOTSTRAP.",
    "object store": "Make TERRAFUSION_RESULTS_URL name a place where this machine may write, read and delete.",
    "group": "What the broker check says, holds here.",
    "worker": "Nothing works on the jobs from here; `terrafusion worker` starts one.",
}


async def examine(settings: Settings) -> list[Finding]:
    """Make every check that can be made; one that fails never hides another."""
    checks = {
        "database": _examine_database,
        "broker": _examine_broker,
        "object store": _examine_store,
        "worker": _examine_worker,
        "group": examine_group,
        "disk": examine_disk,
        "access": _examine_access,
    }
    found = await asyncio.gather(*(_checked(name, check, settings) for name, check in checks.items()))
    return [finding for findings in found for finding in findings]


async def _checked(
    name: str, check: Callable[[Settings], Awaitable[list[Finding]]], settings: Settings
) -> list[Finding]:
    try:
        return await check(settings)
    except TerraFusionError as error:
        return [Finding(name, ok=name not in SERVICES, detail=str(error), advice=ADVICE[name])]


async def _examine_database(settings: Settings) -> list[Finding]:
    engine = make_engine(database(settings), connections=1)
    try:
        async with transaction(engine) as connection:
            version = str((await connection.execute(text("SHOW server_version"))).scalar())
            reached = Finding("database", ok=True, detail=f"Postgres {version}, {security(database(settings))}")
            schema = await _schema(connection)
            held = await held_up(connection) if schema.ok else []
            return [reached, schema, await _clock(connection), *held]
    finally:
        await engine.dispose()


async def _schema(connection: AsyncConnection) -> Finding:
    fits, detail = judged(await schema_version(connection))
    return Finding("schema", ok=fits, detail=detail, advice=None if fits else "`terrafusion migrate` brings it there.")


async def _clock(connection: AsyncConnection) -> Finding:
    theirs = float((await connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))).scalar_one())
    ahead = time.time() - theirs
    detail = f"{ahead:+.3f} s against the database's"
    if abs(ahead) < CLOCK_SECONDS:
        return Finding("clock", ok=True, detail=detail)
    advice = "Let both machines keep time by NTP; until then times that people read are wrong."
    return Finding("clock", ok=False, detail=detail, advice=advice)


async def _examine_broker(settings: Settings) -> list[Finding]:
    broker = brokers(settings)
    differences = await check_topics(broker)
    reached = Finding("broker", ok=True, detail=f"{broker}, {broker.security}")
    if not differences:
        return [reached, Finding("topics", ok=True, detail="as the catalogue says")]
    advice = "`terrafusion topics create` makes those that are missing; others must be changed on the broker."
    return [reached, Finding("topics", ok=False, detail=" ".join(differences), advice=advice)]


async def _examine_store(settings: Settings) -> list[Finding]:
    url = await asyncio.to_thread(_write_read_delete, settings.results)
    return [Finding("object store", ok=True, detail=f"{url}, written, read and deleted")]


def _write_read_delete(url: str) -> str:
    objects = Objects(url)
    location = objects.put_new(f"doctor/{uuid4().hex}", b"written by terrafusion doctor\n")
    objects.get(location)
    objects.delete(location)
    return objects.url


async def _examine_worker(settings: Settings) -> list[Finding]:
    view = view_of(settings)
    failing = await view.failing()
    if not failing:
        return [Finding("worker", ok=True, detail=f"well, at {view.url}")]
    detail = f"at {view.url}, not well: {', '.join(failing)}"
    return [Finding("worker", ok=True, detail=detail, advice="What it misses stands above, or in its log.")]


async def _examine_access(settings: Settings) -> list[Finding]:
    """Tell who may do what; as these settings say, which a worker elsewhere need not share."""
    on_topics = "a record must carry one" if settings.topic_access == "tokens" else "whoever may write may ask"
    topics = Finding("topic access", ok=True, detail=f"{settings.topic_access}; {on_topics}")
    if settings.access == "tokens":
        return [Finding("access", ok=True, detail="tokens; who shows none is asked for one"), topics]
    detail = f"off, no login: whoever reaches {settings.http_host} may do everything"
    advice = None if is_loopback(settings.http_host) else "TERRAFUSION_ACCESS=tokens asks everybody for a token."
    return [Finding("access", ok=True, detail=detail, advice=advice), topics]
