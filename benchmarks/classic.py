"""The classic design, as it is mostly written: an HTTP handler, a background task in the same process, an ORM.

A job is three commits of one row: PENDING by the handler, RUNNING and COMPLETED by the task. A crash loses the task,
nobody is told of anything, and the task does nothing in between.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry

from benchmarks.stage import READY
from models.tables import jobs

CONNECTIONS: Final = 15
PATIENCE_S: Final = 600
"""For a connection. With the usual 30 s a long queue of tasks ends in errors."""


class Job:
    """A row of the jobs table."""

    job_id: UUID

    def __init__(self, **columns: Any) -> None:
        for name, value in columns.items():
            setattr(self, name, value)


registry().map_imperatively(Job, jobs)


class Classic:
    """The handlers, and the tasks that they started."""

    def __init__(self, url: str) -> None:
        engine = create_async_engine(url, pool_size=CONNECTIONS, max_overflow=0, pool_timeout=PATIENCE_S)
        self._session = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, request: web.Request) -> web.Response:
        """Write the row, start the task, answer 202."""
        body = await request.json()
        job = Job(
            job_id=uuid4(),
            analysis_type=body["analysis_type"],
            county_id=body["county_id"],
            parameters_json=body["parameters"],
            status="PENDING",
            message="Waiting",
            priority=5,
            digest="",
        )
        async with self._session() as session:
            session.add(job)
            await session.commit()
        task = asyncio.create_task(self._work(job.job_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.json_response({"job_id": str(job.job_id)}, status=202)

    async def idle(self, _request: web.Request) -> web.Response:
        """Answer once every task has ended."""
        await asyncio.gather(*self._tasks)
        return web.json_response({})

    async def _work(self, job_id: UUID) -> None:
        now = datetime.now(UTC)
        lease = now + timedelta(minutes=1)
        await self._set(job_id, status="RUNNING", message="Running", owner="task", lease_until=lease, started_at=now)
        ended = {"owner": None, "lease_until": None, "completed_at": datetime.now(UTC)}
        await self._set(job_id, status="COMPLETED", message="Completed", result_summary_json={}, **ended)

    async def _set(self, job_id: UUID, **columns: Any) -> None:
        async with self._session() as session:
            job = await session.get_one(Job, job_id)
            for name, value in columns.items():
                setattr(job, name, value)
            await session.commit()


async def serve(url: str, port: int) -> None:
    """Serve until the process is ended."""
    classic = Classic(url)
    app = web.Application()
    app.add_routes([web.post("/run", classic.run), web.get("/idle", classic.idle)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(READY, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
