"""How much work a worker may hold: a slot is what a child process does in a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Final

from models.jobs import Claim

SLOT_S: Final = 0.1
"""A job that takes this long or longer fills a slot; shorter ones share it."""
LEAST: Final = 1 / 256
CHUNK: Final = 0.5
"""What one message to a child may hold, in slots."""
LEARNING: Final = 0.3


class Pace:
    """How long the jobs of each type lately took, so how much of a slot the next one takes.

    A type that was not seen yet is taken for slow. What is learnt is the mean of a chunk, so that a hiccup of the
    machine does not make a quick type slow, and yet one job of a third of a second does.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def observe(self, chunk: Iterable[tuple[str, float]]) -> None:
        """Learn from a chunk: the type of each of its jobs, and the seconds it took."""
        took: dict[str, list[float]] = {}
        for analysis_type, seconds in chunk:
            took.setdefault(analysis_type, []).append(seconds)
        for analysis_type, each in took.items():
            now = fmean(each)
            usual = self._seconds.get(analysis_type, now)
            self._seconds[analysis_type] = usual + LEARNING * (now - usual)

    def weight(self, analysis_type: str) -> float:
        """Return the part of a slot that a job of this type takes, in (0, 1]."""
        return min(1.0, max(LEAST, self._seconds.get(analysis_type, SLOT_S) / SLOT_S))

    def weights(self) -> Mapping[str, float]:
        """Return the weights of the types that take less than a slot."""
        weights = {name: self.weight(name) for name in self._seconds}
        return {name: weight for name, weight in weights.items() if weight < 1}

    def chunks(self, claims: Sequence[Claim]) -> list[list[Claim]]:
        """Put jobs together that are short, in order; a slow one stays alone."""
        chunks: list[list[Claim]] = []
        room = 0.0
        for claim in claims:
            weight = self.weight(claim.analysis_type)
            if weight > room:
                chunks.append([])
                room = CHUNK
            chunks[-1].append(claim)
            room -= weight
        return chunks
