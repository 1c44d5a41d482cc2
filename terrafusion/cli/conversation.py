"""Talk to the system as its neighbours do: requests on their topic, progress from the status topic, results by HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from uuid import UUID

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from models.jobs import TERMINAL
from models.messages import AnalysisRequest, JobStatusChanged
from terrafusion.cli.output import stderr
from terrafusion.errors import Unavailable
from topics.catalogue import REQUESTS, STATUS

PATIENCE_SECONDS: Final = 90


async def converse(bootstrap: str, requests: Sequence[AnalysisRequest]) -> Sequence[UUID]:
    """Send requests, show how their jobs come along, and return the ids when all have ended.

    Raises Unavailable when they do not end in time.
    """
    jobs = {request.job_id: f"{request.analysis_type} {request.county_id}" for request in requests if request.job_id}
    async with _status_events(bootstrap) as consumer:
        await _send(bootstrap, requests)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await _follow(consumer, jobs)
        except TimeoutError:
            msg = f"The jobs did not end within {PATIENCE_SECONDS} s."
            raise Unavailable(msg) from None
    return tuple(jobs)


async def results(http_url: str, jobs: Sequence[UUID]) -> list[dict[str, Any]]:
    """Fetch the finished jobs with their results."""
    async with aiohttp.ClientSession(http_url, raise_for_status=True) as session:
        return [await _result(session, job) for job in jobs]


async def _result(session: aiohttp.ClientSession, job: UUID) -> dict[str, Any]:
    async with session.get(f"/plugins/v1/market-analysis/results/{job}") as response:
        body: dict[str, Any] = await response.json()
        return body


@asynccontextmanager
async def _status_events(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Read the status topic from its present end."""
    consumer = AIOKafkaConsumer(STATUS.name, bootstrap_servers=bootstrap, auto_offset_reset="latest")
    async with consumer:
        for partition in consumer.assignment():
            await consumer.position(partition)
        yield consumer


async def _send(bootstrap: str, requests: Sequence[AnalysisRequest]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for request in requests:
            value = request.model_dump_json(exclude_defaults=True).encode()
            await producer.send_and_wait(REQUESTS.name, value, key=str(request.job_id).encode())


async def _follow(consumer: AIOKafkaConsumer, jobs: Mapping[UUID, str]) -> None:
    open_jobs = set(jobs)
    with Board(jobs) as board:
        async for record in consumer:
            if record.value is None:
                continue
            event = JobStatusChanged.model_validate_json(record.value)
            if event.job_id in jobs:
                board.see(event)
            if event.status in TERMINAL:
                open_jobs.discard(event.job_id)
            if not open_jobs:
                return


class Board:
    """Where each job stands: a bar each on a terminal, elsewhere a line for each event."""

    def __init__(self, jobs: Mapping[UUID, str]) -> None:
        self._jobs = jobs
        columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[state]}"))
        self._progress = Progress(*columns, console=stderr) if stderr.is_terminal else None
        self._tasks: dict[UUID, TaskID] = {}

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._tasks = {
                job: self._progress.add_task(label, total=1.0, state="sent") for job, label in self._jobs.items()
            }
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def see(self, event: JobStatusChanged) -> None:
        """Show what an event tells."""
        state = f"{event.status:<9} {event.progress:4.0%}  {event.message}"
        if self._progress is not None:
            self._progress.update(self._tasks[event.job_id], completed=event.progress, state=state)
        else:
            stderr.print(f"{self._jobs[event.job_id]:<28} {state}", markup=False, highlight=False, soft_wrap=True)
