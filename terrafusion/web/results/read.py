"""A job's document as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.jobs import Job
from terrafusion.analysis.registry import Catalogue
from terrafusion.errors import UnknownAnalysisType
from terrafusion.web.query import JobPageQuery
from terrafusion.web.results import generic
from terrafusion.web.results.page import VIEWS, Findings, findings
from terrafusion.web.results.view import Chosen, Result


def found_by(catalogue: Catalogue, job: Job, document: Mapping[str, Any], query: JobPageQuery) -> Findings:
    """Lay out what a job found; a type that is not known here any more is shown as any result can be."""
    chosen = Chosen(group=query.group, subject=query.subject, reason=query.reason, page=query.page)
    return findings(_name(catalogue, job.analysis_type), Result(document, chosen, f"/jobs/{job.job_id}"))


def headline_of(catalogue: Catalogue, analysis_type: str) -> Sequence[str]:
    """Name the figures that a type's page puts first."""
    return VIEWS.get(_name(catalogue, analysis_type), generic.VIEW).headline


def _name(catalogue: Catalogue, analysis_type: str) -> str:
    """Return the name behind an alias."""
    try:
        return catalogue.get(analysis_type).name
    except UnknownAnalysisType:
        return analysis_type
