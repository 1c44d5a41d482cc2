"""The consumer group as the broker sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from models.group import Dealt, Place
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_records import read_any_header_name
from terrafusion.errors import Unavailable
from topics.catalogue import TopicSpec

PATIENCE_S: Final = 5.0
READ_WITHIN_S: Final = 2.0
FETCH_BYTES: Final = 2**17
"""Of a partition at a time: one record of each is looked for."""


class KafkaGroup:
    """Fulfils `terrafusion.services.grouping.Group`; connected anew after every failure."""

    def __init__(
        self, broker: Broker, group: str, topics: Sequence[TopicSpec], *, told: Sequence[TopicSpec] = ()
    ) -> None:
        """Take the topics that wait to be acknowledged, and those that are ``told``."""
        self._broker = broker
        self._group = group
        self._places = _of(topics)
        self._told = _of(told)
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None

    async def look(self) -> Dealt:
        """Ask the broker; raises Unavailable."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._look()
        except (KafkaError, TimeoutError, OSError) as error:
            await self.stop()
            raise Unavailable(f"Kafka at {self._broker} does not tell of the group: {error!r}") from error

    async def _look(self) -> Dealt:
        admin, consumer = await self._connected()
        [answer] = await admin.describe_consumer_groups([self._group])
        _code, _group, state, _type, _protocol, members, *_ = answer.groups[0]
        committed = await self._committed(admin)
        starts, ends = await consumer.beginning_offsets(self._places), await consumer.end_offsets(self._places)
        told_ends = await consumer.end_offsets(self._told) if self._told else {}
        done = {tp: max(starts[tp], found.offset) for tp, found in committed.items()}
        done |= await _next_records(consumer, {tp: at for tp, at in done.items() if at < ends[tp]}, ends)
        return Dealt(
            state=state,
            members=frozenset(member[0] for member in members),
            owned=frozenset(place for member in members for place in _dealt_to(member)),
            committed=_places(done),
            ends=_places(ends),
            told_ends=_places(told_ends),
        )

    async def _committed(self, admin: AIOKafkaAdminClient) -> Mapping[TopicPartition, OffsetAndMetadata]:
        """Ask what is committed; the client overlooks a refusal, in which no partition is named."""
        found: Mapping[TopicPartition, OffsetAndMetadata]
        found = await admin.list_consumer_group_offsets(self._group, partitions=self._places)
        if len(found) < len(self._places):
            msg = "the group's coordinator does not tell what is committed"
            raise KafkaError(msg)
        return found

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._clients is None:
            read_any_header_name()
            limits = {"request_timeout_ms": int(1000 * PATIENCE_S)}
            self._clients = (
                AIOKafkaAdminClient(**self._broker.options, **limits),
                AIOKafkaConsumer(
                    **self._broker.options,
                    **limits,
                    isolation_level="read_committed",
                    auto_offset_reset="earliest",
                    enable_auto_commit=False,
                    max_partition_fetch_bytes=FETCH_BYTES,
                ),
            )
            for client in self._clients:
                await client.start()
            self._clients[1].assign(self._places)
            self._clients[1].pause(*self._places)
        return self._clients

    async def stop(self) -> None:
        """Disconnect."""
        if self._clients is not None:
            (admin, consumer), self._clients = self._clients, None
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await asyncio.gather(admin.close(), consumer.stop(), return_exceptions=True)


async def _next_records(
    consumer: AIOKafkaConsumer, left: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> Mapping[TopicPartition, int]:
    """Return where the next record lies, as far as it is found in time, or the end.

    Nobody acknowledges a transaction's marker, nor what it takes back.
    """
    found: dict[TopicPartition, int] = {}
    for partition, offset in left.items():
        consumer.seek(partition, offset)
    consumer.resume(*left)
    with suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(READ_WITHIN_S):
            while missing := left.keys() - found.keys():
                records = await consumer.getmany(*missing, timeout_ms=100)
                found |= {tp: min(some[0].offset, ends[tp]) for tp, some in records.items()}
                reached = {tp: await consumer.position(tp) for tp in missing - found.keys()}
                found |= {tp: ends[tp] for tp, at in reached.items() if at >= ends[tp]}
    consumer.pause(*left)
    return found


def _of(topics: Sequence[TopicSpec]) -> list[TopicPartition]:
    return [TopicPartition(topic.name, n) for topic in topics for n in range(topic.partitions)]


def _dealt_to(member: Any) -> Sequence[Place]:
    assigned = member[4]
    if not assigned:  # while the group is dealt anew
        return ()
    places = ConsumerProtocolMemberAssignment.decode(assigned).partitions()
    return [(place.topic, place.partition) for place in places]


def _places(offsets: Mapping[TopicPartition, int]) -> Mapping[Place, int]:
    return {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
