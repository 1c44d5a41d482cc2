"""When the live table has seen everything: the consumer group has committed past the last status event.

It is asked of the broker, for asking the worker would cost it time: its stream of events costs more than the table.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from topics.catalogue import APP_ID, PARTITIONS, STATUS

PATIENCE_S: Final = 60.0
TAIL: Final = 200
"""Offsets to read back: transactions leave markers behind the last event."""
Offsets = Mapping[int, int]


def caught_up(bootstrap: str) -> float:
    """Wait until the worker's table has caught up with the status topic; return when, by `perf_counter`.

    An offset is committed after the table took its event in. Commits come once a second, so up to a second of
    it may be the wait for the next one. Raises TimeoutError.
    """
    until = time.perf_counter() + PATIENCE_S
    last = _last_events(bootstrap)
    group = Consumer({"bootstrap.servers": bootstrap, "group.id": APP_ID})
    asked = [TopicPartition(STATUS.name, partition) for partition in last]
    try:
        while any(at.offset <= last[at.partition] for at in group.committed(asked, timeout=10)):
            if time.perf_counter() > until:
                msg = f"the table has not caught up with the status topic within {PATIENCE_S:g} s"
                raise TimeoutError(msg)
            time.sleep(0.02)
    finally:
        group.close()
    return time.perf_counter()


def _last_events(bootstrap: str) -> Offsets:
    """Return the offset of the last status event of each partition that has one."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "benchmark-tail", "enable.partition.eof": True})
    parts = [TopicPartition(STATUS.name, number) for number in range(PARTITIONS)]
    for part in parts:
        low, high = consumer.get_watermark_offsets(part, timeout=10)
        part.offset = max(low, high - TAIL)
    consumer.assign(parts)
    try:
        return _read_to_the_end(consumer)
    finally:
        consumer.close()


def _read_to_the_end(consumer: Consumer) -> Offsets:
    last: dict[int, int] = {}
    ended: set[int] = set()
    until = time.monotonic() + PATIENCE_S
    while len(ended) < PARTITIONS:
        if time.monotonic() > until:
            msg = f"the end of the status topic could not be read within {PATIENCE_S:g} s"
            raise TimeoutError(msg)
        message = consumer.poll(1.0)
        if message is None:
            continue
        error, partition, offset = message.error(), message.partition(), message.offset()
        if partition is None or offset is None:
            continue
        if error is None:
            last[partition] = offset
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - so it is spelled
            ended.add(partition)
    return last
