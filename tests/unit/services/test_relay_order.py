"""The fence goes up after the lock is had and before anything is read: a relay that slept anywhere between publishes nothing old."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from models.records import OutgoingRecord
from terrafusion.errors import TooLarge, Unavailable
from terrafusion.metrics import Metrics
from terrafusion.services.relay import Relay


def record(value: str) -> OutgoingRecord:
    return OutgoingRecord("status", b"k", value.encode(), ())


class Diary:
    """An outbox, its leader, the broker and the bell: each writes down what is asked of it."""

    def __init__(self, *values: str) -> None:
        self.steps: list[str] = []
        self.entries = [(number, [record(value)]) for number, value in enumerate(values)]
        self.is_started = False
        self.is_unseated_after = ""

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[Diary]:
        self.steps.append("lock")
        yield self

    async def backlog(self) -> tuple[int, float]:
        return len(self.entries), 0.0

    async def open_letters(self) -> Any:
        return {}

    async def queued(self) -> Any:
        return 0, 0.0

    async def read(self, limit: int) -> Any:
        if self.is_unseated_after and self.is_unseated_after in self.steps:
            raise Unavailable("the connection is gone, and the lock with it")
        assert self.is_started, "what is read before may be another's by the time that it is published"
        self.steps.append("read")
        return self.entries[:limit]

    async def forget(self, ids: Sequence[int], *_refused: Any) -> int:
        self.entries = [entry for entry in self.entries if entry[0] not in ids]
        return 0

    async def start(self) -> None:
        if not self.is_started:
            self.steps.append("fence")
        self.is_started = True

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        assert self.is_started
        self.steps.append(" ".join((one.value or b"").decode() for one in records))
        if any(one.value == b"huge" for one in records):
            self.is_started = False
            raise TooLarge("too large")

    async def rings(self, *, at_least_every: timedelta) -> AsyncIterator[None]:
        yield

    def ring(self) -> None: ...


def relay_of(diary: Any) -> Relay:
    metrics = Metrics(CollectorRegistry(), ())
    return Relay(outbox=diary, publisher=diary, bell=diary, metrics=metrics, monotonic=lambda: 0.0)


async def test_the_lock_then_the_fence_then_the_outbox() -> None:
    diary = Diary("a", "b")
    await relay_of(diary)._lead()
    assert diary.steps == ["lock", "fence", "read", "a b"]


async def test_a_fence_that_a_refusal_took_down_is_up_and_the_lock_seen_before_the_rest_is_published() -> None:
    diary = Diary("a", "huge", "b")
    await relay_of(diary)._lead()
    again = ["fence", "read"]
    assert diary.steps == ["lock", *again, "a huge b", *again, "a", "huge b", *again, "huge", *again, "b"]
    assert diary.entries == []


async def test_a_relay_that_lost_its_lock_by_then_publishes_no_more() -> None:
    diary = Diary("a", "huge")
    diary.is_unseated_after = "a huge"
    with pytest.raises(Unavailable):
        await relay_of(diary)._lead()
    assert diary.steps == ["lock", "fence", "read", "a huge", "fence"]
