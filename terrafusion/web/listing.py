"""What the list of jobs shows beside the jobs: counts, active filters, and the addresses that change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from models.jobs import Job, JobStatus
from terrafusion.web.query import ListPageQuery
from terrafusion.wording import label

FILTERS: Final = ("status", "county_id", "analysis_type", "correlation_id")


@dataclass(frozen=True, slots=True)
class Tile:
    """How many jobs are in a state, and the address that shows them."""

    status: JobStatus | None
    count: int
    link: str
    active: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter, and the address without it."""

    name: str
    value: str
    without: str


def list_link(query: ListPageQuery, **changes: Any) -> str:
    """Return the address of the list with some of the query changed; other filters begin at the newest job."""
    kept = query.model_dump(mode="json", exclude_defaults=True)
    if "cursor" not in changes and "refresh" not in changes:
        kept.pop("cursor", None)
    wanted = {name: value for name, value in (kept | changes).items() if value is not None}
    return f"/?{urlencode(wanted)}" if wanted else "/"


def job_link(job: Job) -> str:
    """Return the address of a job's page."""
    return f"/jobs/{job.job_id}"


def tiles(query: ListPageQuery, counts: Mapping[JobStatus, int]) -> Sequence[Tile]:
    """Return a tile for all jobs and one for each state."""
    every = Tile(None, sum(counts.values()), list_link(query, status=None), query.status is None)
    states = [
        Tile(status, counts[status], list_link(query, status=str(status)), query.status is status)
        for status in JobStatus
    ]
    return [every, *states]


def chips(query: ListPageQuery) -> Sequence[Chip]:
    """Return the active filters."""
    return [
        Chip(label(name.removesuffix("_id")), str(value), list_link(query, **{name: None}))
        for name in FILTERS
        if (value := getattr(query, name)) is not None
    ]
