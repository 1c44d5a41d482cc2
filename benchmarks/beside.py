"""What stands beside the no-op jobs: the parts alone, and the classic design. Each returns jobs a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from uuid import uuid4

import aiohttp
from sqlalchemy import URL, insert

from benchmarks.echo import CALLS, ECHOES
from benchmarks.load import drive, requests
from benchmarks.stage import COUNTY, Stage, ask
from models.tables import jobs
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.postgres.engine import make_engine

A_TRANSACTION: Final = 200
CLIENTS: Final = 32
PATIENCE_S: Final = 600


def bare_kafka(stage: Stage, count: int) -> float:
    """Have the same messages consumed and produced by bare aiokafka in a process of its own."""
    bootstrap = stage.kafka.bootstrap
    asyncio.run(create_topics(Broker(bootstrap), (CALLS, ECHOES)))
    with stage.program("echo", bootstrap):
        route = (CALLS.name, ECHOES.name)
        drive(bootstrap, requests("noop", min(count, 500)), route=route)
        return drive(bootstrap, requests("noop", count), route=route).a_second


def group_commit(stage: Stage, count: int) -> float:
    """Insert the same rows, 200 a transaction, one after another on one connection."""
    return asyncio.run(_insert(stage.database("group_commit"), count))


async def _insert(url: URL, count: int) -> float:
    engine = make_engine(url, connections=1)
    try:
        began = time.perf_counter()
        rows = _rows(count)
        while some := list(islice(rows, A_TRANSACTION)):
            async with engine.begin() as connection:
                await connection.execute(insert(jobs), some)
        return count / (time.perf_counter() - began)
    finally:
        await engine.dispose()


def _rows(count: int) -> Iterator[dict[str, Any]]:
    said = {"status": "PENDING", "message": "Waiting", "priority": 5, "digest": "", "parameters_json": {}}
    return ({"job_id": uuid4(), "analysis_type": "noop", "county_id": COUNTY, **said} for _ in range(count))


def classic_design(stage: Stage, count: int) -> float:
    """Drive the classic design over HTTP until its last task has ended."""
    url = stage.database("classic")
    with stage.program("classic", url.render_as_string(hide_password=False)) as program:
        asyncio.run(_drive(program.port, min(count, 200)))
        a_second = asyncio.run(_drive(program.port, count))
    asyncio.run(_all_completed(url, min(count, 200) + count))
    return a_second


async def _drive(port: int, count: int) -> float:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=aiohttp.ClientTimeout(PATIENCE_S)) as session:
        waiting = iter(range(count))
        began = time.perf_counter()
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(_client(session, waiting))
        async with session.get("/idle", raise_for_status=True):
            return count / (time.perf_counter() - began)


async def _client(session: aiohttp.ClientSession, waiting: Iterator[int]) -> None:
    body = {"analysis_type": "noop", "county_id": COUNTY, "parameters": {}}
    for _ in waiting:
        async with session.post("/run", json=body, raise_for_status=True) as response:
            await response.read()


async def _all_completed(url: URL, count: int) -> None:
    found = await ask(url, f"SELECT count(*) FROM {jobs.name} WHERE status = 'COMPLETED'")
    if found[0][0] != count:
        msg = f"{found[0][0]} of {count} jobs of the classic design were completed"
        raise RuntimeError(msg)
