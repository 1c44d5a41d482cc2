"""A transaction is as large as the broker takes in time, whatever the entries hold: none is tried again unchanged for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from models.records import OutgoingRecord
from terrafusion.errors import Unavailable
from terrafusion.metrics import Metrics
from terrafusion.services.relay import GROWTH, RECORDS, Relay

MANY = 1000


class Slow:
    """An outbox, and a broker that takes so many records in time and no more."""

    def __init__(self, *sizes: int, takes: int) -> None:
        self.takes = takes
        self.sizes: list[int] = []
        self.told: list[bytes | None] = []
        self.entries = {
            n: [OutgoingRecord("status", b"k", f"{n} {m}".encode(), ()) for m in range(size)]
            for n, size in enumerate(sizes)
        }

    async def start(self) -> None: ...

    async def read(self, limit: int) -> Any:
        return list(self.entries.items())[:limit]

    async def forget(self, ids: Sequence[int], _refused: Any, _reason: str) -> int:
        for entry in ids:
            del self.entries[entry]
        return 0

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        self.sizes.append(len(records))
        if len(records) > self.takes:
            raise Unavailable("Kafka does not answer")
        self.told += [record.value for record in records]

    def ring(self) -> None: ...


async def emptied(relay: Relay, broker: Any) -> None:
    while broker.entries:
        await relay.publish_oldest(broker)


def relay_of(broker: Any) -> Relay:
    metrics = Metrics(CollectorRegistry(), ())
    return Relay(outbox=broker, publisher=broker, bell=broker, metrics=metrics, monotonic=lambda: 0.0)


async def test_entries_share_a_transaction_as_long_as_they_are_small() -> None:
    broker = Slow(*[MANY] * 12, takes=RECORDS)
    await emptied(relay_of(broker), broker)
    assert broker.sizes == [RECORDS, RECORDS, 2 * MANY]
    assert broker.entries == {}


async def test_one_entry_that_is_larger_goes_in_parts_and_in_order() -> None:
    broker = Slow(3 * RECORDS + 1, takes=RECORDS)
    wanted = [record.value for record in broker.entries[0]]
    await emptied(relay_of(broker), broker)
    assert broker.sizes == [RECORDS, RECORDS, RECORDS, 1]
    assert broker.told == wanted


async def test_what_the_broker_does_not_take_in_time_is_halved_until_it_does() -> None:
    broker = Slow(*[MANY] * 10, takes=300)
    relay = relay_of(broker)
    failures = 0
    while broker.entries:
        try:
            await emptied(relay, broker)
        except Unavailable:
            failures += 1
            assert failures < 40
    assert broker.sizes[:5] == [5000, 2000, 1000, 500, 250]
    assert dict.fromkeys(broker.told) == dict.fromkeys(f"{n} {m}".encode() for n in range(10) for m in range(MANY))


async def test_it_grows_again_once_the_broker_takes_more() -> None:
    broker = Slow(*[1] * 9, *[MANY] * 200, takes=0)
    relay = relay_of(broker)
    for _ in range(20):
        with pytest.raises(Unavailable):
            await emptied(relay, broker)
    assert broker.sizes[-1] == 1
    broker.takes = RECORDS
    broker.sizes.clear()
    await emptied(relay, broker)
    assert broker.sizes[:3] == [1, 8, 1 + 2 * GROWTH]
    assert max(broker.sizes) == RECORDS
