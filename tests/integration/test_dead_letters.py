"""What the broker refuses for its size: parked, listed, published again as it was, and in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs
from support.tape import COMPLETED, DEAD_LETTER, Tape
from support.waiting import until

from models.dead_letters import DeadLetter, LetterState, Stage
from models.jobs import Finish, NewJob
from terrafusion.adapters.bell import AsyncBell
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_publisher import KafkaPublisher
from terrafusion.adapters.postgres.letters import PostgresDeadLetters
from terrafusion.adapters.postgres.outbox import PostgresOutbox
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import Offer
from terrafusion.ports.letters import LetterFilter
from terrafusion.services.relay import Relay
from topics.catalogue import REQUESTS

CANARY = "the secret of parcel 4711 "
TWO_MB = CANARY * 80_000
OPEN = LetterFilter()
LIMIT_S = 30.0


class Office:
    """A store, its letters and the one relay to the broker."""

    def __init__(self, engine: AsyncEngine, bootstrap: str) -> None:
        self.store = PostgresJobStore(engine)
        self.letters = PostgresDeadLetters(engine)
        self.publisher = KafkaPublisher(Broker(bootstrap))
        self.registry = CollectorRegistry()
        self._outbox = PostgresOutbox(engine)
        self._relay = Relay(
            outbox=self._outbox,
            publisher=self.publisher,
            bell=AsyncBell(),
            metrics=Metrics(self.registry, ()),
            monotonic=asyncio.get_running_loop().time,
        )

    async def publish(self) -> None:
        """Let the relay empty the outbox once."""
        async with asyncio.timeout(LIMIT_S), self._outbox.lead() as leader:
            assert leader is not None
            await self._relay._tell_backlog(leader)
            while await leader.read(1):
                await self._relay.publish_oldest(leader)

    async def completed(self, summary: dict[str, Any]) -> str:
        """Take a job through its life; its completed event holds the summary."""
        job = NewJob(job_id=uuid4(), analysis_type="trend_analysis", county_id="king_wa", parameters={}, digest="d")
        await self.store.accept([Offer(job)])
        claims = await self.store.claim("w", slots=1, weights={}, lease=timedelta(seconds=30))
        done = [Finish(job_id=c.job_id, attempt=c.attempt, message="Done", result_summary=summary) for c in claims]
        await self.store.finish(done)
        return str(job.job_id)

    async def kept(self) -> Sequence[tuple[int, Stage, str]]:
        page = await self.letters.page(OPEN, before=None, limit=10)
        return [(entry.id, entry.stage, str(entry.job_id)) for entry in page]

    def counted(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"terrafusion_dead_letters_{name}", labels)


@pytest.fixture
async def office(engine: AsyncEngine, topics: str) -> AsyncIterator[Office]:
    made = Office(engine, topics)
    yield made
    await made.publisher.stop()


@pytest.fixture
def tape(topics: str) -> Iterator[Tape]:
    with Tape(topics) as made:
        yield made


@pytest.fixture(autouse=True)
def small(topics: str) -> Iterator[None]:
    """Have the broker refuse 1 MB on the completed topic, until it is as it was again."""
    allow(topics, 1_000_000)
    yield
    allow(topics, None)


def allow(bootstrap: str, size: int | None) -> None:
    """Let records of the completed topic be this large; None is what the broker allows by itself."""
    change = AlterConfigOpType.SET if size else AlterConfigOpType.DELETE
    entry = ConfigEntry("max.message.bytes", str(size or ""), incremental_operation=change)
    resource = ConfigResource(ResourceType.TOPIC, COMPLETED, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    (done,) = admin.incremental_alter_configs([resource]).values()
    done.result(10)


async def test_it_is_parked_and_what_stands_behind_it_flows(office: Office, tape: Tape) -> None:
    before, large, after = [await office.completed(summary) for summary in ({"n": 1}, {"n": TWO_MB}, {"n": 2})]
    with capture_logs() as logs:
        await office.publish()
    for job_id in (before, after):
        await asyncio.to_thread(tape.completed, job_id)
    await asyncio.to_thread(tape.status, large, "COMPLETED")
    assert not tape.of(large, COMPLETED)
    ((letter_id, stage, job_id),) = await office.kept()
    assert (stage, job_id) == (Stage.PUBLISH, large)
    letter = await office.letters.get(letter_id)
    assert letter is not None
    assert (letter.topic, letter.key, letter.error_class) == (COMPLETED, large.encode(), "RecordTooLarge")
    event = orjson.loads(letter.value or b"")
    assert event["result_summary"] == {"n": TWO_MB}
    assert (letter.county_id, letter.analysis_type) == (event["county_id"], event["analysis_type"])
    assert dict(letter.headers)["ce_id"] == f"completed/{large}/3".encode()
    assert office.counted("total", stage="publish") == 1
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == [
        "record is too large for the broker"
    ]
    assert CANARY not in str(logs)


async def test_published_again_it_is_what_it_was_or_parked_again(office: Office, tape: Tape, topics: str) -> None:
    large = await office.completed({"n": TWO_MB})
    await office.publish()
    ((first, _, _),) = await office.kept()
    assert await office.letters.republish(first, by="ann")
    after = await office.completed({"n": 1})
    await office.publish()
    await asyncio.to_thread(tape.completed, after)
    assert not tape.of(large, COMPLETED)
    ((second, stage, job_id),) = await office.kept()
    assert (second > first, stage, job_id) == (True, Stage.PUBLISH, large)
    allow(topics, None)
    assert await office.letters.republish(second, by="ann")
    await office.publish()
    told = await asyncio.to_thread(until, lambda: tape.of(large, COMPLETED), what="the large one is published")
    letter = await office.letters.get(second)
    assert letter is not None
    assert [(r.key, r.value, r.headers) for r in told] == [(letter.key, letter.value, letter.headers)]
    assert await office.kept() == []


async def test_any_record_is_told_with_the_bytes_it_had(office: Office, tape: Tape) -> None:
    strange = [
        DeadLetter(
            topic=REQUESTS.name,
            partition=0,
            offset=number,
            timestamp=await _now(office),
            key=key,
            value=value,
            headers=headers,
            stage=Stage.DECODE,
            error_class="MalformedMessage",
            error_message="strange",
        )
        for number, (key, value, headers) in enumerate(
            [
                (None, None, ()),
                (b"", b"", (("", b""),)),
                (b"\xff\x00", b"\x00\xff", (("a", None), ("a", b"\xfe"), ("ä", b""))),
            ]
        )
    ]
    await office.store.accept([], strange)
    await office.publish()
    ids = {str(entry.id) for entry in await office.letters.page(OPEN, before=None, limit=10)}

    def mine() -> Any:
        found = [record for record in tape.records[DEAD_LETTER] if record.header("dlq.id") in ids]
        return found if len(found) == len(strange) else None

    told = await asyncio.to_thread(until, mine, what="three letters on the topic")
    assert sorted(_content(record) for record in told) == sorted(_content(letter) for letter in strange)


def _content(record: Any) -> str:
    own = [header for header in record.headers if not header[0].startswith("dlq.")]
    return repr((record.key, record.value, own))


async def _now(office: Office) -> Any:
    job = await office.store.get(UUID(await office.completed({})))
    assert job is not None
    return job.created_at


async def test_who_leads_tells_how_many_are_open(office: Office) -> None:
    await office.completed({"n": TWO_MB})
    await office.publish()
    ((letter_id, _, _),) = await office.kept()
    office._relay._tell_at = 0.0
    await office.publish()
    assert office.counted("open", stage="publish") == 1
    assert office.counted("open", stage="decode") == 0
    assert await office.letters.republish(letter_id, by=None)
    kept = await office.letters.get(letter_id)
    assert kept is not None
    assert kept.state is LetterState.REPLAYED
