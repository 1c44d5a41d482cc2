"""Until when all records of a topic have been taken, as one who asks about the group now and then can know it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from models.group import Dealt, Place


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where the partitions of a topic ended at a moment."""

    at: float
    ends: Mapping[Place, int]


class Taken:
    """Holds on to where a topic ended in one look until the group has come so far, then to where it ended in another."""

    def __init__(self) -> None:
        self._marks: dict[str, _Mark] = {}
        self._until: dict[str, float] = {}

    def until(self, topic: str) -> float:
        """Return a moment until which everything that came on a topic has been acknowledged since; before all where none is known."""
        return self._until.get(topic, -math.inf)

    def learn(self, asked_at: float, dealt: Dealt) -> None:
        """Take what the broker told when it was asked at a moment."""
        for topic in {topic for topic, _ in dealt.ends}:
            newest = _Mark(asked_at, {place: end for place, end in dealt.ends.items() if place[0] == topic})
            for mark in (self._marks.get(topic, newest), newest):
                if not _is_reached(mark, dealt):
                    break
                self._until[topic], self._marks[topic] = mark.at, newest
            self._marks.setdefault(topic, newest)


def _is_reached(mark: _Mark, dealt: Dealt) -> bool:
    """Say whether all that lay before it is acknowledged; a topic that was made anew ends earlier."""
    return all(dealt.committed.get(place, 0) >= min(end, dealt.ends.get(place, 0)) for place, end in mark.ends.items())
