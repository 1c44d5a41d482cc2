"""Dead letters: what could not be used, and what was done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from models.access import Counties as Seen
from models.access import Deed
from models.dead_letters import Handling, KeptLetter, LetterEntry, LetterState, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which dead letters are meant; None is no condition."""

    state: LetterState | None = LetterState.OPEN
    topic: str | None = None
    stage: Stage | None = None
    error_class: str | None = None
    job_id: UUID | None = None
    county_id: str | None = None
    """Naming this county; beside `counties`, both must hold."""
    analysis_type: str | None = None
    since: datetime | None = None
    """Kept at this moment or later."""
    until: datetime | None = None
    """Kept before this moment."""
    counties: Seen = None
    """Telling of a job of these counties; a letter that tells of no job is of none."""


class LetterReader(Protocol):
    """What could not be used. Ids rise in the order in which letters were kept."""

    async def page(self, wanted: LetterFilter, *, before: int | None, limit: int) -> Sequence[LetterEntry]:
        """Return letters newest first, those whose id is below ``before``."""

    async def count(self, wanted: LetterFilter, *, after: int) -> int:
        """Return how many letters with an id above ``after`` there are."""

    async def get(self, letter_id: int, *, counties: Seen = None) -> KeptLetter | None:
        """Return one letter, whole; as `LetterFilter` has it none of other counties."""


class DeadLetters(LetterReader, Protocol):
    """Dead letters, and what somebody did about them. A ``deed`` is written as by `JobStore`."""

    async def ids(self, wanted: LetterFilter, *, after: int, limit: int) -> Sequence[int]:
        """Return the ids above ``after``, oldest first."""

    async def settle(self, ids: Sequence[int], handling: Handling, *, deed: Deed | None = None) -> frozenset[int]:
        """Write down what was done about letters that are open; answers which were: of two who try one wins."""

    async def republish(self, letter_id: int, *, by: str | None, deed: Deed | None = None) -> bool:
        """Have the relay publish an open letter's record as it was, and call it replayed; says whether it was open."""
