"""How many jobs stand where, asked at most so often however many look."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from models.access import Caller
from models.jobs import JobStatus
from terrafusion.ports.jobs import JobFilter, JobReader
from terrafusion.usecases.calls import caller
from terrafusion.usecases.scoped_reads import both

KNOWN_FOR_S: Final = 2.0
MOST_KNOWN: Final = 200

Counts = Mapping[JobStatus, int]


class Counted:
    """Counts by filter, known for a moment."""

    def __init__(self, jobs: JobReader, monotonic: Callable[[], float], who: Callable[[], Caller] = caller) -> None:
        self._jobs = jobs
        self._who = who
        self._monotonic = monotonic
        self._known: OrderedDict[JobFilter, tuple[float, Counts]] = OrderedDict()

    async def look(self, wanted: JobFilter) -> Counts:
        """Return how many jobs of a filter stand where, whatever status it names. Raises Unavailable."""
        every = self._every(wanted)
        at, counts = self._known.get(every, (float("-inf"), {}))
        if self._monotonic() - at < KNOWN_FOR_S:
            return counts
        return await self.count(every)

    async def count(self, wanted: JobFilter) -> Counts:
        """Count anew."""
        every = self._every(wanted)
        counts = await self._jobs.counts(every)
        self._known[every] = (self._monotonic(), counts)
        self._known.move_to_end(every)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return counts

    def _every(self, wanted: JobFilter) -> JobFilter:
        """Return what is counted; what one caller sees is not told to another."""
        return replace(wanted, status=None, counties=both(wanted.counties, self._who().counties))
