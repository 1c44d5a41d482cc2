"""Says what is wrong with a system at rest: from its topics, its database and its files alone."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from support.database import Database
from support.tape import COMPLETED, DEAD_LETTER, PARTITIONS, QUIET, STATUS, TERMINAL, Record, committed_lag

MOVES = {
    (None, "PENDING"),
    ("PENDING", "RUNNING"),
    ("RUNNING", "RUNNING"),
    ("RUNNING", "PENDING"),
    ("RUNNING", "COMPLETED"),
    ("RUNNING", "FAILED"),
}
SAME = (
    "sequence",
    "status",
    "analysis_type",
    "county_id",
    "failure_reason",
    "data_version",
    "result_data_location",
    "result_sha256",
)
"""What the completed event and the row both tell."""


@dataclass(frozen=True)
class Told:
    """An event once, and how often it came."""

    record: Record
    times: int


def read_all(bootstrap: str, topics: Sequence[str]) -> Mapping[str, Sequence[Record]]:
    """Read what was committed on these topics, to their ends."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "audit", "enable.auto.commit": False}
    consumer = Consumer(QUIET | settings | {"isolation.level": "read_committed", "enable.partition.eof": True})
    places = [TopicPartition(topic, number, OFFSET_BEGINNING) for topic in topics for number in range(PARTITIONS)]
    consumer.assign(places)
    read: dict[str, list[Record]] = {topic: [] for topic in topics}
    ends = set()
    while len(ends) < len(places):
        message = consumer.poll(20)
        assert message is not None, f"{len(places) - len(ends)} partitions do not end"
        topic, partition = message.topic(), message.partition()
        if message.error() is None:
            content = (message.key(), message.value(), tuple(message.headers() or ()))
            read[topic].append(Record(topic, partition, message.offset(), *content))
        else:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ends.add((topic, partition))
    consumer.close()
    return read


def audit(bootstrap: str, database: Database, *, asked: Sequence[str], group: str, results: str) -> Sequence[str]:
    """Return one sentence for each promise that was not kept."""
    topics = read_all(bootstrap, (STATUS, COMPLETED, DEAD_LETTER))
    rows = {str(row["job_id"]): row for row in database.rows("SELECT * FROM market_analysis_jobs")}
    found = [*_counts(database, topics), *_offsets(bootstrap, group), *_asked(rows, asked)]
    statuses, ends = (_by_job(topics[topic]) for topic in (STATUS, COMPLETED))
    found += [f"{job_id} has events and no row" for job_id in (statuses.keys() | ends.keys()) - rows.keys()]
    for job_id, row in rows.items():
        problems = (*_row(row), *_life(statuses[job_id], row), *_end(ends[job_id], row))
        found += [f"{job_id} {row['analysis_type']}: {problem}" for problem in problems]
    return [*found, *_files(rows, results)]


def _counts(database: Database, topics: Mapping[str, Sequence[Record]]) -> Iterator[str]:
    for table in ("outbox", "dead_letters"):
        if count := database.value(f"SELECT count(*) FROM {table}"):
            yield f"{count} rows in {table}"
    if letters := topics[DEAD_LETTER]:
        yield f"{len(letters)} dead letters on the topic"


def _offsets(bootstrap: str, group: str) -> Iterator[str]:
    if lag := committed_lag(bootstrap, group):
        yield f"committed offsets are {lag} behind the end"


def _asked(rows: Mapping[str, Any], asked: Sequence[str]) -> Iterator[str]:
    if lost := set(asked) - rows.keys():
        yield f"{len(lost)} requests were lost"
    if more := rows.keys() - set(asked):
        yield f"{len(more)} jobs that nobody asked for"


def _by_job(records: Sequence[Record]) -> Mapping[str, Sequence[Record]]:
    """Group by key, in the order of the log; a job's events all lie in one partition."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[(record.key or b"").decode()].append(record)
    return found


def _row(row: Any) -> Iterator[str]:
    if row["status"] != "COMPLETED":
        yield f"is {row['status']} ({row['failure_reason']}: {row['message']})"
    if row["lease_until"] is not None or row["owner"] is not None:
        yield "is still held"
    if row["status"] in TERMINAL and row["completed_at"] is None:
        yield "has no end"


def _life(records: Sequence[Record], row: Any) -> Iterator[str]:
    """Hold the events to what a reader does: drop what it has seen, and then see no gap."""
    if len({record.partition for record in records}) > 1:
        yield "its events lie in several partitions"
    seen: list[Mapping[str, Any]] = []
    contents: dict[str, bytes | None] = {}
    for record in records:
        name = record.header("ce_id") or ""
        if contents.setdefault(name, record.value) != record.value:
            yield f"two events {name} that differ"
        if name != f"status/{row['job_id']}/{record.body['sequence']}":
            yield f"event {name} has the sequence {record.body['sequence']}"
        if not seen or record.body["sequence"] > seen[-1]["sequence"]:
            seen.append(record.body)
    yield from _whole(seen, row)
    if records and records[-1].body["status"] != row["status"]:
        yield "a compacted topic would keep an old state"


def _whole(seen: Sequence[Mapping[str, Any]], row: Any) -> Iterator[str]:
    sequences = [event["sequence"] for event in seen]
    if sequences != list(range(1, row["sequence"] + 1)):
        yield f"sequences are {sequences}, the row is at {row['sequence']}"
    states = [None, *(event["status"] for event in seen)]
    yield from (f"went from {move[0]} to {move[1]}" for move in pairwise(states) if move not in MOVES)


def _end(records: Sequence[Record], row: Any) -> Iterator[str]:
    names = {record.header("ce_id") for record in records}
    if names != {f"completed/{row['job_id']}/{row['sequence']}"}:
        yield f"completed events are {sorted(map(str, names))}"
    if len({record.value for record in records}) > 1:
        yield "completed events that differ"
    for record in records[:1]:
        yield from (
            f"{name} is {record.body[name]!r} in the event and {row[name]!r} in the row"
            for name in SAME
            if record.body[name] != row[name]
        )
        if record.body["result_summary"] != json.loads(row["result_summary_json"] or "null"):
            yield "another summary in the event than in the row"


def _files(rows: Mapping[str, Any], results: str) -> Iterator[str]:
    expected = {_path(row["result_data_location"]): row for row in rows.values() if row["result_data_location"]}
    for path, row in expected.items():
        if not path.exists():
            yield f"{row['job_id']}: its file is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != row["result_sha256"]:
            yield f"{row['job_id']}: its file has another digest"
    types = {row["analysis_type"] for row in rows.values()}
    there = {path for name in types for path in _path(results).glob(f"*/{name}/*.parquet")}
    yield from (f"{path} belongs to no job" for path in there - expected.keys())


def _path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))
