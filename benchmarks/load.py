"""The load generator: requests onto one topic, answers from another, and how long each took.

It is written with confluent-kafka: an upstream system of another make, and little of the processor for itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from threading import Thread
from typing import Any, Final
from uuid import uuid4

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.stage import COUNTY
from topics.catalogue import COMPLETED, PARTITIONS, REQUESTS

PATIENCE_S: Final = 180.0
POISON_EVERY: Final = 10

Requests = Mapping[str, bytes]
"""A request's value by its job id."""
Route = tuple[str, str]
"""The topic of requests and the topic of answers."""
OURS: Final[Route] = (REQUESTS.name, COMPLETED.name)


@dataclass(frozen=True, slots=True)
class Driven:
    """What came of a load: seconds from each request's sending to its answer, and the answers."""

    seconds: float
    """From the first request to the last answer."""
    ended: float
    """When the last answer came, by `perf_counter`."""
    latencies: tuple[float, ...]
    """In rising order."""
    answers: Mapping[str, bytes]

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Return the latency that this share of the answers did not exceed."""
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]

    def all_completed(self) -> Driven:
        """Return itself; raises RuntimeError where a job came to another end, for then nothing was measured."""
        others = [value for value in self.answers.values() if orjson.loads(value)["status"] != "COMPLETED"]
        if others:
            msg = f"{len(others)} of {len(self.answers)} jobs were not completed; one of them: {others[0].decode()}"
            raise RuntimeError(msg)
        return self


def requests(analysis_type: str, count: int, parameters: Mapping[str, Any] | None = None) -> Requests:
    """Write ``count`` requests of one kind."""
    ids = [str(uuid4()) for _ in range(count)]
    body = {"analysis_type": analysis_type, "county_id": COUNTY, "parameters": parameters or {}}
    return {job_id: orjson.dumps({"job_id": job_id, **body}) for job_id in ids}


def drive(
    bootstrap: str,
    wanted: Requests,
    *,
    a_second: float | None = None,
    route: Route = OURS,
    poison: Sequence[bytes] = (),
) -> Driven:
    """Send requests, as fast as they go or ``a_second``, and wait for all answers; raises TimeoutError.

    Of ``poison`` one after the other follows each tenth request, from the first again when all were sent.
    """
    consumer = _from_now_on(bootstrap, route[1])
    sent: dict[str, float] = {}
    sender = Thread(target=_send, args=(bootstrap, wanted, route[0], a_second, sent, cycle(poison)), daemon=True)
    began = time.perf_counter()
    sender.start()
    try:
        came = _receive(consumer, wanted)
    finally:
        consumer.close()
    sender.join()
    ended = max(at for at, _ in came.values())
    latencies = sorted(at - sent[job_id] for job_id, (at, _) in came.items())
    return Driven(ended - began, ended, tuple(latencies), {job_id: value for job_id, (_, value) in came.items()})


def _from_now_on(bootstrap: str, topic: str) -> Consumer:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "benchmark", "enable.auto.commit": False})
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    for partition in partitions:
        _, partition.offset = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign(partitions)
    return consumer


def _send(
    bootstrap: str,
    wanted: Requests,
    topic: str,
    a_second: float | None,
    sent: dict[str, float],
    poison: Iterator[bytes],
) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0 if a_second else 5})
    began = time.perf_counter()
    for number, (job_id, value) in enumerate(wanted.items()):
        if a_second:
            time.sleep(max(0.0, began + number / a_second - time.perf_counter()))
        sent[job_id] = time.perf_counter()
        producer.produce(topic, value, job_id)
        if number % POISON_EVERY == 0 and (bad := next(poison, None)) is not None:
            producer.produce(topic, bad, job_id)
        producer.poll(0)
    producer.flush(PATIENCE_S)


def _receive(consumer: Consumer, wanted: Requests) -> dict[str, tuple[float, bytes]]:
    came: dict[str, tuple[float, bytes]] = {}
    until = time.monotonic() + PATIENCE_S
    while len(came) < len(wanted):
        if time.monotonic() > until:
            msg = f"{len(came)} of {len(wanted)} answers came within {PATIENCE_S:g} s"
            raise TimeoutError(msg)
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        job_id = (message.key() or b"").decode()
        if job_id in wanted:
            came.setdefault(job_id, (time.perf_counter(), message.value() or b""))
    return came
