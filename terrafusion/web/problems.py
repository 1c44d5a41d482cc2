"""Errors as a caller sees them: problem bodies after RFC 9457, or a plain page for a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp.web import HTTPException, Request, Response

from terrafusion.errors import IntakeShut, Rejected, Unavailable
from terrafusion.tracing import trace_id
from terrafusion.web.answers import html, json_response, wants_html
from terrafusion.web.render import render
from topics.requests import traceparent_of

RETRY_AFTER_S: Final = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """One error, ready to be told."""

    status: int
    title: str
    detail: str
    kind: str = "about:blank"
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> Mapping[str, Any]:
        """The problem body."""
        told = {name: value for name, value in self.extra.items() if value is not None}
        return {"type": self.kind, "title": self.title, "status": self.status, "detail": self.detail, **told}


def problem_of(error: Exception) -> Problem:
    """Say an error as a problem. Only the errors of our own tree speak for themselves."""
    if isinstance(error, Rejected):
        return _of_rejection(error)
    if isinstance(error, IntakeShut):
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": str(RETRY_AFTER_S)})
    if isinstance(error, Unavailable):
        detail = "A service that is needed cannot be reached; the request may be repeated."
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_S)})
    if isinstance(error, HTTPException):
        return _of_http(error)
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here; it has been logged.")


def respond(request: Request, error: Exception) -> Response:
    """Answer a request with an error: a page where a browser asks for one, else a problem body."""
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        trace = trace_id(traceparent_of(request.headers.get("traceparent")))
        log.error("request failed", method=request.method, path=request.path, trace_id=trace, exc_info=error)
    if wants_html(request):
        response = html(render("problem.html", problem=problem), status=problem.status)
    else:
        response = json_response(problem.body, status=problem.status, content_type="application/problem+json")
    response.headers.update(problem.headers)
    return response


def _problem(status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None) -> Problem:
    return Problem(status, status.phrase, detail, headers=headers or {})


def _of_rejection(error: Rejected) -> Problem:
    extra = {"field": error.field, "value": error.value, "allowed": error.allowed}
    title = (type(error).__doc__ or error.status.phrase).rstrip(".")
    return Problem(error.status, title, str(error), _kind(type(error)), extra)


def _kind(error: type[Rejected]) -> str:
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in error.__name__)
    return f"urn:terrafusion:problem:{words.strip('-')}"


def _of_http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status)
    kept = {name: error.headers[name] for name in ("Allow", "Retry-After", "WWW-Authenticate") if name in error.headers}
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"This address takes {kept.get('Allow', 'other methods')}.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than this service takes.",
    }
    return _problem(status, details.get(status, error.text or status.description), headers=kept)
