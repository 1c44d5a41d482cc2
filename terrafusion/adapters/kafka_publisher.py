"""The relay's producer: transactional with a fixed id, so that Kafka itself fences a relay that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import murmur2

from models.records import OutgoingRecord
from terrafusion.errors import TooLarge, Unavailable
from topics.catalogue import APP_ID, MAX_REQUEST_BYTES

MAX_RECORD_BYTES: Final = 4 * MAX_REQUEST_BYTES
REQUEST_TIMEOUT_MS: Final = 10_000
PATIENCE_S: Final = 20.0


@lru_cache(maxsize=65_536)
def _hash(key: bytes) -> int:
    """Java's hash of a key: pure Python, and every job's key comes four times."""
    return int(murmur2(key)) & 0x7FFFFFFF


def _partition(key: bytes | None, partitions: Sequence[int], available: Sequence[int]) -> int:
    if key is None:
        return (available or partitions)[0]
    return partitions[_hash(key) % len(partitions)]


class KafkaPublisher:
    """Fulfils `terrafusion.ports.Publisher`; started anew after every failure."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None

    def _make(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            transactional_id=f"{APP_ID}-relay",
            transaction_timeout_ms=REQUEST_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_request_size=MAX_RECORD_BYTES,
            max_batch_size=256 * 1024,
            partitioner=_partition,
        )

    async def start(self) -> None:
        """Connect, and fence whoever published before. Raises Unavailable."""
        self._producer = self._make()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._producer.start()
        except (KafkaError, TimeoutError) as error:
            await self.stop()
            msg = f"Kafka cannot be reached: {error or type(error).__name__}"
            raise Unavailable(msg) from error

    async def stop(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await producer.stop()

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        """Publish all of them in one transaction, or none."""
        if self._producer is None:
            await self.start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._transact(records)
        except MessageSizeTooLargeError as error:
            await self.stop()  # its sequence numbers have a hole now
            msg = f"{len(records)} records: {error}"
            raise TooLarge(msg) from error
        except (KafkaError, TimeoutError) as error:
            await self.stop()
            msg = f"Kafka cannot take records now: {type(error).__name__} {error}"
            raise Unavailable(msg) from error

    async def _transact(self, records: Sequence[OutgoingRecord]) -> None:
        assert self._producer is not None  # noqa: S101 - started by publish
        async with self._producer.transaction():
            sent = [
                await self._producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
                for record in records
            ]
            await asyncio.gather(*sent)
