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
    breaks: str
    """The promise that goes with it."""


MUTANTS: Mapping[str, Mutant] = {
    "fencing": Mutant(
        "terrafusion.adapters.postgres.finishing",
        ".where(jobs.c.job_id == ENDED.c.job_id, jobs.c.attempt == ENDED.c.attempt)",
        ".where(jobs.c.job_id == ENDED.c.job_id)",
        "no_answer_is_of_a_run_that_had_lost_its_job",
    ),
    "outbox": Mutant(
        "terrafusion.adapters.postgres.outbox",
        'rows = (await self._connection.execute(_OLDEST, {"most": limit})).all()',
        'rows = (await self._connection.execute(_OLDEST, {"most": limit})).all()\n'
        "        await self.forget([row.id for row in rows])",
        "status_events_have_no_gap",
    ),
    "ordered_ack": Mutant(
        "terrafusion.services.intake",
        "await until_available(self._accept.records, [arrival.record for arrival in batch])",
        "[arrival.acknowledge() for arrival in batch]\n"
        "        await until_available(self._accept.records, [arrival.record for arrival in batch])",
        "every_accepted_job_ends_as_it_may",
    ),
    "dedupe": Mutant(
        "terrafusion.adapters.postgres.acceptance",
        ".on_conflict_do_nothing(index_elements=[jobs.c.job_id])",
        ".on_conflict_do_update(index_elements=[jobs.c.job_id], set_={'status': 'PENDING', 'sequence': 1,"
        " 'completed_at': None, 'failure_reason': None, 'owner': None, 'lease_until': None})",
        "the_end_is_told_once_in_effect",
    ),
    "digest": Mutant(
        "terrafusion.adapters.postgres.acceptance",
        "conflicts = [offer for offer in offers if offer.job.digest != digests[offer.job.job_id]]",
        "conflicts = [offer for offer in offers if not offer.job.digest]",
        "dead_letters_are_exactly_what_could_not_be_used",
    ),
    "hand_back": Mutant(
        "terrafusion.adapters.postgres.claiming",
        "jobs.c.job_id == HELD.c.job_id, jobs.c.attempt == HELD.c.attempt",
        "jobs.c.job_id == HELD.c.job_id",
        "who_has_a_job_keeps_it",
    ),
    "relay_fence": Mutant(
        "terrafusion.adapters.kafka_publisher",
        'transactional_id=f"{APP_ID}-relay",',
        'transactional_id=f"{APP_ID}-relay-{id(self)}-{asyncio.get_running_loop().time()}",',
        "status_events_have_no_gap",
    ),
    "lost_claim": Mutant(
        "terrafusion.usecases.work",
        "if self._lacks_answer:",
        "if False:",
        "nobody_is_blamed_for_what_nobody_did",
    ),
}
