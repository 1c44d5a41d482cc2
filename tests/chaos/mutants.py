"""Guards taken out of the program's text, one at a time: the checker must miss each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A piece of a module's text, and what stands there instead."""

    module: str
    guard: str
    instead: str


MUTANTS: Mapping[str, Mutant] = {
    "fencing": Mutant(
        "terrafusion.adapters.postgres.finishing",
        ".where(jobs.c.job_id == ENDED.c.job_id, jobs.c.attempt == ENDED.c.attempt)",
        ".where(jobs.c.job_id == ENDED.c.job_id)",
    ),
    "outbox": Mutant(
        "terrafusion.adapters.postgres.outbox",
        "rows = (await self._connection.execute(_OLDEST.limit(limit))).all()",
        "rows = (await self._connection.execute(_OLDEST.limit(limit))).all()\n"
        "        await self.forget([row.id for row in rows])",
    ),
    "ordered_ack": Mutant(
        "terrafusion.services.intake",
        "await until_available(self._accept.records, [arrival.record for arrival in batch])",
        "[arrival.acknowledge() for arrival in batch]\n"
        "        await until_available(self._accept.records, [arrival.record for arrival in batch])",
    ),
    "dedupe": Mutant(
        "terrafusion.adapters.postgres.acceptance",
        ".on_conflict_do_nothing(index_elements=[jobs.c.job_id])",
        ".on_conflict_do_update(index_elements=[jobs.c.job_id], set_={'status': 'PENDING', 'sequence': 1,"
        " 'completed_at': None, 'failure_reason': None, 'owner': None, 'lease_until': None})",
    ),
    "digest": Mutant(
        "terrafusion.adapters.postgres.acceptance",
        "conflicts = [offer for offer in offers if offer.job.digest != digests[offer.job.job_id]]",
        "conflicts = [offer for offer in offers if not offer.job.digest]",
    ),
}
