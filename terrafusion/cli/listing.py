"""Jobs as lines for a person. A line is never cut, so that what is copied from it is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

TOLD_FIRST: Final = ("job_id", "analysis_type", "county_id", "status")
HIDDEN: Final = ("result_summary",)
HEAD: Final = 3
"""Columns of a job that tell it and its state; the others tell what was asked, and why it waits or failed."""

Body = Mapping[str, Any]


def job_lines(job: Body) -> Iterator[str]:
    """Tell a job, a field a line; what is null is left out."""
    names = [*TOLD_FIRST, *(name for name in job if name not in (*TOLD_FIRST, *HIDDEN))]
    told = {name: _said(name, job[name]) for name in names if job[name] not in (None, {})}
    width = max(map(len, told)) + 2
    for name, value in told.items():
        yield f"{name.replace('_', ' '):<{width}}{value}"
    if finding := (job["result_summary"] or {}).get("key_finding"):
        yield f"{'finding':<{width}}{finding}"


def page_lines(jobs: Sequence[Body], *, width: int | None = None) -> Iterator[str]:
    """Tell a page of jobs in columns, one a line; where ``width`` is too narrow for that, what was asked below it."""
    rows = [_row(job) for job in jobs]
    whole = [*_columns(rows)]
    if width is None or max(map(len, whole), default=0) <= width:
        yield from whole
        return
    for head, asked in zip(_columns([row[:HEAD] for row in rows]), _columns([row[HEAD:] for row in rows]), strict=True):
        yield head
        yield f"  {asked}"


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def event_line(event: Body) -> str:
    """Tell a status event."""
    standing = f"{event['status']:<9} {event['progress']:4.0%}"
    asked = f"{event['analysis_type']} {event['county_id']}"
    return f"{_moment(event['updated_at'])}  {event['job_id']}  {standing}  {asked}  {event['message']}"


def _row(job: Body) -> Sequence[str]:
    running = f" {job['progress']:.0%}" if job["status"] == "RUNNING" else ""
    reason = job["failure_reason"] or job["waiting_for"] or ""
    asked = (job["analysis_type"], job["county_id"])
    return (_moment(job["created_at"]), job["job_id"], f"{job['status']}{running}", *asked, reason)


def _said(name: str, value: Any) -> str:
    if name == "progress":
        return f"{value:.0%}"
    if isinstance(value, Mapping):
        return json.dumps(value)
    return _moment(value) if name.endswith("_at") else str(value)


def _moment(written: str) -> str:
    """Say an instant in this machine's time, to the second."""
    return f"{datetime.fromisoformat(written).astimezone():%Y-%m-%d %H:%M:%S}"
