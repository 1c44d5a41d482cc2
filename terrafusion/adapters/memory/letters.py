"""Dead letters without a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from models.access import Counties as Seen
from models.access import Deed
from models.dead_letters import OF_ITS_JOB, DeadLetter, Handling, KeptLetter, LetterEntry, LetterState, Refusal, Stage
from models.jobs import Job, Origin
from models.records import OutgoingRecord
from terrafusion.adapters.memory.credentials import MemoryAuditLog
from terrafusion.ports.letters import LetterFilter
from topics.events import dead_letter_record


class MemoryDeadLetters:
    """Fulfils `terrafusion.ports.letters.DeadLetters`. What it tells is put at the end of ``outbox``."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        outbox: list[OutgoingRecord],
        job_of: Callable[[UUID], Job | None] = lambda _: None,
        deeds: MemoryAuditLog | None = None,
    ) -> None:
        """Take a clock, where to tell, what returns the job of an id, and the audit log."""
        self._deeds = deeds or MemoryAuditLog(clock=clock)
        self._clock = clock
        self._job_of = job_of
        self._outbox = outbox
        self._kept: dict[int, KeptLetter] = {}
        self._ids = count(1)

    @property
    def all(self) -> list[DeadLetter]:
        """Everything kept so far, as it was handed over."""
        return [_letter(kept) for kept in self._kept.values()]

    def keep(self, letters: Iterable[DeadLetter], deed: Deed | None = None) -> None:
        """Keep letters, each once, and tell of the new ones."""
        for letter in letters:
            known = (_coordinates(kept) for kept in self._kept.values())
            if letter.offset is None or _coordinates(letter) not in known:
                kept = self._keep(letter)
                self._outbox.append(dead_letter_record(letter, letter_id=kept.id, failed_at=kept.created_at))
                self._deeds.tell(deed, letter_id=kept.id, job_id=kept.job_id)

    def park(self, letters: Iterable[DeadLetter]) -> None:
        """Keep letters of which nothing is told."""
        for letter in letters:
            self._keep(letter)

    def old(self, age: timedelta) -> Sequence[int]:
        """Return the ids of letters kept, or dealt with, longer ago than ``age``, oldest first."""
        before = self._clock() - age
        return [kept.id for kept in self._kept.values() if (kept.handled_at or kept.created_at) < before]

    def forget(self, age: timedelta, *, limit: int) -> Sequence[int]:
        """Forget such letters, the first ``limit`` of them; return which."""
        gone = self.old(age)[:limit]
        for letter_id in gone:
            del self._kept[letter_id]
        return gone

    async def page(self, wanted: LetterFilter, *, before: int | None, limit: int) -> Sequence[LetterEntry]:
        """Return letters newest first."""
        found = [kept for kept in self._wanted(wanted) if before is None or kept.id < before]
        return [_entry(kept) for kept in reversed(found)][:limit]

    async def count(self, wanted: LetterFilter, *, after: int) -> int:
        """Return how many letters there are."""
        return sum(kept.id > after for kept in self._wanted(wanted))

    async def ids(self, wanted: LetterFilter, *, after: int, limit: int) -> Sequence[int]:
        """Return ids, oldest first."""
        return [kept.id for kept in self._wanted(wanted) if kept.id > after][:limit]

    async def get(self, letter_id: int, *, counties: Seen = None) -> KeptLetter | None:
        """Return one letter, whole."""
        kept = self._kept.get(letter_id)
        return kept if kept and self._is_of(kept, counties) else None

    async def settle(self, ids: Sequence[int], handling: Handling, *, deed: Deed | None = None) -> frozenset[int]:
        """Write down what was done about letters that are open."""
        self._deeds.check(deed)
        found = (self._kept.get(letter_id) for letter_id in ids)
        are_open = [kept for kept in found if kept and kept.state is LetterState.OPEN]
        for kept in are_open:
            self._kept[kept.id] = self._handled(kept, handling)
            named = handling.replayed_as or kept.job_id
            self._deeds.tell(deed, letter_id=kept.id, job_id=named, county_id=self._county_of(kept))
        return frozenset(kept.id for kept in are_open)

    async def republish(self, letter_id: int, *, by: str | None, deed: Deed | None = None) -> bool:
        """Tell an open letter's record as it was."""
        self._deeds.check(deed)
        kept = self._kept.get(letter_id)
        if kept is None or kept.stage is not Stage.PUBLISH or kept.state is not LetterState.OPEN:
            return False
        self._kept[letter_id] = self._handled(kept, Handling(state=LetterState.REPLAYED, by=by))
        self._outbox.append(OutgoingRecord(kept.topic, kept.key, kept.value, kept.headers))
        self._deeds.tell(deed, letter_id=letter_id, job_id=kept.job_id, county_id=self._county_of(kept))
        return True

    def _keep(self, letter: DeadLetter) -> KeptLetter:
        content = {field.name: getattr(letter, field.name) for field in fields(DeadLetter)}
        kept = KeptLetter(**content, id=next(self._ids), created_at=self._clock())
        self._kept[kept.id] = kept
        return kept

    def _wanted(self, wanted: LetterFilter) -> Iterator[KeptLetter]:
        found = (kept for kept in self._kept.values() if _matches(kept, wanted))
        return (kept for kept in found if self._is_of(kept, wanted.counties))

    def _is_of(self, kept: KeptLetter, counties: Seen) -> bool:
        return counties is None or self._county_of(kept) in counties

    def _county_of(self, kept: KeptLetter) -> str | None:
        """Return the county of the job that a letter tells of: its id alone may be somebody else's."""
        job = self._job_of(kept.job_id) if kept.job_id else None
        if job is None:
            return None
        its_own = kept.stage in OF_ITS_JOB or (job.origin is not None and _place(job.origin) == _place(kept))
        return job.county_id if its_own else None

    def _handled(self, kept: KeptLetter, handling: Handling) -> KeptLetter:
        return replace(
            kept,
            state=handling.state,
            note=handling.note,
            handled_at=self._clock(),
            handled_by=handling.by,
            replayed_as=handling.replayed_as,
        )


def _letter(kept: KeptLetter) -> DeadLetter:
    return DeadLetter(**{field.name: getattr(kept, field.name) for field in fields(DeadLetter)})


def _entry(kept: KeptLetter) -> LetterEntry:
    return LetterEntry(**{field.name: getattr(kept, field.name) for field in fields(LetterEntry)})


def _place(at: Origin | Refusal) -> tuple[str, int | None, int | None]:
    return at.topic, at.partition, at.offset


def _coordinates(letter: Refusal) -> tuple[str, int | None, int | None, Stage]:
    return letter.topic, letter.partition, letter.offset, letter.stage


def _matches(kept: KeptLetter, wanted: LetterFilter) -> bool:
    exact = ("state", "topic", "stage", "error_class", "job_id", "county_id", "analysis_type")
    if any(getattr(wanted, name) not in (None, getattr(kept, name)) for name in exact):
        return False
    since, until = wanted.since, wanted.until
    return (since is None or since <= kept.created_at) and (until is None or kept.created_at < until)
