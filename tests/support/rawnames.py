"""Header names that are no UTF-8, as clients in other languages can write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

SIZE = 1_000_000
NOBODY = -1
"""As producer id, epoch and sequence: not idempotent."""


class RawName(str):
    """A name that is written as these bytes."""

    raw: bytes
    __slots__ = ("raw",)

    def __new__(cls, raw: bytes) -> Self:
        made = super().__new__(cls, raw.decode("latin-1"))
        made.raw = raw
        return made

    def encode(self, *_: object) -> bytes:
        return self.raw


Headers = Sequence[tuple[str, bytes | None]]


def batch_of(*records: tuple[bytes, Headers], codec: int = 0, base: int = 0) -> bytes:
    """Write records as one batch, as a fetch returns it."""
    builder = _builder(codec)
    for offset, (value, headers) in enumerate(records):
        builder.append(offset, timestamp=0, key=None, value=value, headers=list(headers))
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8, "big")
    return bytes(built)


def _builder(codec: int) -> _DefaultRecordBatchBuilderPy:
    return _DefaultRecordBatchBuilderPy(2, codec, 0, NOBODY, NOBODY, NOBODY, SIZE)


async def send(bootstrap: str, topic: str, value: bytes, headers: Headers, *, key: bytes, partition: int) -> None:
    """Put one such record on a topic."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        batch = producer.create_batch()
        batch._builder = _builder(0)
        batch.append(timestamp=None, key=key, value=value, headers=headers)
        await (await producer.send_batch(batch, topic, partition=partition))
