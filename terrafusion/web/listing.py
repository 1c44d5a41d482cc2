"""The list of jobs as a page shows it: counts by state, active filters, and the links that change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from models.jobs import TERMINAL, Job, JobStatus
from terrafusion.ports.jobs import MOST_COUNTED
from terrafusion.web.query import Filters, ListPageQuery, write_cursor
from terrafusion.wording import figure, label

LIVE: Final = "/live/jobs"
BULK: Final = "/bulk"
FILTERS: Final = tuple(Filters.model_fields)
CHIPS: Final[Mapping[str, str]] = {
    "county_id": "County",
    "analysis_type": "Analysis type",
    "correlation_id": "Correlation",
    "q": "Text",
    "since": "Accepted since",
    "until": "Accepted before",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """How many jobs are in a state, and the address that shows them."""

    status: JobStatus | None
    count: str
    link: str
    active: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter, and the address without it."""

    name: str
    value: str
    without: str


def list_link(query: Filters, **changes: Any) -> str:
    """Return the address of the list with some of the query changed; other filters begin at the first job."""
    kept = given(query)
    if "cursor" not in changes:
        kept.pop("cursor", None)
    return _address("/", kept | changes)


def given(query: Filters) -> dict[str, Any]:
    """Return what a query says."""
    return query.model_dump(mode="json", exclude_defaults=True)


def filters(query: Filters) -> dict[str, Any]:
    """Return which jobs a query means."""
    return {name: value for name, value in given(query).items() if name in FILTERS}


def live_link(query: ListPageQuery, jobs: Sequence[Job]) -> str:
    """Return the address of the stream of a page: its filters, where it begins and ends, whether newer jobs matter."""
    places = sorted((job.created_at, job.job_id) for job in jobs)
    ends = {"first": write_cursor(places[-1]), "last": write_cursor(places[0])} if places else {}
    moved = {"moved": max(job.updated_at for job in jobs).isoformat()} if jobs else {}
    is_first = query.cursor is None and query.sort == "newest"
    return _address(LIVE, filters(query) | ends | moved | ({} if is_first else {"newer": "off"}))


def bulk_links(query: Filters, counts: Mapping[JobStatus, int]) -> Mapping[str, str]:
    """Return the addresses at which all jobs of a list can be cancelled or retried, where some can be; a text has none."""
    if query.q is not None:
        return {}
    some = {status for status, n in counts.items() if n and query.status in (None, status)}
    verbs = {
        "cancel": some - TERMINAL,
        "retry": some & {JobStatus.FAILED, JobStatus.CANCELLED, query.status} & TERMINAL,
    }
    return {verb: _address(BULK, {"verb": verb} | filters(query)) for verb, found in verbs.items() if found}


def _address(path: str, query: Mapping[str, Any]) -> str:
    wanted = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def job_link(job: Job) -> str:
    """Return the address of a job's page."""
    return f"/jobs/{job.job_id}"


def counted(count: int) -> str:
    """Write a count that goes no further than so many."""
    return f"{figure(MOST_COUNTED)}+" if count > MOST_COUNTED else figure(count)


def tiles(query: Filters, counts: Mapping[JobStatus, int]) -> Sequence[Tile]:
    """Return a tile for all jobs and one for each state."""
    each = [Tile(s, counted(counts[s]), list_link(query, status=str(s)), query.status is s) for s in JobStatus]
    is_more = any(count > MOST_COUNTED for count in counts.values())
    every = f"{figure(MOST_COUNTED)}+" if is_more else counted(sum(counts.values()))
    return [Tile(None, every, list_link(query, status=None), query.status is None), *each]


def chips(query: Filters) -> Sequence[Chip]:
    """Return the active filters."""
    said = given(query)
    names = {"status": label("status"), **CHIPS}
    return [
        Chip(name, str(said[field]), list_link(query, **{field: None}))
        for field, name in names.items()
        if field in said
    ]
