"""Topics on the broker: created from the catalogue, and compared with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
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
        found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    return tuple(sentence for spec in specs if (sentence := _difference(spec, found.get(spec.name))))


def _difference(spec: TopicSpec, partitions: int | None) -> str | None:
    if partitions is None:
        return f"Topic {spec.name} does not exist; `terrafusion topics create` makes it."
    if partitions != spec.partitions:
        return f"Topic {spec.name} has {partitions} partitions; the catalogue says {spec.partitions}."
    return None
