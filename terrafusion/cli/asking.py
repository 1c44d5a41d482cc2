"""What `terrafusion run` does: a request checked here, sent, and waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from models.messages import AnalysisRequest
from terrafusion.adapters.broker import Broker
from terrafusion.analysis.registry import load_catalogue
from terrafusion.cli.conversation import converse, send
from terrafusion.cli.missing import why_not_yet
from terrafusion.cli.parameters import read_parameters
from terrafusion.cli.view import view_of
from terrafusion.settings import Settings
from topics.requests import read_request


def checked(given: Mapping[str, Any], params: str, settings: Settings) -> AnalysisRequest:
    """Make a request as a worker would read it; raises InvalidRequest naming the field before anything is sent."""
    request = read_request({**given, "parameters": read_parameters(params)})
    load_catalogue(settings.modules).check(request.analysis_type, request.parameters)
    return request


async def send_one(broker: Broker, settings: Settings, request: AnalysisRequest) -> dict[str, Any]:
    """Send a request and return it with the place it has on its topic."""
    (sent,) = await send(broker, [request], token=settings.token)
    return {**request.model_dump(mode="json"), **asdict(sent)}


async def send_and_wait(broker: Broker, settings: Settings, request: AnalysisRequest) -> dict[str, Any]:
    """Send a request, show its progress until its end, and return the job with its result."""
    view = view_of(settings)
    await converse(broker, [request], token=settings.token, why=partial(why_not_yet, view))
    return await view.get("results", str(request.job_id))
