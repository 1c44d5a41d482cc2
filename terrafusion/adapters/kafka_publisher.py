"""The relay's producer: transactional with a fixed id, so that Kafka itself fences a relay that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from models.records import OutgoingRecord
from terrafusion.adapters.broker import SILENT, Broker
from terrafusion.adapters.partitioning import partition_of
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import TooLarge, Unavailable
from topics.catalogue import APP_ID, MAX_REQUEST_BYTES

MAX_RECORD_BYTES: Final = 4 * MAX_REQUEST_BYTES
REQUEST_TIMEOUT_MS: Final = 10_000
PATIENCE_S: Final = 10.0
"""Shorter than the silence after which another relay takes over."""
STOP_S: Final = 2.0


class KafkaPublisher:
    """Fulfils `terrafusion.ports.outbox.Publisher`; started anew after every failure."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._producer: AIOKafkaProducer | None = None

    def _make(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._broker.options,
            transactional_id=f"{APP_ID}-relay",
            transaction_timeout_ms=REQUEST_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_request_size=MAX_RECORD_BYTES,
            max_batch_size=256 * 1024,
        )

    async def start(self) -> None:
        """Connect, and fence whoever published before, unless that is done. Raises Unavailable."""
        if self._producer is not None:
            return
        self._producer = self._make()
        try:
            await _within(PATIENCE_S, self._producer.start())
        except (KafkaError, TimeoutError) as error:
            await self.stop()
            why = SILENT if isinstance(error, TimeoutError) else await self._broker.trouble()
            msg = f"Kafka at {self._broker} cannot be reached: {why}"
            raise Unavailable(msg) from error

    async def stop(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await _within(STOP_S, producer.stop())
            except (KafkaError, TimeoutError):
                with suppress(KafkaError, TimeoutError):
                    await _within(STOP_S, _abandon(producer))

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        """Publish all of them in one transaction, or none."""
        try:
            await _within(PATIENCE_S, self._transact(records))
        except MessageSizeTooLargeError as error:
            await self.stop()  # its sequence numbers have a hole now
            msg = f"{len(records)} records: {error}"
            raise TooLarge(msg) from error
        except (KafkaError, TimeoutError) as error:
            await self.stop()
            msg = f"Kafka cannot take records now: {type(error).__name__} {error}"
            raise Unavailable(msg) from error

    async def _transact(self, records: Sequence[OutgoingRecord]) -> None:
        producer = self._producer
        assert producer is not None  # noqa: S101 - started before
        async with producer.transaction():
            sent = [
                await producer.send_batch(batch, topic, partition=partition)
                async for topic, partition, batch in self._batches(records)
            ]
            await asyncio.gather(*sent)
            cross(Boundary.SENT)

    async def _batches(self, records: Sequence[OutgoingRecord]) -> AsyncIterator[tuple[str, int, BatchBuilder]]:
        """Build a partition's records into batches: a call a record instead costs four times as much."""
        assert self._producer is not None  # noqa: S101 - started before
        dealt: dict[tuple[str, int], list[OutgoingRecord]] = {}
        for topic in {record.topic for record in records}:
            partitions = len(await self._producer.partitions_for(topic))
            for record in records:
                if record.topic == topic:
                    dealt.setdefault((topic, _partition(record.key, partitions)), []).append(record)
        for (topic, partition), part in dealt.items():
            for batch in _filled(self._producer, part):
                yield topic, partition, batch
                await asyncio.sleep(0)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Leave nothing of a producer whose own stop waits for what the broker does not take: it neither sends nor ends."""
    gone = KafkaError("Its producer was given up")
    sender, transactions = producer._sender.sender_task, producer._txn_manager  # noqa: SLF001 - stopped no other way
    if sender is not None and not sender.done():
        sender.cancel()
        producer._message_accumulator.fail_all(gone)  # noqa: SLF001
        transactions.fatal_error(gone)
        transactions.wait_for_transaction_end().exception()  # seen, also where nobody waits for it
    await producer.client.close()


async def _within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Wait for ``work`` so long and no longer: a cancelled transaction waits for a silent broker to abort it."""
    task = asyncio.ensure_future(work)
    _ABANDONED.add(task)
    task.add_done_callback(_forget)
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        timed_out = task.cancel()
    if timed_out:
        raise TimeoutError(SILENT)
    await task


def _forget(task: asyncio.Future[None]) -> None:
    _ABANDONED.discard(task)
    if not task.cancelled():
        task.exception()


_ABANDONED: Final[set[asyncio.Future[None]]] = set()
"""The event loop keeps no task alive by itself."""


def _filled(producer: AIOKafkaProducer, records: Sequence[OutgoingRecord]) -> Iterator[BatchBuilder]:
    batch = producer.create_batch()
    for record in records:
        content = {"timestamp": None, "key": record.key, "value": record.value, "headers": list(record.headers)}
        if batch.append(**content) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(**content)
    yield batch


def _partition(key: bytes | None, partitions: int) -> int:
    return partition_of(key, partitions) if key is not None else 0
