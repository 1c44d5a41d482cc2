"""Whoever follows jobs has a tail of the status topic, whenever they come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition

from terrafusion.adapters import status_tail
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.status_tail import StatusTail
from topics.catalogue import STATUS


class Consumer:
    """Tells one record at a time, and takes as long to stop as the test lets it."""

    made: list[Consumer]
    may_stop: asyncio.Event

    def __init__(self, **_options: Any) -> None:
        self.made.append(self)
        self.stopped = False

    async def start(self) -> None: ...

    async def stop(self) -> None:
        await self.may_stop.wait()
        self.stopped = True

    def assign(self, _partitions: Any) -> None: ...

    def seek(self, _partition: Any, _offset: int) -> None: ...

    async def end_offsets(self, partitions: Any) -> Any:
        return dict.fromkeys(partitions, 0)

    async def getmany(self, **_limits: Any) -> Any:
        await asyncio.sleep(0.001)
        return {TopicPartition(STATUS.name, 0): [Record()]}


class Record:
    key, value, offset = b"k", b"v", 0


@pytest.fixture
def consumers(monkeypatch: pytest.MonkeyPatch) -> type[Consumer]:
    class Fresh(Consumer):
        made: list[Consumer] = []  # noqa: RUF012 - of this test alone
        may_stop = asyncio.Event()

    monkeypatch.setattr(status_tail, "AIOKafkaConsumer", Fresh)
    monkeypatch.setattr(status_tail, "LINGER_S", 0.0)
    return Fresh


async def test_who_comes_while_the_tail_still_disconnects_has_one_of_their_own(consumers: type[Consumer]) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    tail = StatusTail(Broker("nowhere:9092"), lambda *record: heard.put_nowait(record))
    async with asyncio.timeout(2):
        async with tail.read():
            await heard.get()
        await asyncio.sleep(0.01)
        while not heard.empty():
            heard.get_nowait()
        async with tail.read():
            assert await heard.get() == (b"k", b"v")
        consumers.may_stop.set()
        await tail.stop()
    assert [consumer.stopped for consumer in consumers.made] == [True, True]


async def test_a_stop_waits_until_every_tail_has_disconnected(consumers: type[Consumer]) -> None:
    tail = StatusTail(Broker("nowhere:9092"), lambda *_: None)
    async with tail.read():
        pass
    await asyncio.sleep(0.01)
    stopping = asyncio.ensure_future(tail.stop())
    await asyncio.sleep(0.01)
    assert not stopping.done()
    consumers.may_stop.set()
    async with asyncio.timeout(2):
        await stopping
    assert [consumer.stopped for consumer in consumers.made] == [True]


async def test_whatever_goes_wrong_it_is_read_on(consumers: type[Consumer], monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers of other workers' jobs would hear nothing more, and nobody would know."""
    monkeypatch.setattr(status_tail, "AGAIN_AFTER_S", 0.0)
    consumers.may_stop.set()
    heard: asyncio.Queue[Any] = asyncio.Queue()

    def hear(*record: Any) -> None:
        if len(consumers.made) == 1:
            raise LookupError("something that nobody thought of")
        heard.put_nowait(record)

    tail = StatusTail(Broker("nowhere:9092"), hear)
    async with asyncio.timeout(2), tail.read():
        assert await heard.get() == (b"k", b"v")
    await tail.stop()
