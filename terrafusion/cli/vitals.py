"""What `terrafusion doctor` tells beside the services: what waits, who works, what this machine has left. None of it is a fault."""

from __future__ import annotations

import resource
import shutil
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import tables
from models.jobs import JobStatus
from terrafusion.adapters.kafka_group import KafkaGroup
from terrafusion.cli.configuration import brokers
from terrafusion.cli.finding import Finding
from terrafusion.settings import Settings
from topics.catalogue import APP_ID, COMMANDS, REQUESTS

LITTLE_GB: Final = 2.0
"""Less room than this on the disk is worth a word: a snapshot and the results of a busy day."""
FEW_FILES: Final = 2048
"""A worker serves 500 connections and 200 streams, and Kafka, Postgres and its children want theirs."""
MUCH_LAG: Final = 1000
LONG_WAIT_S: Final = 300.0


async def held_up(connection: AsyncConnection) -> list[Finding]:
    """Tell what waits for a person."""
    letters, paused = tables.dead_letters, tables.pauses
    wanted = select(func.count()).select_from(letters).where(letters.c.state == "open")
    waiting = (await connection.execute(wanted)).scalar_one()
    still = [" ".join(row).strip() for row in await connection.execute(select(paused.c.scope, paused.c.name))]
    handle = "`terrafusion dead-letters list` shows them; each is replayed or discarded." if waiting else None
    resume = "`terrafusion resume` lets it go on." if still else None
    return [
        Finding("dead letters", ok=True, detail=f"{waiting:,} open", advice=handle),
        Finding("paused", ok=True, detail=", ".join(still) or "nothing", advice=resume),
        await _queue(connection),
        await _leases(connection),
    ]


async def _queue(connection: AsyncConnection) -> Finding:
    jobs = tables.jobs
    waits = jobs.c.status == JobStatus.PENDING
    oldest = func.coalesce(func.extract("epoch", func.now() - func.min(jobs.c.created_at)), 0.0)
    waiting, age = (await connection.execute(select(func.count(), oldest).where(waits))).one()
    detail = f"{waiting:,} jobs wait" + (f", the oldest for {float(age):,.0f} s" if waiting else "")
    advice = "`terrafusion list --status pending` says what each waits for." if age > LONG_WAIT_S else None
    return Finding("queue", ok=True, detail=detail, advice=advice)


async def _leases(connection: AsyncConnection) -> Finding:
    jobs = tables.jobs
    silent = func.count().filter(jobs.c.lease_until < func.now() - text("interval '1 minute'"))
    runs = jobs.c.status == JobStatus.RUNNING
    asked = select(func.count(), func.count(jobs.c.owner.distinct()), silent).where(runs)
    running, workers, lost = (await connection.execute(asked)).one()
    detail = f"{running:,} jobs run on {workers:,} workers" + (f", {lost:,} of them on silent ones" if lost else "")
    advice = "Nobody takes them over: no worker runs, or none reaches Postgres." if lost else None
    return Finding("running", ok=True, detail=detail, advice=advice)


async def examine_group(settings: Settings) -> list[Finding]:
    """Tell who reads requests and commands, and how far behind they are; raises Unavailable."""
    group = KafkaGroup(brokers(settings), APP_ID, (REQUESTS, COMMANDS))
    try:
        dealt = await group.look()
    finally:
        await group.stop()
    lag = sum(dealt.lags.values())
    detail = f"{len(dealt.members):,} workers in the group, {lag:,} records not taken yet"
    return [Finding("group", ok=True, detail=detail, advice=_of_lag(len(dealt.members), lag))]


def _of_lag(members: int, lag: int) -> str | None:
    if not members:
        return "Nobody reads the requests topic; `terrafusion worker` starts a worker, and requests wait meanwhile."
    if lag > MUCH_LAG:
        return "Postgres may be away, the intake paused, or more comes than the workers accept."
    return None


async def examine_disk(settings: Settings) -> list[Finding]:
    """Tell how much room there is, and how many files a process may open here."""
    place = settings.data_dir.absolute()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    advice = "Make room: without it snapshots cannot be kept here." if free < LITTLE_GB else None
    return [Finding("disk", ok=True, detail=f"{free:,.1f} GB free in {place}", advice=advice), _files()]


def _files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    boundless = soft == resource.RLIM_INFINITY
    detail = "any number" if boundless else f"{soft:,} a process"
    advice = None if boundless or soft >= FEW_FILES else f"Raise it to {FEW_FILES:,} where workers start: `ulimit -n`."
    return Finding("open files", ok=True, detail=detail, advice=advice)
