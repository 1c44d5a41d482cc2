"""What is to be published, and the way to the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from models.dead_letters import Stage
from models.records import OutgoingRecord


class Outbox(Protocol):
    """What is to be published, in the order it was written."""

    def lead(self) -> AbstractAsyncContextManager[OutboxLeader | None]:
        """Become the one relay; yields None where another leads."""


class OutboxLeader(Protocol):
    """The one relay's hold on the outbox."""

    async def read(self, limit: int) -> Sequence[tuple[int, Sequence[OutgoingRecord]]]:
        """Return the oldest entries, at most ``limit``, at least one where there is one; fewer where they are large."""

    async def backlog(self) -> tuple[int, float]:
        """Return how many entries wait, and the age of the oldest in seconds."""

    async def open_letters(self) -> Mapping[Stage, int]:
        """Return how many dead letters nobody has done anything about, by stage; counts a bounded number."""

    async def queued(self) -> tuple[int, float]:
        """Return how many jobs could run now, and for how long, in seconds, whichever is next could have.

        What is paused or waits for its time could not. Counts a bounded number.
        """

    async def forget(self, ids: Sequence[int], refused: Sequence[OutgoingRecord] = (), reason: str = "") -> int:
        """Forget entries that were published, and keep as dead letters, in the same step, what the broker refused.

        And what could not be written of them. Returns how many letters that makes.
        """


class Publisher(Protocol):
    """The way to the broker."""

    async def start(self) -> None:
        """Connect, and fence whoever published before, unless that is done; raises Unavailable."""

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        """Publish all of them or none, in order per key; returns once the broker has them.

        Raises TooLarge where the broker refuses one for its size, Unavailable where it cannot be reached or
        another relay has taken over. After either it has to be started again.
        """

    async def stop(self) -> None:
        """Disconnect."""
