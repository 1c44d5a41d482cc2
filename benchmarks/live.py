"""How long a change of a job takes from Postgres to those who look, and what they cost the worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Final

import aiohttp
import orjson
import psutil
from rich.table import Table

from benchmarks import markets
from benchmarks.load import drive, requests
from benchmarks.size import Size
from benchmarks.stage import stage

A_SECOND: Final = 20
VIEWERS: Final = (1, 100)
GOAL_MS: Final = 300
EVENTS: Final = "/plugins/v1/market-analysis/events"


def measure(folder: Path, size: Size) -> Iterator[Table]:
    """Follow all jobs by one reader and by a hundred, while no-op jobs come at a steady rate."""
    title = f"{A_SECOND} no-op jobs a second: status change to reader; the goal is {GOAL_MS} ms at p95"
    table = Table("readers", "events", "p50", "p95", "max", "memory of the worker", title=title)
    with stage(folder) as services:
        services.load(markets.county(markets.large(1000), seed=0))
        with services.worker() as worker:
            drive(services.kafka.bootstrap, requests("noop", A_SECOND), a_second=A_SECOND)
            for viewers in VIEWERS:
                table.add_row(f"{viewers}", *_followed(services.kafka.bootstrap, worker, viewers, size.seconds))
    yield table


def _followed(bootstrap: str, worker: object, viewers: int, seconds: int) -> Iterator[str]:
    wanted = requests("noop", A_SECOND * seconds)
    taken: list[float] = []
    load = Thread(target=drive, args=(bootstrap, wanted), kwargs={"a_second": A_SECOND})
    process = psutil.Process(worker.pid)  # type: ignore[attr-defined]
    before = process.memory_info().rss
    asyncio.run(_read(worker.url, viewers, load, set(wanted), taken))  # type: ignore[attr-defined]
    grew = (process.memory_info().rss - before) / 1e6
    taken.sort()
    quantiles = (taken[min(int(len(taken) * share), len(taken) - 1)] for share in (0.5, 0.95, 1.0))
    yield from (f"{len(taken):,}", *(f"{one * 1e3:.0f} ms" for one in quantiles), f"{grew:+.0f} MB")


async def _read(url: str, viewers: int, load: Thread, wanted: set[str], taken: list[float]) -> None:
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session:
        readers = [asyncio.ensure_future(_follow(session, set(wanted), taken)) for _ in range(viewers)]
        await asyncio.sleep(2)
        load.start()
        await asyncio.gather(*readers)
        await asyncio.to_thread(load.join)


async def _follow(session: aiohttp.ClientSession, wanted: set[str], taken: list[float]) -> None:
    """Read until all jobs have ended; put down how old each event is when it comes."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with session.get(EVENTS, timeout=timeout) as answer:
        async for line in answer.content:
            if line.startswith(b"data: {") and (event := orjson.loads(line[6:])).get("job_id") in wanted:
                taken.append(time.time() - datetime.fromisoformat(event["updated_at"]).timestamp())
                if event["completed_at"]:
                    wanted.discard(event["job_id"])
            if not wanted:
                return
