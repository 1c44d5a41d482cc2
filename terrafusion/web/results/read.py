"""A job's document as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.jobs import Job
from terrafusion.analysis.registry import Catalogue
from terrafusion.errors import UnknownAnalysisType
from terrafusion.web.query import JobPageQuery
from terrafusion.web.results.page import Findings, findings
from terrafusion.web.results.view import Chosen, Result


def found_by(catalogue: Catalogue, job: Job, document: Mapping[str, Any], query: JobPageQuery) -> Findings:
    """Lay out what a job found; a type that is not known here any more is shown as any result can be."""
    chosen = Chosen(group=query.group, subject=query.subject, reason=query.reason, page=query.page)
    return findings(_name(catalogue, job), Result(document, chosen, f"/jobs/{job.job_id}"))


def _name(catalogue: Catalogue, job: Job) -> str:
    """Return the name behind an alias."""
    try:
        return catalogue.get(job.analysis_type).name
    except UnknownAnalysisType:
        return job.analysis_type
