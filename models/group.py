"""The consumer group, as a broker tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Place = tuple[str, int]
"""A partition: its topic and number."""


@dataclass(frozen=True, slots=True)
class Dealt:
    """What the broker says of the consumer group and of the topics that it reads."""

    state: str
    members: frozenset[str]
    owned: frozenset[Place]
    committed: Mapping[Place, int]
    """What lies before is done, no longer there, or no record."""
    ends: Mapping[Place, int]
    """The offset that the next record will have."""
    told_ends: Mapping[Place, int] = field(default_factory=dict)
    """The same of what is only read to be shown: nothing of it waits to be acknowledged."""

    @property
    def lags(self) -> Mapping[Place, int]:
        """How many records of each partition the group has not acknowledged."""
        return {place: max(0, end - self.committed.get(place, end)) for place, end in self.ends.items()}
