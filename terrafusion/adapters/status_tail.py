"""The end of the status topic, all partitions of it, read while somebody here follows jobs.

A worker's own partitions come by its agent; a reader wants to hear of every job, whichever worker runs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from terrafusion.adapters.broker import Broker
from topics.catalogue import STATUS

READY_S: Final = 5.0
LINGER_S: Final = 30.0
"""It goes on for so long without readers: a page that is loaded anew is one that comes back."""
AGAIN_AFTER_S: Final = 1.0
MOST_AT_ONCE: Final = 500
FETCH_BYTES: Final = 256_000

log = structlog.get_logger(__name__)


class StatusTail:
    """Brings records to ``hear`` as key and value, from the first reader on until the last has been gone for a while."""

    def __init__(self, broker: Broker, hear: Callable[[bytes | None, bytes | None], None]) -> None:
        self._broker = broker
        self._hear = hear
        self._readers = 0
        self._reading: asyncio.Future[None] | None = None
        self._left: set[asyncio.Future[None]] = set()
        """Those that still disconnect; who comes meanwhile begins anew."""
        self._ending: asyncio.TimerHandle | None = None
        self._is_at_end = asyncio.Event()
        self._places: dict[TopicPartition, int] = {}

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """Have it read while the block runs; begins once it is at the end, or after a while without a broker."""
        self._readers += 1
        if self._ending is not None:
            self._ending.cancel()
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(READY_S):
                    await self._is_at_end.wait()
            yield
        finally:
            self._readers -= 1
            if not self._readers:
                self._ending = asyncio.get_running_loop().call_later(LINGER_S, self._leave)

    async def stop(self) -> None:
        """Read no more."""
        if self._ending is not None:
            self._ending.cancel()
        self._leave()
        if self._left:
            await asyncio.wait(self._left)

    def _leave(self) -> None:
        if self._reading is not None:
            self._left.add(self._reading)
            self._reading.add_done_callback(self._left.discard)
            self._reading.cancel()
        self._reading = None
        self._is_at_end.clear()
        self._places = {}

    async def _read(self) -> None:
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - readers would hear nothing, and nobody of it
                log.warning("the end of the status topic cannot be read now", reason=repr(error))
            self._is_at_end.clear()
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._broker.options,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=200,
        )  # uncommitted too: what the relay sends stands in Postgres, and is sent again where it breaks off
        await consumer.start()
        try:
            await self._go_to_end(consumer)
            self._is_at_end.set()
            while True:
                self._take(await consumer.getmany(timeout_ms=1000, max_records=MOST_AT_ONCE))
                await asyncio.sleep(0)
        finally:
            await consumer.stop()

    async def _go_to_end(self, consumer: Any) -> None:
        """Begin at the end, or where it was broken off."""
        partitions = [TopicPartition(STATUS.name, n) for n in range(STATUS.partitions)]
        consumer.assign(partitions)
        self._places = {**await consumer.end_offsets(partitions), **self._places}
        for partition, offset in self._places.items():
            consumer.seek(partition, offset)

    def _take(self, records: dict[TopicPartition, list[Any]]) -> None:
        for partition, some in records.items():
            for record in some:
                self._hear(record.key, record.value)
            self._places[partition] = some[-1].offset + 1
