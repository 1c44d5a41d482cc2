"""A system at rest as it can be seen from outside: its topics, its database, its files, its processes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from support.database import Database
from support.tape import COMPLETED, DEAD_LETTER, PARTITIONS, QUIET, REQUESTS, STATUS, Record, committed_lag, unread

COMMANDS = "market-analysis.commands.v1"
COMMITTED_S = 30.0
"""Workers commit what they have read each second."""
Marks = Mapping[tuple[str, int], int]
"""The next offset of each partition."""


@dataclass(frozen=True)
class World:
    """All that a checker needs to know."""

    requests: Sequence[Record]
    statuses: Sequence[Record]
    completed: Sequence[Record]
    dead_letters: Sequence[Record]
    rows: Mapping[str, Any]
    """Jobs by id."""
    letters: Sequence[Any]
    outbox: int
    lag: Mapping[str, int]
    """Records of a topic behind what the group has committed."""
    digests: Mapping[Path, str]
    """SHA-256 of each file under the folder of results."""
    results: Path
    left: Sequence[str] = field(default=())
    """Processes, connections and files that outlived the workers."""


def observe(
    bootstrap: str,
    database: Database,
    *,
    group: str,
    results: str,
    since: Marks | None = None,
    others: Collection[Path] = (),
) -> World:
    """Look at everything, once it has come to rest; ``since`` and ``others`` are what was there before."""
    topics = read_all(bootstrap, (REQUESTS, STATUS, COMPLETED, DEAD_LETTER), since=since or {})
    folder = path_of(results)
    return World(
        *topics.values(),
        rows={str(row["job_id"]): row for row in database.rows("SELECT * FROM market_analysis_jobs")},
        letters=database.rows("SELECT * FROM dead_letters"),
        outbox=database.value("SELECT count(*) FROM outbox"),
        lag={
            **{topic: committed_lag(bootstrap, group, topic) for topic in (REQUESTS, COMMANDS)},
            STATUS: _unread_in_the_end(bootstrap, group, topics[STATUS]),
        },
        digests={path: _digest(path) for path in files_now(results) - frozenset(others)},
        results=folder,
    )


def _unread_in_the_end(bootstrap: str, group: str, records: Sequence[Record]) -> int:
    """Return what is still unread when nothing comes any more and the group has had its time to commit."""
    end = time.monotonic() + COMMITTED_S
    while (left := unread(bootstrap, group, records)) and time.monotonic() < end:
        time.sleep(0.5)
    return left


def read_all(bootstrap: str, topics: Sequence[str], *, since: Marks) -> dict[str, Sequence[Record]]:
    """Read what was committed on these topics, to their ends."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "checker", "enable.auto.commit": False}
    consumer = Consumer(QUIET | settings | {"isolation.level": "read_committed", "enable.partition.eof": True})
    places = [(topic, number) for topic in topics for number in range(PARTITIONS)]
    consumer.assign([TopicPartition(*place, since.get(place, OFFSET_BEGINNING)) for place in places])
    read: dict[str, list[Record]] = {topic: [] for topic in topics}
    ends = set()
    while len(ends) < len(places):
        message = consumer.poll(20)
        assert message is not None, f"{len(places) - len(ends)} partitions do not end"
        topic, partition = message.topic(), message.partition()
        if message.error() is None:
            content = (message.key(), message.value(), tuple(message.headers() or ()), message.timestamp()[1] / 1000)
            read[topic].append(Record(topic, partition, message.offset(), *content))
        else:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ends.add((topic, partition))
    consumer.close()
    return read


def marks_now(bootstrap: str, topics: Sequence[str] = (REQUESTS, STATUS, COMPLETED, DEAD_LETTER)) -> Marks:
    """Return where each partition ends, so that what comes later can be looked at alone."""
    consumer = Consumer(QUIET | {"bootstrap.servers": bootstrap, "group.id": "checker"})
    places = [(topic, number) for topic in topics for number in range(PARTITIONS)]
    try:
        return {place: consumer.get_watermark_offsets(TopicPartition(*place), timeout=10)[1] for place in places}
    finally:
        consumer.close()


def files_now(results: str) -> frozenset[Path]:
    """Return the files under the folder of results."""
    return frozenset(path for path in path_of(results).rglob("*") if path.is_file())


def leftovers(database: Database, folder: Path, *, scratch: Path) -> Sequence[str]:
    """Name what is still there once every worker was told to stop: processes, connections, scratch files."""
    sessions = "SELECT application_name, state FROM pg_stat_activity WHERE datname = current_database()"
    connections = [row for row in database.rows(sessions) if row["application_name"].startswith("terrafusion")]
    return [
        *(f"process {pid} is alive: {' '.join(command)[:120]}" for pid, command in _of(folder).items()),
        *(f"a connection is open: {row['application_name']}, {row['state']}" for row in connections),
        *(f"{path} was left in the folder for temporary files" for path in scratch.rglob("*") if path.is_file()),
    ]


def _of(folder: Path) -> Mapping[int, Sequence[str]]:
    """Find workers and their children by the folder they were told to use: their commands, by pid."""
    found = {}
    for process in psutil.process_iter():
        try:
            home = process.environ().get("TERRAFUSION_DATA_DIR", "")
            if home and Path(home).is_relative_to(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = process.cmdline()
        except psutil.Error:  # it ends while we look
            continue
    return found


def path_of(url: str) -> Path:
    """Return the path of a file URL."""
    return Path(unquote(urlsplit(url).path))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
