"""The outbox as the one relay sees it: led under a lock, read in order, forgotten once published."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from sqlalchemy import ARRAY, BigInteger, Integer, Select, any_, bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.dead_letters import UNWRITABLE, DeadLetter, Stage
from models.records import OutgoingRecord
from models.tables import outbox
from terrafusion.adapters.postgres import letters
from terrafusion.adapters.postgres.acceptance import INSERT_LETTERS, parking
from terrafusion.adapters.postgres.engine import connected, single_statements
from terrafusion.adapters.postgres.queued import WALKING, queued
from terrafusion.adapters.postgres.telling import AnyRow
from topics.catalogue import COMPLETED, STATUS
from topics.events import tombstone, writers

RELAY_LOCK: Final = 7_251_003
SILENT_S: Final = 15
"""Longer than a relay waits for the broker."""

EVENTS: Final = (STATUS.name, COMPLETED.name)

_TRY: Final = select(func.pg_try_advisory_lock(RELAY_LOCK))
_UNSEAT: Final = text(f"""
    SELECT pg_terminate_backend(pid)
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = {RELAY_LOCK} AND objsubid = 1
      AND state_change < now() - interval '{SILENT_S} seconds'
""")  # noqa: S608 - our own numbers
"""Take the lock from a relay that was stopped: its process holds the connection, but asks nothing any more.

Should it wake it finds the connection closed, and its producer fenced by its successor's.
"""
READ_BYTES: Final = 2_000_000
"""Entries read at once hold no more than this beside the first of them, as far as is seen without reading the letters."""
LETTER_BYTES: Final = 10_000
TOMBSTONE_BYTES: Final = 500

log = structlog.get_logger(__name__)


def _oldest() -> Select[Any]:
    """Take the oldest entries in order, as long as those before are small enough."""
    size = (
        func.coalesce(func.octet_length(outbox.c.moves), 0)
        + func.coalesce(func.cardinality(outbox.c.letters), 0) * LETTER_BYTES
        + func.coalesce(func.cardinality(outbox.c.purged), 0) * TOMBSTONE_BYTES
    )
    sized = select(outbox.c.id, size.label("size")).order_by(outbox.c.id).limit(bindparam("most", type_=Integer))
    some = sized.subquery("some")
    upto = select(some.c.id, func.sum(some.c.size).over(order_by=some.c.id).label("upto"), some.c.size).subquery("upto")
    fits = (upto.c.upto <= READ_BYTES) | (upto.c.upto == upto.c.size)
    return (
        select(outbox.c.id, outbox.c.moves, outbox.c.letters, outbox.c.purged)
        .join(upto, upto.c.id == outbox.c.id)
        .where(fits)
        .order_by(outbox.c.id)
    )


_OLDEST: Final = _oldest()
_FORGET: Final = delete(outbox).where(outbox.c.id == any_(bindparam("published", type_=ARRAY(BigInteger))))
_FORGET_AND_PARK: Final = _FORGET.add_cte(INSERT_LETTERS.cte("parked"))
_BACKLOG: Final = select(func.count(), func.extract("epoch", func.now() - func.min(outbox.c.created_at)))


class PostgresOutbox:
    """Fulfils `terrafusion.ports.outbox.Outbox`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = single_statements(engine)

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[PostgresOutboxLeader | None]:
        """Become the one relay while the block runs; the lock goes with the very connection that reads."""
        async with connected(self._engine) as connection:
            if not (await connection.execute(_TRY)).scalar_one():
                await connection.execute(_UNSEAT)
                yield None
                return
            try:
                await connection.execute(WALKING)
                yield PostgresOutboxLeader(connection)
            finally:
                await connection.invalidate()  # ends the session, so the lock as well


class PostgresOutboxLeader:
    """Fulfils `terrafusion.ports.outbox.OutboxLeader`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._unwritten: dict[int, Sequence[DeadLetter]] = {}
        """In place of events that cannot be written, by the entries that they are of."""

    async def read(self, limit: int) -> Sequence[tuple[int, Sequence[OutgoingRecord]]]:
        """Return the oldest entries, fewer than ``limit`` where they are large, without what cannot be written of them."""
        rows = (await self._connection.execute(_OLDEST, {"most": limit})).all()
        named = await letters.records(self._connection, [i for row in rows for i in row.letters or ()])
        entries = []
        for row in rows:
            made = list(_made(row, named))
            entries.append((row.id, [one for one in made if isinstance(one, OutgoingRecord)]))
            self._unwritten[row.id] = [one for one in made if isinstance(one, DeadLetter)]
            await asyncio.sleep(0)  # an entry holds hundreds of records
        return entries

    async def backlog(self) -> tuple[int, float]:
        """Return how many entries wait, and the age of the oldest in seconds."""
        entries, age = (await self._connection.execute(_BACKLOG)).one()
        return entries, float(age or 0)

    async def open_letters(self) -> Mapping[Stage, int]:
        """Return how many dead letters nobody has done anything about, by stage."""
        return await letters.open_letters(self._connection)

    async def queued(self) -> tuple[int, float]:
        """Return how many jobs could run now, and for how long, in seconds, whichever is next could have."""
        return await queued(self._connection)

    async def forget(self, ids: Sequence[int], refused: Sequence[OutgoingRecord] = (), reason: str = "") -> int:
        """Forget entries; what was not published is parked in the same statement, and not told, or it would come back."""
        letters = [_refused(record, reason) for record in refused]
        letters += [letter for entry_id in ids for letter in self._unwritten.pop(entry_id, ())]
        if letters:
            await self._connection.execute(_FORGET_AND_PARK, {"published": ids, **parking(letters)})
        else:
            await self._connection.execute(_FORGET, {"published": ids})
        return len(letters)


def _made(row: AnyRow, named: Mapping[int, OutgoingRecord]) -> Iterator[OutgoingRecord | DeadLetter]:
    """Make the records of an entry: events of its moves, its dead letters that are still kept, jobs it has forgotten."""
    for job in orjson.loads(row.moves) if row.moves else ():
        yield from _events(job)
    yield from (named[letter] for letter in row.letters or () if letter in named)
    yield from (tombstone(job_id) for job_id in row.purged or ())


def _events(job: Mapping[str, Any]) -> Iterator[OutgoingRecord | DeadLetter]:
    """Make the events of a move; one that cannot be written holds up no other."""
    for topic, write in writers(job).items():
        try:
            yield write(job)
        except Exception as error:
            log.exception("an event cannot be written", topic=topic, job_id=job["job_id"])
            yield _unwritten(job, topic, error)


def _unwritten(job: Mapping[str, Any], topic: str, error: Exception) -> DeadLetter:
    return DeadLetter(
        topic=topic,
        partition=None,
        offset=None,
        timestamp=datetime.now(UTC),
        job_id=UUID(job["job_id"]),
        key=job["job_id"].encode(),
        value=json.dumps(job).encode(),  # as deep as it is
        headers=(),
        stage=Stage.PUBLISH,
        error_class=UNWRITABLE,
        error_message=f"{type(error).__name__}: {error}",
        county_id=job.get("county_id"),
        analysis_type=job.get("analysis_type"),
    )


def _refused(record: OutgoingRecord, reason: str) -> DeadLetter:
    event = _event(record)
    return DeadLetter(
        topic=record.topic,
        partition=None,
        offset=None,
        timestamp=datetime.now(UTC),
        job_id=_job_of(record),
        key=record.key,
        value=record.value,
        headers=record.headers,
        stage=Stage.PUBLISH,
        error_class="RecordTooLarge",
        error_message=reason,
        county_id=event.get("county_id"),
        analysis_type=event.get("analysis_type"),
    )


def _event(record: OutgoingRecord) -> Mapping[str, Any]:
    """Read an event of ours; a dead letter holds what others wrote."""
    return orjson.loads(record.value) if record.topic in EVENTS and record.value else {}


def _job_of(record: OutgoingRecord) -> UUID | None:
    """Read the job's id, which is the key of every event."""
    try:
        return UUID((record.key or b"").decode())
    except ValueError:
        return None
