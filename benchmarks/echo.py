"""Bare aiokafka: a program that gives back each message on another topic, and promises nothing."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.stage import READY
from topics.catalogue import PARTITIONS, TopicSpec

CALLS: Final = TopicSpec("benchmark.calls", None, PARTITIONS, "what the echo hears")
ECHOES: Final = TopicSpec("benchmark.echoes", None, PARTITIONS, "what it gives back")


async def echo(bootstrap: str) -> None:
    """Consume and produce until the process is ended."""
    consumer = AIOKafkaConsumer(
        CALLS.name, bootstrap_servers=bootstrap, group_id="benchmark-echo", auto_offset_reset="earliest"
    )
    async with consumer, AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        print(READY, flush=True)
        while True:
            for messages in (await consumer.getmany(timeout_ms=1000)).values():
                for message in messages:
                    await producer.send(ECHOES.name, message.value, key=message.key)


if __name__ == "__main__":
    asyncio.run(echo(sys.argv[1]))
