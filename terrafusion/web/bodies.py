"""What the JSON answers hold: jobs, lists, the catalogue, counties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from models.attempts import Attention
from models.jobs import Job
from models.messages import JobStatusChanged
from models.pauses import Pause, Scope
from terrafusion.analysis.api import Analysis
from terrafusion.ports.counties import DataVersion
from terrafusion.ports.jobs import MOST_LOOKED_AT, Page
from terrafusion.usecases.waiting import Reasons
from terrafusion.web.query import write_cursor
from terrafusion.web.timeline import Try

JOB_FIELDS: Final = (
    "job_id",
    "analysis_type",
    "county_id",
    "status",
    "message",
    "parameters",
    "created_at",
    "updated_at",
    "started_at",
    "completed_at",
    "progress",
    "attempt",
    "failure_reason",
    "priority",
    "data_version",
    "correlation_id",
    "retry_of",
    "sequence",
    "requested_by",
    "result_summary",
    "result_data_location",
    "result_sha256",
)
"""The order in which a job is told: first what the platform's clients have always read."""


def job_body(job: Job, reasons: Reasons) -> dict[str, Any]:
    """Tell a job as JSON, and why it waits."""
    return {name: getattr(job, name) for name in JOB_FIELDS} | {"waiting_for": reasons.of(job)}


def way_body(job: Job, tries: Sequence[Try], retried_as: Sequence[UUID]) -> dict[str, Any]:
    """Tell where a job came from, its attempts, the last one first, and which jobs ask it again."""
    return {
        "origin": job.origin and asdict(job.origin),
        "attempts": [attempt_body(one) for one in tries],
        "retried_as": list(retried_as),
    }


def attempt_body(one: Try) -> dict[str, Any]:
    """Tell an attempt, and what was logged for it."""
    return {
        "attempt": one.number,
        "worker": one.worker,
        "claimed_at": one.began,
        "ended_at": one.ended,
        "message": one.ending,
        "log": [asdict(line) for line in one.log.lines] if one.log else [],
        "log_left_out": one.log.left_out if one.log else 0,
    }


def page_body(page: Page, reasons: Reasons) -> dict[str, Any]:
    """Tell a page of jobs and where the next one begins."""
    cursor = write_cursor(page.next_after) if page.next_after else None
    return {"jobs": [job_body(job, reasons) for job in page.jobs], "next_cursor": cursor}


def attention_body(found: Attention, reasons: Reasons, most: int) -> dict[str, Any]:
    """Tell which jobs somebody should look at, of each kind ``most``, and whether there are more.

    ``failed_looked_at`` is how many of the newest that failed were looked at, where others stand behind them.
    """
    kinds = {"failed": found.failed, "stuck": found.stuck, "late": found.late}
    return {"failed_looked_at": MOST_LOOKED_AT if found.unseen else None} | {
        name: {"jobs": [job_body(job, reasons) for job in jobs[:most]], "more": len(jobs) > most}
        for name, jobs in kinds.items()
    }


def pause_body(pause: Pause) -> dict[str, Any]:
    """Tell what stands still, since when, by whose order and why."""
    return {
        "scope": pause.scope,
        "county_id": pause.name if pause.scope is Scope.COUNTY else None,
        "analysis_type": pause.name if pause.scope is Scope.TYPE else None,
        "reason": pause.reason,
        "requested_by": pause.requested_by,
        "created_at": pause.created_at,
    }


def summary_document(job: Job) -> dict[str, Any]:
    """Make the document of a job that has a summary and no file."""
    return {
        "result_summary": job.result_summary or {},
        "data_quality": {},
        "warnings": [],
        "trends": [],
        "rows": [],
        "pictures": {},
        "result_data_location": None,
    }


def analysis_body(analysis: Analysis[Any]) -> dict[str, Any]:
    """Tell an entry of the catalogue, its parameters as JSON Schema."""
    return {
        "name": analysis.name,
        "question": analysis.question,
        "aliases": list(analysis.aliases),
        "needs": list(analysis.needs),
        "uses": list(analysis.uses),
        "parameters": analysis.parameters.model_json_schema(),
    }


def county_body(version: DataVersion) -> dict[str, Any]:
    """Tell what is loaded of a county."""
    return {
        "county_id": version.county_id,
        "data_version": version.data_version,
        "sales": version.sales,
        "first_sale": version.first_sale,
        "last_sale": version.last_sale,
        "properties": version.properties,
        "listings": version.listings,
        "created_at": version.created_at,
    }


def event_of(job: Job) -> JobStatusChanged:
    """Tell a row as the event that would have told of it."""
    return JobStatusChanged.model_validate(job, from_attributes=True)


def job_of(event: JobStatusChanged) -> Job:
    """Tell a job as far as its last event does: no parameters, no result."""
    return Job(**{name: getattr(event, name) for name in JobStatusChanged.model_fields})
