"""Lists of jobs, each by the index that has its order.

What no index has in order is looked for among so many jobs and no more: a page tells where the next one goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, Uuid, false, func, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Subquery

from models.access import Counties as Seen
from models.jobs import TERMINAL, JobStatus
from models.messages import JobStatusChanged
from models.tables import Timestamp, jobs
from terrafusion.adapters.postgres.reading import LISTED, job_of, seen
from terrafusion.adapters.postgres.telling import TOLD
from terrafusion.ports.jobs import MOST_LOOKED_AT, JobFilter, Page

After = tuple[datetime, UUID]
Branch = tuple[ColumnElement[bool], ...]
Condition = Callable[[Any], ColumnElement[bool]]
"""A condition on the columns that it is given."""
Rest = Sequence[Condition]

SHORTEST_ID: Final = 4
"""Digits with which a text may be the beginning of an id: of a million ids some 15 begin with the same four."""
ID_DIGITS: Final = 32
HEXADECIMAL: Final = frozenset("0123456789abcdef")
PLACE: Final = (jobs.c.created_at, jobs.c.job_id)
MOST_BRANCHES: Final = 20
"""Counties that are each looked up by an index; of more the newest jobs are looked through."""
SELECTIVE: Final = ("status", "county_id", "analysis_type")
"""What indexes begin with, alone and with a status."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a list is read: by what an index begins with, once for each of ``branches``, and by the rest."""

    branches: Sequence[Branch]
    rest: Rest = ()
    by_all: bool = False
    """By the index of all jobs."""
    oldest_first: bool = False

    @property
    def most(self) -> int | None:
        """How many jobs are looked at."""
        return MOST_LOOKED_AT if self.rest else None

    def order(self, columns: Any) -> Sequence[ColumnElement[Any]]:
        """Return the order of the list, written as its index has it."""
        place = (columns.created_at, columns.job_id)
        if self.by_all:
            return place if self.oldest_first else [column.desc() for column in place]
        return [column.nulls_first() if self.oldest_first else column.desc().nulls_last() for column in place]


async def page(
    connection: AsyncConnection, wanted: JobFilter, *, after: After | None, limit: int, oldest_first: bool
) -> Page:
    """Return jobs from the one behind ``after``."""
    way = replace(await _way(connection, wanted), oldest_first=oldest_first)
    way = _within(way, [*_times(wanted), *_behind(after, oldest_first=oldest_first)])
    found = (await connection.execute(listed(way, limit + 1))).all()
    shown = [job_of(row) for row in found[:limit]]
    if len(found) > limit:
        return Page(shown, (shown[-1].created_at, shown[-1].job_id))
    return Page(shown, await _last_looked_at(connection, way))


async def counts(connection: AsyncConnection, wanted: JobFilter, most: int) -> Mapping[JobStatus, int]:
    """Return how many jobs of a filter stand where, whatever status it names."""
    every = replace(wanted, status=None)
    if every.correlation_id is None and every.text is None:
        statement: Any = counted_each([*_asked(every), *seen(every.counties), *_times(every)], most + 1)
    else:
        statement = _counted_together(_within(await _way(connection, every), _times(every)))
    found = {row.status: row.n for row in await connection.execute(statement)}
    return {status: found.get(status, 0) for status in JobStatus}


async def waiting(connection: AsyncConnection, most: int) -> int:
    """Return how many jobs are PENDING, at most ``most``."""
    return int((await connection.execute(_counted(JobStatus.PENDING, (), most))).scalar_one())


async def live(connection: AsyncConnection, limit: int) -> Sequence[JobStatusChanged]:
    """Return the state of jobs that are not at their end, newest first, as their last event told it."""
    alive = Way([(jobs.c.status == status,) for status in JobStatus if status not in TERMINAL])
    rows = await connection.execute(listed(alive, limit, TOLD))
    return [JobStatusChanged(**row._asdict()) for row in rows]


async def _way(connection: AsyncConnection, wanted: JobFilter) -> Way:
    named = await _named(connection, wanted.text, wanted.counties) if wanted.text else None
    said = [_says(wanted.text)] if wanted.text and named is None else []
    if wanted.correlation_id is not None:
        return Way([(jobs.c.correlation_id == wanted.correlation_id,)], [*_rest(wanted), *filter(None, [named]), *said])
    return _by_index(wanted, said) if named is None else Way([(named(jobs.c),)], _rest(wanted))


async def _named(connection: AsyncConnection, text: str, counties: Seen) -> Condition | None:
    """Find out whether a text names jobs: by their id, their correlation or who asked."""
    names = [_is("correlation_id", text), _is("requested_by", text)]
    if ids := ids_from(text):
        names.insert(0, _lies_between(*ids))
    known = select(*(select(jobs.c.job_id).where(fits(jobs.c), *seen(counties)).exists() for fits in names))
    row = (await connection.execute(known)).one()
    return next((fits for fits, is_known in zip(names, row, strict=True) if is_known), None)


def ids_from(text: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last id that begin with a text; None where it is too short or no id's beginning."""
    digits = text.replace("-", "").lower()
    if not SHORTEST_ID <= len(digits) <= ID_DIGITS or set(digits) - HEXADECIMAL:
        return None
    return UUID(digits.ljust(ID_DIGITS, "0")), UUID(digits.ljust(ID_DIGITS, "f"))


def _by_index(wanted: JobFilter, rest: Rest = ()) -> Way:
    """Go by what an index begins with: it has a county, a type or both with a status, so each of these is a branch."""
    counties = _counties(wanted)
    asked = _asked(replace(wanted, county_id=None, status=None))
    if counties is None and not asked and wanted.status is None:
        return Way([()], rest, by_all=True)
    if counties is not None and len(counties) > MOST_BRANCHES:
        return _by_index(replace(wanted, counties=None), [*rest, _is_one_of(counties)])
    of = [()] if counties is None else [(jobs.c.county_id == county_id,) for county_id in counties]
    statuses = list(JobStatus) if wanted.status is None and (asked or counties is not None) else [wanted.status]
    return Way([(*county, *asked, jobs.c.status == status) for county in of for status in statuses], rest)


def _counties(wanted: JobFilter) -> Sequence[str] | None:
    """Return of which counties jobs are wanted; None where it does not matter."""
    if wanted.county_id is None:
        return None if wanted.counties is None else sorted(wanted.counties)
    return [wanted.county_id] if wanted.counties is None or wanted.county_id in wanted.counties else []


def _asked(wanted: JobFilter) -> Branch:
    return tuple(jobs.c[name] == value for name in SELECTIVE if (value := getattr(wanted, name)) is not None)


def _rest(wanted: JobFilter) -> Rest:
    named = [_is(name, value) for name in SELECTIVE if (value := getattr(wanted, name)) is not None]
    return named if wanted.counties is None else [*named, _is_one_of(sorted(wanted.counties))]


def _is_one_of(counties: Sequence[str]) -> Condition:
    return lambda columns: columns.county_id.in_(counties)


def _is(name: str, value: str) -> Condition:
    return lambda columns: columns[name] == value


def _lies_between(first: UUID, last: UUID) -> Condition:
    return lambda columns: columns.job_id.between(literal(first, Uuid), literal(last, Uuid))


def _says(text: str) -> Condition:
    return lambda columns: columns.message.icontains(text, autoescape=True)


def _times(wanted: JobFilter) -> Sequence[ColumnElement[bool]]:
    since, until = (literal(at, Timestamp) for at in (wanted.since, wanted.until))
    begun = [] if wanted.since is None else [jobs.c.created_at >= since]
    return begun if wanted.until is None else [*begun, jobs.c.created_at < until]


def _behind(after: After | None, *, oldest_first: bool) -> Sequence[ColumnElement[bool]]:
    if after is None:
        return []
    place, last = tuple_(*PLACE), tuple_(literal(after[0], Timestamp), literal(after[1], Uuid))
    return [place > last if oldest_first else place < last]


def _within(way: Way, limits: Sequence[ColumnElement[bool]]) -> Way:
    return replace(way, branches=[(*branch, *limits) for branch in way.branches])


def listed(way: Way, limit: int, columns: Sequence[Any] = LISTED) -> Select[Any]:
    """Make the statement that reads a list."""
    rows = _looked_at(way, columns, way.most or limit)
    return select(rows).where(*(fits(rows.c) for fits in way.rest)).order_by(*way.order(rows.c)).limit(limit)


def _looked_at(way: Way, columns: Sequence[Any], most: int) -> Subquery:
    """Take each branch in the order of its index, and merge them."""
    if not way.branches:
        return select(*columns).where(false()).subquery("looked_at")
    several = [select(*columns).where(*branch).order_by(*way.order(jobs.c)).limit(most) for branch in way.branches]
    if len(several) == 1:
        return several[0].subquery("looked_at")
    merged = union_all(*(select(one.subquery()) for one in several)).subquery("merged")
    return select(merged).order_by(*way.order(merged.c)).limit(most).subquery("looked_at")


async def _last_looked_at(connection: AsyncConnection, way: Way) -> After | None:
    """Return the place of the last job that may be looked at; None where that is the list's end."""
    if way.most is None:
        return None
    rows = _looked_at(way, PLACE, way.most)
    last = select(rows).order_by(*way.order(rows.c)).offset(way.most - 1).limit(1)
    row = (await connection.execute(last)).one_or_none()
    return row and (row.created_at, row.job_id)


def counted_each(within: Sequence[ColumnElement[bool]], most: int) -> CompoundSelect[Any]:
    """Make the statement that counts each status by itself."""
    each = {status: _counted(status, within, most).scalar_subquery() for status in JobStatus}
    return union_all(*(select(literal(status.value).label("status"), n.label("n")) for status, n in each.items()))


def _counted(status: JobStatus, within: Sequence[ColumnElement[bool]], most: int) -> Select[Any]:
    some = select(literal(1).label("one")).where(*within, jobs.c.status == status).limit(most).subquery()
    return select(func.count()).select_from(some)


def _counted_together(way: Way) -> Select[Any]:
    columns = (*PLACE, *(jobs.c[name] for name in (*SELECTIVE, "message", "correlation_id", "requested_by")))
    rows = _looked_at(way, columns, MOST_LOOKED_AT)
    fits = (condition(rows.c) for condition in way.rest)
    return select(rows.c.status, func.count().label("n")).where(*fits).group_by(rows.c.status)
