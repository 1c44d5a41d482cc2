"""A broker that takes whatever is published."""

from __future__ import annotations

from collections.abc import Sequence

from models.records import OutgoingRecord


class Broker:
    """Fulfils `terrafusion.ports.outbox.Publisher`, as far as a relay asks it; what it took can be looked at."""

    def __init__(self) -> None:
        self.taken: list[OutgoingRecord] = []

    async def start(self) -> None: ...

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        self.taken += records
