"""What each address does: with `models.access.NEEDS` the one table of who may go where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp.web import Request

from models.access import Action
from terrafusion.web.api import PREFIX

OPEN: Final = None
"""Asked by machines before anybody is known, or by who is not known yet."""
ACTIONS: Final[Mapping[tuple[str, str], Action | None]] = {
    ("get", "/"): Action.READ,
    ("get", "/jobs/{job_id}"): Action.READ,
    ("get", "/jobs/{job_id}/print"): Action.READ,
    ("get", "/jobs/{job_id}/result.csv"): Action.READ,
    ("get", "/jobs/{job_id}/result.json"): Action.READ,
    ("get", "/jobs/{job_id}/result.parquet"): Action.READ,
    ("get", "/attention"): Action.READ,
    ("get", "/bulk"): Action.READ,
    ("get", "/live/jobs"): Action.READ,
    ("get", "/live/jobs/{job_id}"): Action.READ,
    ("get", "/dead-letters"): Action.READ,
    ("get", "/dead-letters/{letter_id}"): Action.READ,
    ("get", "/ask"): Action.READ,
    ("get", "/ask/{analysis_type}"): Action.READ,
    ("post", "/ask/{analysis_type}"): Action.RUN,
    ("get", "/compare"): Action.READ,
    ("get", "/counties"): Action.READ,
    ("get", "/counties/{county_id}"): Action.READ,
    ("get", "/docs"): OPEN,
    ("get", "/docs/http"): OPEN,
    ("get", "/docs/http/{name}"): OPEN,
    ("get", "/docs/topics"): OPEN,
    ("get", "/lag"): Action.WATCH,
    ("get", "/throughput"): Action.WATCH,
    ("get", "/workers"): Action.WATCH,
    ("get", "/pauses"): Action.READ,
    ("post", "/pauses/pause"): Action.PAUSE,
    ("post", "/pauses/resume"): Action.RESUME,
    ("get", "/audit"): Action.AUDIT,
    ("get", "/login"): OPEN,
    ("post", "/login"): Action.LOGIN,
    ("post", "/logout"): Action.LOGOUT,
    ("post", f"{PREFIX}/run"): Action.RUN,
    ("get", f"{PREFIX}/status/{{job_id}}"): Action.READ,
    ("get", f"{PREFIX}/results/{{job_id}}"): Action.READ,
    ("get", f"{PREFIX}/list"): Action.READ,
    ("post", f"{PREFIX}/cancel"): Action.CANCEL,
    ("post", f"{PREFIX}/retry"): Action.RETRY,
    ("post", f"{PREFIX}/cancel/{{job_id}}"): Action.CANCEL,
    ("post", f"{PREFIX}/retry/{{job_id}}"): Action.RETRY,
    ("post", f"{PREFIX}/pause"): Action.PAUSE,
    ("post", f"{PREFIX}/resume"): Action.RESUME,
    ("get", f"{PREFIX}/pauses"): Action.READ,
    ("get", f"{PREFIX}/types"): Action.READ,
    ("get", f"{PREFIX}/counties"): Action.READ,
    ("get", f"{PREFIX}/health"): OPEN,
    ("get", f"{PREFIX}/events"): Action.READ,
    ("get", f"{PREFIX}/events/{{job_id}}"): Action.READ,
    ("get", f"{PREFIX}/dead-letters"): Action.READ,
    ("post", f"{PREFIX}/dead-letters/replay"): Action.REPLAY,
    ("post", f"{PREFIX}/dead-letters/discard"): Action.DISCARD,
    ("get", f"{PREFIX}/dead-letters/{{letter_id}}"): Action.READ,
    ("post", f"{PREFIX}/dead-letters/{{letter_id}}/replay"): Action.REPLAY,
    ("post", f"{PREFIX}/dead-letters/{{letter_id}}/discard"): Action.DISCARD,
    ("get", f"{PREFIX}/audit"): Action.AUDIT,
    ("get", "/openapi.json"): OPEN,
    ("get", "/asyncapi.json"): OPEN,
    ("get", "/livez"): OPEN,
    ("get", "/readyz"): OPEN,
    ("get", "/metrics"): Action.WATCH,
}
"""By method and path, as the routes name it. A path that is not here is for operators alone, and fails a test."""


def action_of(request: Request) -> Action | None:
    """Say what a request wants to do; None where that is open to all, and where there is nothing at its address."""
    match = request.match_info
    resource = match.route.resource
    if match.http_exception is not None or resource is None or resource.canonical.startswith("/static/"):
        return OPEN
    method = "get" if request.method == "HEAD" else request.method.lower()
    return ACTIONS.get((method, resource.canonical), Action.AUDIT)
