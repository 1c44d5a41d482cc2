"""Talk to the system as its neighbours do: requests on their topic, progress from the status topic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from pydantic import SecretStr, ValidationError

from models.jobs import TERMINAL
from models.messages import AnalysisRequest, JobStatusChanged
from models.records import TOKEN_HEADER
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_records import read_any_header_name
from terrafusion.cli.output import note
from terrafusion.cli.progress import Board
from terrafusion.errors import Unavailable
from topics.catalogue import MAX_REQUEST_BYTES, REQUESTS, STATUS
from topics.events import TYPE

SOURCE: Final = b"/terrafusion/cli"
KAFKA_PATIENCE_S: Final = 15.0
NOBODY_AFTER_S: Final = 20.0
HINDERED_AFTER_S: Final = 2.0

Why = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Sent:
    """Where on the requests topic a request stands."""

    topic: str
    partition: int
    offset: int


async def send(
    broker: Broker, requests: Sequence[AnalysisRequest], *, token: SecretStr | None = None
) -> Sequence[Sent]:
    """Put requests on their topic as CloudEvents and return once the broker has them; raises Unavailable."""
    producer = AIOKafkaProducer(**broker.options, enable_idempotence=True, max_request_size=2 * MAX_REQUEST_BYTES)
    try:
        async with _reaching(broker):
            await producer.start()
            acks = [await _send(producer, request, token) for request in requests]
            return [Sent(REQUESTS.name, ack.partition, ack.offset) for ack in await asyncio.gather(*acks)]
    finally:
        await producer.stop()


async def converse(
    broker: Broker,
    requests: Sequence[AnalysisRequest],
    *,
    token: SecretStr | None = None,
    patience_s: float | None = None,
    why: Why | None = None,
) -> Sequence[UUID]:
    """Send requests, show how their jobs come along, and return the ids when all have ended.

    ``why`` is asked for the reason while none of them is a job yet. Raises Unavailable when Kafka cannot be reached, or when they do not end within ``patience_s``.
    """
    jobs = {request.job_id: f"{request.analysis_type} {request.county_id}" for request in requests if request.job_id}
    async with _status_events(broker) as consumer:
        await send(broker, requests, token=token)
        try:
            async with asyncio.timeout(patience_s):
                await _follow(consumer, jobs, why)
        except TimeoutError:
            msg = f"The jobs did not end within {patience_s} s."
            raise Unavailable(msg) from None
    return tuple(jobs)


async def _send(producer: AIOKafkaProducer, request: AnalysisRequest, token: SecretStr | None) -> Awaitable[Any]:
    key = str(request.job_id).encode()
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", b"request/" + key),
        ("ce_source", SOURCE),
        ("ce_type", f"{TYPE}.request.v1".encode()),
        ("ce_time", datetime.now(UTC).isoformat().encode()),
        ("ce_subject", b"job/" + key),
    ]
    headers += [(TOKEN_HEADER, token.get_secret_value().encode())] if token else []
    value = request.model_dump_json(exclude_defaults=True).encode()
    acknowledged: Awaitable[Any] = await producer.send(REQUESTS.name, value, key=key, headers=headers)
    return acknowledged


@asynccontextmanager
async def _reaching(broker: Broker) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(KAFKA_PATIENCE_S):
            yield
    except (KafkaError, OSError, TimeoutError) as error:
        msg = f"Kafka at {broker} cannot be reached: {await broker.trouble()}"
        raise Unavailable(msg) from error


async def every_event(broker: Broker) -> AsyncGenerator[JobStatusChanged, None]:
    """Yield every job's status events from now on; raises Unavailable."""
    async with _status_events(broker) as consumer:
        note("Watching; Ctrl-C ends it.")
        async for record in consumer:
            if event := _event(record.value):
                yield event


def _event(value: bytes | None) -> JobStatusChanged | None:
    """Read a status event; a tombstone is none, nor is what somebody else wrote on the topic."""
    with suppress(ValidationError):
        return JobStatusChanged.model_validate_json(value or b"")
    return None


@asynccontextmanager
async def _status_events(broker: Broker) -> AsyncIterator[AIOKafkaConsumer]:
    """Read the status topic from its present end."""
    read_any_header_name()
    consumer = AIOKafkaConsumer(STATUS.name, **broker.options, auto_offset_reset="latest")
    try:
        async with _reaching(broker):
            await consumer.start()
            for partition in consumer.assignment():
                await consumer.position(partition)
        yield consumer
    finally:
        await consumer.stop()


async def _follow(consumer: AIOKafkaConsumer, jobs: Mapping[UUID, str], why: Why | None) -> None:
    open_jobs = set(jobs)
    reminder = asyncio.ensure_future(_remind(why))
    try:
        with Board(jobs) as board:
            async for record in consumer:
                event = _event(record.value)
                if event is None or event.job_id not in jobs:
                    continue
                reminder.cancel()
                board.see(event)
                if event.status in TERMINAL:
                    open_jobs.discard(event.job_id)
                if not open_jobs:
                    return
    finally:
        reminder.cancel()


async def _remind(why: Why | None) -> None:
    """Say why nothing comes of it: at once where the reason is known, else after a while."""
    for pause_s in (HINDERED_AFTER_S, NOBODY_AFTER_S - HINDERED_AFTER_S):
        await asyncio.sleep(pause_s)
        if why is not None and (reason := await why()):
            note(f"{reason} Ctrl-C stops waiting, the request stays.")
            return
    note("No worker has taken it yet; is one running? Ctrl-C stops waiting, the request stays.")
