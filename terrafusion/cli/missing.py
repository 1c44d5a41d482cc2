"""Why a request that was sent is no job yet: it lies on its topic, and not for a worker's fault."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from models.pauses import Scope
from terrafusion.cli.output import note
from terrafusion.client.wire import Wire
from terrafusion.errors import NotFound, TerraFusionError

ARRIVES_S: Final = 3.0
"""In this time a request that was sent becomes a job, where nothing is in its way."""
RESUMES_S: Final = 30.0
"""After a pause it may take longer: what came meanwhile goes before it."""
LOOK_S: Final = 0.25


async def why_not_yet(view: Wire) -> str | None:
    """Say that the intake is paused, since when, by whom and why; None where it is not, or nobody tells."""
    with suppress(TerraFusionError):
        for pause in (await view.get("pauses"))["pauses"]:
            if pause["scope"] == Scope.INTAKE:
                by = f" by {pause['requested_by']}" if pause["requested_by"] else ""
                reason = f" ({pause['reason']})" if pause["reason"] else ""
                since = f"since {pause['created_at']}{by}{reason}"
                return f"The intake is paused {since}: requests wait on their topic until `terrafusion resume`."
    return None


async def job_of(view: Wire, path: str, job_id: UUID) -> dict[str, Any]:
    """Return what a worker tells of a job; raises NotFound, with the reason where requests are not let in."""
    try:
        return await view.get(path, str(job_id))
    except NotFound as error:
        why = await why_not_yet(view)
        raise NotFound(f"{error}. {why}" if why else str(error), field=error.field, value=error.value) from None


async def arrived(view: Wire, job_id: UUID) -> dict[str, Any]:
    """Return a job once it is one: its request may still be on its way, for as long as the intake is paused."""
    now, told = asyncio.get_running_loop().time, False
    until = now() + ARRIVES_S
    while True:
        try:
            return await view.get("status", str(job_id))
        except NotFound:
            why = await why_not_yet(view)
            if why and not told:
                note(f"{why} Ctrl-C stops watching.")
                told = True
            if why:
                until = now() + RESUMES_S
            elif now() >= until:
                raise
        await asyncio.sleep(LOOK_S)
