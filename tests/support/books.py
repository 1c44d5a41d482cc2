"""Holds a system at rest to what was asked of it: from its topics, its database and its files alone."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from support.doomed import Doomed
from support.tape import COMPLETED, DEAD_LETTER, PARTITIONS, QUIET, STATUS, TERMINAL, Record

MOVES = {
    (None, "PENDING"),
    (None, "FAILED"),
    ("PENDING", "RUNNING"),
    ("PENDING", "CANCELLED"),
    ("PENDING", "FAILED"),
    ("RUNNING", "RUNNING"),
    ("RUNNING", "PENDING"),
    *(("RUNNING", end) for end in TERMINAL),
}
TOLD_TWICE = ("sequence", "status", "analysis_type", "county_id", "failure_reason", "result_sha256")
"""What the completed event and the row both tell."""
UNTOLD = ("bulky",)
"""Analyses whose answer the broker refuses: their completed event is a dead letter."""


@dataclass(frozen=True)
class Books:
    """All there is, once nothing moves any more."""

    topics: Mapping[str, Sequence[Record]]
    rows: Mapping[str, Any]
    letters: Sequence[Any]
    results: Path
    expected: Mapping[str, Any]
    refused: Sequence[bytes]
    deaths: int

    def of_jobs(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with jobs: the blow each was asked for, and a sentence."""
        statuses, ends = (_by_job(self.topics[topic]) for topic in (STATUS, COMPLETED))
        for job_id, expected in self.expected.items():
            row = self.rows.get(job_id)
            if row is None:
                yield expected.blow, f"{job_id} was lost"
                continue
            kind = row["analysis_type"]
            told = [] if kind in UNTOLD else _end(ends[job_id], row)
            wrong = (*_as_expected(row, expected, self.deaths), *_life(statuses[job_id], row), *told, *_result(row))
            yield from ((expected.blow, f"{job_id} {kind}: {problem}") for problem in wrong)

    def of_all(self) -> Iterator[str]:
        """Yield what is wrong and no single job's fault."""
        yield from (f"nobody asked for {dict(self.rows[i])}" for i in self.rows.keys() - self.expected.keys())
        yield from self._letters()
        owned = {path for row in self.rows.values() for path in _files(row)}
        there = {path for path in self.results.rglob("*") if path.is_file()}
        snapshots = {path for path in there if path.relative_to(self.results).parts[0] == "snapshots"}
        yield from (f"{path.relative_to(self.results)} is nobody's" for path in there - owned - snapshots)

    def _letters(self) -> Iterator[str]:
        kept = Counter(row["value"] for row in self.letters if row["stage"] != "publish")
        wanted = Counter(self.refused)
        yield from (f"no dead letter: {value!r:.200}" for value in wanted - kept)
        yield from (f"a dead letter too many: {value!r:.200}" for value in kept - wanted)
        told = {record.header("dlq.id") for record in self.topics[DEAD_LETTER]}
        ids = {str(row["id"]) for row in self.letters if row["stage"] != "publish"}
        if told != ids:
            yield f"dead letters {told ^ ids} are on the topic or in the table alone"


def read(system: Doomed) -> Books:
    """Read everything."""
    topics = (STATUS, COMPLETED, DEAD_LETTER)
    return Books(
        _read_topics(system.settings.kafka_bootstrap or "", topics),
        {str(row["job_id"]): row for row in system.database.rows("SELECT * FROM market_analysis_jobs")},
        system.database.rows("SELECT * FROM dead_letters"),
        _path(system.settings.results),
        system.expected,
        system.letters,
        system.deaths,
    )


def _read_topics(bootstrap: str, topics: Sequence[str]) -> Mapping[str, Sequence[Record]]:
    settings = {"bootstrap.servers": bootstrap, "group.id": "books", "enable.auto.commit": False}
    consumer = Consumer(QUIET | settings | {"isolation.level": "read_committed", "enable.partition.eof": True})
    places = [TopicPartition(topic, number, OFFSET_BEGINNING) for topic in topics for number in range(PARTITIONS)]
    consumer.assign(places)
    found: dict[str, list[Record]] = {topic: [] for topic in topics}
    ends = 0
    while ends < len(places):
        message = consumer.poll(20)
        assert message is not None, f"{len(places) - ends} partitions do not end"
        if message.error() is None:
            content = (message.key(), message.value(), tuple(message.headers() or ()))
            found[message.topic()].append(Record(message.topic(), message.partition(), message.offset(), *content))
        else:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ends += 1
    consumer.close()
    return found


def _by_job(records: Sequence[Record]) -> Mapping[str, Sequence[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[(record.key or b"").decode()].append(record)
    return found


def _as_expected(row: Any, expected: Any, deaths: int) -> Iterator[str]:
    if (row["status"], row["failure_reason"]) != (expected.status, expected.reason):
        yield f"is {row['status']} ({row['failure_reason']}: {row['message']}), not {expected.status}"
    if row["lease_until"] is not None or row["owner"] is not None:
        yield "is still held"
    if row["crashes"] > deaths:
        yield f"counts {row['crashes']} crashes, {deaths} processes died"


def _life(records: Sequence[Record], row: Any) -> Iterator[str]:
    """Hold the events to what a reader does: drop what it has seen, and then see no gap."""
    seen: list[Mapping[str, Any]] = []
    contents: dict[int, bytes | None] = {}
    for record in records:
        body = record.body
        if record.header("ce_id") != f"status/{row['job_id']}/{body['sequence']}":
            yield f"event {record.header('ce_id')} has the sequence {body['sequence']}"
        if contents.setdefault(body["sequence"], record.value) != record.value:
            yield f"two events {body['sequence']} that differ"
        if not seen or body["sequence"] > seen[-1]["sequence"]:
            seen.append(body)
    sequences = [event["sequence"] for event in seen]
    if sequences != list(range(1, row["sequence"] + 1)):
        yield f"sequences are {sequences}, the row is at {row['sequence']}"
    if records and records[-1].body["sequence"] != row["sequence"]:
        yield "a compacted topic would keep an old state"
    states = [None, *(event["status"] for event in seen)]
    yield from (f"went from {move[0]} to {move[1]}" for move in pairwise(states) if move not in MOVES)


def _end(records: Sequence[Record], row: Any) -> Iterator[str]:
    names = {record.header("ce_id") for record in records}
    if names != {f"completed/{row['job_id']}/{row['sequence']}"}:
        yield f"completed events are {sorted(map(str, names))}, the row is at {row['sequence']}"
    if len({record.value for record in records}) > 1:
        yield "completed events that differ"
    for event in (record.body for record in records[:1]):
        told = {name: (event[name], row[name]) for name in TOLD_TWICE}
        told["summary"] = (event["result_summary"], json.loads(row["result_summary_json"] or "null"))
        yield from (f"{name} is {a!r} in the event and {b!r} in the row" for name, (a, b) in told.items() if a != b)


def _result(row: Any) -> Iterator[str]:
    for path in _files(row):
        if not path.exists():
            yield f"{path.name} is missing"
        elif path.suffix == ".parquet" and hashlib.sha256(path.read_bytes()).hexdigest() != row["result_sha256"]:
            yield f"{path.name} has another digest"


def _files(row: Any) -> Sequence[Path]:
    if row["result_data_location"] is None:
        return ()
    path = _path(row["result_data_location"])
    return (path, path.with_suffix(".json"))


def _path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))
