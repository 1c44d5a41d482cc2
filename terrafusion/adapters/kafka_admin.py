"""Topics on the broker: created from the catalogue, and compared with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from terrafusion.adapters.broker import Broker
from terrafusion.errors import Misconfigured, Unavailable
from topics.catalogue import TOPICS, TopicSpec


@asynccontextmanager
async def _admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**broker.options, request_timeout_ms=10_000)
    try:
        await client.start()
        yield client
    except KafkaError as error:
        msg = f"Kafka at {broker} cannot be reached: {await broker.trouble()}"
        raise Unavailable(msg) from error
    finally:
        await client.close()


async def create_topics(broker: Broker, specs: Sequence[TopicSpec] = TOPICS) -> tuple[str, ...]:
    """Create what is missing and return the names of it; what exists is left as it is."""
    async with _admin(broker) as admin:
        answer = await admin.create_topics([_new(spec) for spec in specs])
    return tuple(name for name, code, *detail in answer.topic_errors if _is_new(name, code, detail))


def _new(spec: TopicSpec) -> NewTopic:
    # aiokafka takes -1, the broker's own replication factor, only beside (empty) assignments
    return NewTopic(spec.name, spec.partitions, -1, replica_assignments={}, topic_configs=dict(spec.config))


def _is_new(name: str, code: int, detail: Sequence[object]) -> bool:
    error = for_code(code)
    if error is TopicAlreadyExistsError:
        return False
    if code != 0:
        msg = f"Topic {name} cannot be created: {error.__name__} {' '.join(str(part) for part in detail if part)}"
        raise Misconfigured(msg)
    return True


async def check_topics(broker: Broker, specs: Sequence[TopicSpec] = TOPICS) -> tuple[str, ...]:
    """Return one sentence for each difference between the broker and the catalogue."""
    async with _admin(broker) as admin:
        partitions = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
        there = [spec for spec in specs if spec.name in partitions]
        answers = await admin.describe_configs([_asked(spec) for spec in there]) if there else ()
    told = {resource[3]: resource for answer in answers for resource in answer.resources}
    return tuple(
        sentence for spec in specs for sentence in _differences(spec, partitions.get(spec.name), told.get(spec.name))
    )


def _asked(spec: TopicSpec) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, spec.name, configs=dict(spec.config))


def _differences(spec: TopicSpec, partitions: int | None, told: Sequence[Any] | None) -> Iterator[str]:
    """Compare a topic with what the broker has: how many partitions, and what it told when it was asked for values."""
    if partitions is None or told is None:
        yield f"Topic {spec.name} does not exist; `terrafusion topics create` makes it."
        return
    if partitions != spec.partitions:
        yield f"Topic {spec.name} has {partitions} partitions; the catalogue says {spec.partitions}."
    code, detail, _, _, values = told
    if code != 0:
        yield f"The configuration of topic {spec.name} cannot be read: {for_code(code).__name__} {detail or ''}".rstrip()
        return
    found = {name: value for name, value, *_ in values}
    for name, wanted in spec.config.items():
        if found.get(name) != wanted:
            yield f"Topic {spec.name} has {name}={found.get(name)}; the catalogue says {wanted}."
