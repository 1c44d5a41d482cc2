"""What workers tell of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

FORGOTTEN_AFTER: Final = timedelta(hours=1)
"""A worker that said nothing for so long is told of no more."""
SAMPLES_KEPT: Final = timedelta(days=1)


class Presence(StrEnum):
    """What a worker says that it is about."""

    WORKING = "working"
    """It claims jobs."""
    DRAINING = "draining"
    """It was told to stop: it claims no more, and lets what it holds end."""
    STOPPED = "stopped"
    """It has stopped in good order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """One worker as it sees itself."""

    worker_id: str
    host: str
    pid: int
    version: str
    address: str
    """Where its HTTP view listens, as it was told: host and port."""
    presence: Presence = Presence.WORKING
    slots: int
    """How many jobs it can run at a time."""
    in_flight: int
    children: int
    """Child processes that live."""
    has_pool: bool
    """Whether jobs can be given to them."""
    leads: bool
    """Whether it is the one that publishes events."""
    partitions: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """By topic, what the consumer group dealt to it."""


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """A worker, since when there is one, and when it was last heard of; all times by the store's clock."""

    state: WorkerState
    started_at: datetime
    seen_at: datetime
    silent: timedelta
    """How long ago that was when it was asked."""


@dataclass(frozen=True, slots=True)
class LagSample:
    """How many records of a partition the group had not acknowledged in a minute."""

    at: datetime
    topic: str
    partition: int
    lag: int
