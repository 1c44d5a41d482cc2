"""When the live table has seen everything, asked of the table itself.

The stream of all events tells what the table has just taken in. So mark jobs are sent, one for each partition of the
status topic: once the table has taken in an event of each, it has taken in all that came before, for it reads a
partition in order. (The group's committed offsets would tell when the offsets were committed, which is later.)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from threading import Event, Thread
from typing import Final
from urllib.request import urlopen
from uuid import uuid4

from confluent_kafka import Producer

from benchmarks.load import request
from terrafusion.adapters.jobs_table import partition_of
from terrafusion.embedded.workers import WorkerProcess
from terrafusion.web.api import PREFIX
from topics.catalogue import REQUESTS, STATUS

PATIENCE_S: Final = 60.0
EVERY_S: Final = 0.25
"""A stream drops events when its reader is slower than the table; so marks are sent again until a set is whole."""


def caught_up(bootstrap: str, worker: WorkerProcess) -> float:
    """Wait until the worker's table has caught up; return when by `perf_counter`. Raises TimeoutError."""
    awaited: list[set[str]] = []
    done = Event()
    with closing(urlopen(f"{worker.url}{PREFIX}/events", timeout=PATIENCE_S)) as stream:
        marker = Thread(target=_mark, args=(bootstrap, awaited, done), daemon=True)
        marker.start()
        try:
            return _seen(_told(stream), awaited)
        finally:
            done.set()
            marker.join()


def _seen(told: Iterator[str], awaited: list[set[str]]) -> float:
    until = time.monotonic() + PATIENCE_S
    for job_id in told:
        for marks in awaited:
            marks.discard(job_id)
        if not all(awaited):
            return time.perf_counter()
        if time.monotonic() > until:
            break
    msg = f"the table has not caught up with the status topic within {PATIENCE_S:g} s"
    raise TimeoutError(msg)


def _told(stream: Iterator[bytes]) -> Iterator[str]:
    """Read the job ids of the events as they come."""
    for line in stream:
        if line.startswith(b"id: "):
            yield line[4:].partition(b"/")[0].decode()


def _mark(bootstrap: str, awaited: list[set[str]], done: Event) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    while not done.is_set():
        marks = _one_a_partition()
        awaited.append(set(marks))
        for job_id in marks:
            producer.produce(REQUESTS.name, request("noop", job_id), job_id)
        producer.flush(PATIENCE_S)
        done.wait(EVERY_S)


def _one_a_partition() -> list[str]:
    found: dict[int, str] = {}
    while len(found) < STATUS.partitions:
        job_id = str(uuid4())
        found.setdefault(partition_of(job_id), job_id)
    return list(found.values())
