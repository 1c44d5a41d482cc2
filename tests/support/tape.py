"""A client of the topics alone, on confluent-kafka: what upstream and downstream systems would write."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, Producer, TopicPartition
from support.waiting import until

REQUESTS = "market-analysis.requests.v1"
STATUS = "market-analysis.status.v1"
COMPLETED = "market-analysis.completed.v1"
DEAD_LETTER = "market-analysis.dead-letter.v1"
PARTITIONS = 8
QUIET: dict[str, Any] = {"log_level": 0}
"""A broker that goes away is part of some tests."""
TERMINAL = ("COMPLETED", "FAILED", "CANCELLED")
PATIENCE_S = 60.0
"""A part that stands still is found and cured within half a minute; until then a job may wait for it."""


@dataclass(frozen=True)
class Record:
    """A record as confluent-kafka gave it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    at: float = 0.0
    """When it was published, by the clock of who did."""

    @property
    def body(self) -> Any:
        return json.loads(self.value or b"null")

    def header(self, name: str) -> str | None:
        """Return the last header of a name."""
        return next((value.decode() for key, value in reversed(self.headers) if key == name), None)


def request(analysis_type: str, county_id: str = "king_wa", **fields: Any) -> dict[str, Any]:
    """Make a request with an id of its own."""
    return {"job_id": str(uuid4()), "analysis_type": analysis_type, "county_id": county_id, **fields}


class Upstream:
    """Puts requests on their topic."""

    def __init__(self, bootstrap: str, **settings: Any) -> None:
        usual = {"bootstrap.servers": bootstrap, "linger.ms": 2, "acks": "all", "message.max.bytes": 3_000_000}
        self._producer = Producer(QUIET | usual | settings)

    def send(self, *requests: Mapping[str, Any], headers: Sequence[tuple[str, bytes]] = ()) -> Sequence[str]:
        """Send bare requests and return their ids."""
        for asked in requests:
            self.put(json.dumps(asked).encode(), key=asked["job_id"].encode(), headers=headers)
        self.flush()
        return [asked["job_id"] for asked in requests]

    def put(
        self,
        value: bytes | None,
        *,
        key: bytes | None = None,
        topic: str = REQUESTS,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        timestamp: int = 0,
    ) -> None:
        """Send bytes; `flush` waits for them. ``timestamp`` is in milliseconds, 0 for now."""
        where: dict[str, Any] = {} if partition is None else {"partition": partition}
        self._producer.produce(
            topic, value, key=key, headers=list(headers), timestamp=timestamp, on_delivery=_delivered, **where
        )
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until the broker has everything."""
        assert self._producer.flush(60) == 0, "the broker did not take every request"


def _delivered(error: Any, _message: Message) -> None:
    assert error is None, error


class Tape:
    """Everything that was ever published, read in the background from the first record on."""

    TOPICS = (STATUS, COMPLETED, DEAD_LETTER)

    def __init__(self, bootstrap: str, topics: Sequence[str] = TOPICS) -> None:
        settings = QUIET | {
            "bootstrap.servers": bootstrap,
            "group.id": f"tape-{uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,
            "fetch.message.max.bytes": 4_000_000,
        }
        self._consumer = Consumer(settings)
        places = [TopicPartition(topic, number, OFFSET_BEGINNING) for topic in topics for number in range(PARTITIONS)]
        self._consumer.assign(places)
        self.records: dict[str, list[Record]] = {topic: [] for topic in topics}
        self._of_job: dict[str, dict[str, list[Record]]] = {topic: {} for topic in topics}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        read = -1
        while read != (read := sum(map(len, self.records.values()))):  # what other tests left on the topics
            self._stop.wait(1.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self._consumer.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(500, timeout=0.05):
                if message.error() is None:
                    self._keep(message)
                elif message.error().fatal():
                    raise KafkaException(message.error())

    def _keep(self, message: Message) -> None:
        headers = tuple(message.headers() or ())
        topic = message.topic()
        at = message.timestamp()[1] / 1000
        record = Record(topic, message.partition(), message.offset(), message.key(), message.value(), headers, at)
        self._of_job[topic].setdefault((record.key or b"").decode(errors="replace"), []).append(record)
        self.records[topic].append(record)

    def of(self, job_id: str, topic: str = STATUS) -> Sequence[Record]:
        """Return what was published of a job so far."""
        return tuple(self._of_job[topic].get(job_id, ()))

    def life(self, job_id: str) -> Sequence[Mapping[str, Any]]:
        """Return a job's status events as a reader keeps them: what it has seen it drops."""
        seen: list[Mapping[str, Any]] = []
        for record in self.of(job_id):
            if not seen or record.body["sequence"] > seen[-1]["sequence"]:
                seen.append(record.body)
        return seen

    def states(self, job_id: str) -> Sequence[str]:
        """Return the states a job went through, each once."""
        told = [event["status"] for event in self.life(job_id)]
        return [state for at, state in enumerate(told) if at == 0 or told[at - 1] != state]

    def status(self, job_id: str, *states: str, within: float = PATIENCE_S) -> Mapping[str, Any]:
        """Wait for a status event of one of these states and return the first."""

        def look() -> Any:
            return next((r.body for r in self.of(job_id) if r.body["status"] in states), None)

        return until(look, what=f"job {job_id} is {' or '.join(states)}, it is {self.states(job_id)}", within=within)

    def completed(self, job_id: str, *, within: float = PATIENCE_S) -> Record:
        """Wait for a job's completed event, and for the status event that tells the same."""
        until(lambda: self.of(job_id, COMPLETED), what=f"completed event of {job_id}", within=within)
        end = self.of(job_id, COMPLETED)[0]
        self.status(job_id, end.body["status"])
        return end

    def ends(self, ids: Sequence[str], *, within: float = PATIENCE_S) -> Sequence[Mapping[str, Any]]:
        """Wait until all these jobs have ended and return how, in the same order."""
        missing = set(ids)

        def look() -> bool:
            missing.difference_update([job_id for job_id in missing if self.of(job_id, COMPLETED)])
            return not missing

        until(look, what=f"{len(ids)} jobs end, {sorted(missing)[:3]} have not", within=within)
        return [self.of(job_id, COMPLETED)[0].body for job_id in ids]

    def letter(self, value: bytes | None, *, key: bytes | None = None, within: float = PATIENCE_S) -> Record:
        """Wait for the dead letter with these original bytes."""

        def look() -> Record | None:
            return next((r for r in list(self.records[DEAD_LETTER]) if (r.value, r.key) == (value, key)), None)

        return until(look, what=f"dead letter of {value!r:.60}", within=within)


def unread(bootstrap: str, group: str, records: Sequence[Record]) -> int:
    """Return how many of a topic's records a group has not committed; markers of transactions are no records."""
    consumer = Consumer(QUIET | {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        places = [TopicPartition(topic, number) for topic, number in {(r.topic, r.partition) for r in records}]
        committed = {(place.topic, place.partition): place.offset for place in consumer.committed(places, timeout=10)}
        return sum(record.offset >= committed[record.topic, record.partition] for record in records)
    finally:
        consumer.close()


def committed_lag(bootstrap: str, group: str, topic: str = REQUESTS) -> int:
    """Return how many records of a topic lie behind what a group has committed."""
    consumer = Consumer(QUIET | {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        lag = 0
        for place in consumer.committed(places, timeout=10):
            low, high = consumer.get_watermark_offsets(place, timeout=10)
            lag += high - (place.offset if place.offset >= 0 else low)
        return lag
    finally:
        consumer.close()
