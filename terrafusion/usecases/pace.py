"""How much work a worker may hold: a slot is what a child process does in a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from models.jobs import Claim

SLOT_S: Final = 0.05
"""A job that takes this long or longer fills a slot; shorter ones share it."""
LEAST: Final = 1 / 256
CHUNK: Final = 0.5
"""What one message to a child may hold, in slots."""
FORGETTING: Final = 0.1


class Pace:
    """How long the jobs of each type lately took, so how much of a slot the next one takes.

    A type that was not seen yet is taken for slow, and one slow job makes its type slow at once: a worker that
    holds little too much keeps jobs from other workers, one that holds too little only commits more often.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def observe(self, analysis_type: str, seconds: float) -> None:
        """Learn how long a job took."""
        usual = self._seconds.get(analysis_type, seconds)
        self._seconds[analysis_type] = max(seconds, usual + FORGETTING * (seconds - usual))

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
