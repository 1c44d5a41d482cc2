"""The parts of a job's page that move: how it stands, and its attempts with what was logged for them."""

from __future__ import annotations

from uuid import UUID

from models.attempts import History
from models.jobs import Job
from terrafusion.errors import Unavailable
from terrafusion.web.deps import WebDeps
from terrafusion.web.lookup import SHORT_PATIENCE_S, read_row
from terrafusion.web.render import macro
from terrafusion.web.timeline import remaining, timeline, tries


async def now_part(deps: WebDeps, job: Job, *, swap: bool = True) -> str:
    """Render how a job stands: state, progress, what it waits for, its way so far."""
    now = deps.now()
    waiting_for = (await deps.waiting.reasons([job])).of(job)
    shown = macro("job_parts.html", "now_part")
    return str(shown(job, waiting_for, remaining(job, now), timeline(job, now), now, swap=swap))


async def tries_part(deps: WebDeps, job_id: UUID) -> str:
    """Render a job's attempts; raises Unavailable."""
    job = await read_row(deps, job_id, patience_s=SHORT_PATIENCE_S)
    if job is None:
        raise Unavailable("the row is gone")
    return attempts_part(deps, job, await deps.history.history(job_id))


def attempts_part(deps: WebDeps, job: Job, history: History, *, swap: bool = True) -> str:
    """Render attempts that were read."""
    shown = macro("job_parts.html", "tries_part")
    return str(shown(tries(job, history, deps.now()), history.retried_as, swap=swap))
