"""Dead letters read back, and what was done about each written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import msgpack
from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    Update,
    and_,
    any_,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.access import Counties as Seen
from models.access import Deed
from models.dead_letters import OF_ITS_JOB, DeadLetter, Handling, KeptLetter, LetterEntry, LetterState, Stage
from models.records import OutgoingRecord
from models.tables import dead_letters, jobs
from terrafusion.adapters.postgres.auditing import entries, told_as
from terrafusion.adapters.postgres.engine import connected, single_statements
from terrafusion.adapters.postgres.reading import seen
from terrafusion.adapters.postgres.telling import AnyRow, entered
from terrafusion.boundaries import Boundary, cross
from terrafusion.ports.letters import LetterFilter
from topics.events import dead_letter_record

MOST_COUNTED: Final = 100_000
EXACT: Final = ("topic", "stage", "error_class", "job_id", "county_id", "analysis_type")
"""Conditions of a `LetterFilter` that a column must equal."""

_NAMED: Final = dead_letters.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
_RECORDS: Final = select(dead_letters).where(_NAMED)
_IS_OPEN: Final = dead_letters.c.state == text(f"'{LetterState.OPEN}'")
"""A literal, so that the partial index serves it."""
_ENTRY: Final = [dead_letters.c[field.name] for field in fields(LetterEntry)]
_SAME_PLACE: Final = and_(
    jobs.c.origin_topic == dead_letters.c.topic,
    jobs.c.origin_partition == dead_letters.c.partition,
    jobs.c.origin_offset == dead_letters.c.offset,
)
_ITS_JOB: Final = and_(
    jobs.c.job_id == dead_letters.c.job_id, or_(dead_letters.c.stage.in_(sorted(OF_ITS_JOB)), _SAME_PLACE)
)
"""A letter tells of the job made of its record, or of the one that it is the end of; its id alone may be somebody else's."""
_TOLD: Final = (
    *(dead_letters.c[name] for name in ("id", "job_id", "replayed_as")),
    select(jobs.c.county_id).where(_ITS_JOB).correlate(dead_letters).scalar_subquery().label("county_id"),
)
"""What of a letter an entry of the audit log tells: the county of its job, not the one that its message claims."""
_some_open = select(dead_letters.c.stage).where(_IS_OPEN).limit(MOST_COUNTED).subquery()
OPEN_BY_STAGE: Final = select(_some_open.c.stage, func.count().label("n")).group_by(_some_open.c.stage)


class PostgresDeadLetters:
    """Fulfils `terrafusion.ports.letters.DeadLetters`."""

    def __init__(self, engine: AsyncEngine, *, sender: str = "") -> None:
        """Take the connections, and the name by which this process knows its own notifications."""
        self._engine = single_statements(engine)
        self._sender = sender

    async def page(self, wanted: LetterFilter, *, before: int | None, limit: int) -> Sequence[LetterEntry]:
        """Return letters newest first."""
        query = select(*_ENTRY).where(*_conditions(wanted)).order_by(dead_letters.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(dead_letters.c.id < before)
        async with connected(self._engine) as connection:
            return [LetterEntry(**_values(row)) for row in await connection.execute(query)]

    async def count(self, wanted: LetterFilter, *, after: int) -> int:
        """Return how many letters there are."""
        async with connected(self._engine) as connection:
            counted: int = (await connection.execute(_behind(after, wanted, func.count()))).scalar_one()
            return counted

    async def ids(self, wanted: LetterFilter, *, after: int, limit: int) -> Sequence[int]:
        """Return ids, oldest first."""
        query = _behind(after, wanted, dead_letters.c.id).order_by(dead_letters.c.id).limit(limit)
        async with connected(self._engine) as connection:
            return [row.id for row in await connection.execute(query)]

    async def get(self, letter_id: int, *, counties: Seen = None) -> KeptLetter | None:
        """Return one letter, whole."""
        query = select(dead_letters).where(dead_letters.c.id == letter_id, *_of_counties(counties))
        async with connected(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return KeptLetter(**_values(row)) if row else None

    async def settle(self, ids: Sequence[int], handling: Handling, *, deed: Deed | None = None) -> frozenset[int]:
        """Write down what was done about letters that are open."""
        done = _handled(handling).where(_NAMED).returning(*_TOLD).cte("done")
        asked = {"ids": list(ids)} | told_as(deed)
        async with connected(self._engine) as connection:
            settled = await connection.execute(select(done.c.id).add_cte(*_deeds(done, deed)), asked)
            letters = frozenset(settled.scalars())
        cross(Boundary.SETTLED)
        return letters

    async def republish(self, letter_id: int, *, by: str | None, deed: Deed | None = None) -> bool:
        """Name the letter in an outbox entry: one of the stage publish is told as the record it was."""
        replayed = _handled(Handling(state=LetterState.REPLAYED, by=by))
        meant = replayed.where(dead_letters.c.id == letter_id, dead_letters.c.stage == Stage.PUBLISH)
        moved = meant.returning(*_TOLD).cte("moved")
        ids = select(func.array_agg(moved.c.id)).having(func.count() > 0)
        told = select(moved.c.id).add_cte(entered("letters", ids), *_deeds(moved, deed))
        asked = {"sender": self._sender} | told_as(deed)
        async with connected(self._engine) as connection:
            republished = (await connection.execute(told, asked)).one_or_none() is not None
        cross(Boundary.REPUBLISHED)
        return republished


async def records(connection: AsyncConnection, ids: Sequence[int]) -> Mapping[int, OutgoingRecord]:
    """Return what is to be published of letters that an outbox entry names, by their ids; who is gone is absent."""
    if not ids:
        return {}
    rows = await connection.execute(_RECORDS, {"ids": ids})
    return {row.id: _record(row) for row in rows}


async def open_letters(connection: AsyncConnection) -> Mapping[Stage, int]:
    """Return how many letters are open, by stage, of the first 100,000."""
    return {Stage(row.stage): row.n for row in await connection.execute(OPEN_BY_STAGE)}


def _record(row: AnyRow) -> OutgoingRecord:
    values = _values(row)
    if row.stage == Stage.PUBLISH:
        return OutgoingRecord(row.topic, row.key, row.value, values["headers"])
    letter = DeadLetter(**{field.name: values[field.name] for field in fields(DeadLetter)})
    return dead_letter_record(letter, letter_id=row.id, failed_at=row.created_at)


def _values(row: AnyRow) -> dict[str, Any]:
    values = row._asdict() | {"stage": Stage(row.stage), "state": LetterState(row.state)}
    if "headers" in values:
        values["headers"] = msgpack.unpackb(row.headers, use_list=False)
    return values


def _of_counties(counties: Seen) -> Iterator[ColumnElement[bool]]:
    """Ask that a letter tells of a job of these counties."""
    if counties is not None:
        yield exists().where(_ITS_JOB, *seen(counties))


def _conditions(wanted: LetterFilter) -> Iterator[ColumnElement[bool]]:
    yield from _of_counties(wanted.counties)
    if wanted.state is not None:
        yield _IS_OPEN if wanted.state is LetterState.OPEN else dead_letters.c.state == wanted.state
    for name in EXACT:
        if (value := getattr(wanted, name)) is not None:
            yield dead_letters.c[name] == value
    if wanted.since is not None:
        yield dead_letters.c.created_at >= wanted.since
    if wanted.until is not None:
        yield dead_letters.c.created_at < wanted.until


def _behind(after: int, wanted: LetterFilter, *columns: ColumnElement[Any]) -> Select[Any]:
    return select(*columns).where(dead_letters.c.id > after, *_conditions(wanted))


def _deeds(done: CTE, deed: Deed | None) -> Sequence[CTE]:
    """Tell a deed of each letter that something was done about."""
    job_id = func.coalesce(done.c.replayed_as, done.c.job_id)
    return [entries(done, letter_id=done.c.id, job_id=job_id, county_id=done.c.county_id)] if deed else []


def _handled(handling: Handling) -> Update:
    """Start the guarded UPDATE: only an open letter can be handled, so of two who try one finds no row."""
    return (
        update(dead_letters)
        .where(_IS_OPEN)
        .values(
            state=handling.state,
            note=handling.note,
            handled_at=func.now(),
            handled_by=handling.by,
            replayed_as=handling.replayed_as,
        )
    )
