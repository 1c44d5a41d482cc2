"""The one list of addresses, and how they are served."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from inspect import isfunction
from typing import Any, Final, cast

import faust
from aiohttp.web import Request, StreamResponse
from faust.web import View
from faust.web.drivers.aiohttp import Web

from terrafusion import DISTRIBUTION
from terrafusion.usecases.scoped_reads import SeenCounties, SeenHistory, SeenJobs, SeenLetters, SeenLive, SeenPauses
from terrafusion.web.api import Api
from terrafusion.web.asking.views import Asking
from terrafusion.web.assets import STATIC, serve
from terrafusion.web.audit import Audit
from terrafusion.web.bulk_orders import ManyViews
from terrafusion.web.commands import Commanding
from terrafusion.web.comparing import Comparing
from terrafusion.web.contracts import Contracts
from terrafusion.web.counting import Counted
from terrafusion.web.dead_letters import DeadLetterViews
from terrafusion.web.deps import WebDeps
from terrafusion.web.documents import DocumentPages
from terrafusion.web.downloads import Downloads
from terrafusion.web.live_pages import LivePages
from terrafusion.web.login import Login
from terrafusion.web.middleware import Handler, add_headers, answered
from terrafusion.web.openapi import openapi
from terrafusion.web.operating.counties import CountyPages
from terrafusion.web.operating.lag import LagPages
from terrafusion.web.operating.pauses import PausePages
from terrafusion.web.operating.throughput import ThroughputPages
from terrafusion.web.operating.workers import WorkerPages
from terrafusion.web.operations import OPERATIONS
from terrafusion.web.page_routes import PAGES
from terrafusion.web.pages import Pages
from terrafusion.web.permissions import permit
from terrafusion.web.probes import Probes
from terrafusion.web.route import Route
from terrafusion.web.sse import Outlet
from terrafusion.web.streams import Streams
from topics.asyncapi import asyncapi

ROUTES: Final[Sequence[Route]] = (*OPERATIONS, *PAGES)
"""All there are."""


def register(app: faust.App, deps: WebDeps) -> None:
    """Add every page to a Faust app made with `application_options()`."""
    outlet = Outlet()
    handlers = _bound(_views(as_seen(deps), outlet))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = _view(handlers[route.view])
    for path, methods in paths.items():
        app.page(path, name=path)(type(path, (View,), methods))
    web_app = cast("Web", app.web).web_app
    permit(web_app, ROUTES)
    web_app.router.add_get(f"{STATIC}{{name}}", serve)
    web_app.on_response_prepare.append(add_headers)
    web_app.on_shutdown.append(outlet.stop)


def as_seen(deps: WebDeps) -> WebDeps:
    """Have the views read what their caller sees, and nothing else."""
    return replace(
        deps,
        store=SeenJobs(deps.store),
        history=SeenHistory(deps.history, deps.store),
        counties=SeenCounties(deps.counties),
        live=SeenLive(deps.live),
        letters=SeenLetters(deps.letters),
        pauses=SeenPauses(deps.pauses),
    )


def _views(deps: WebDeps, outlet: Outlet) -> Sequence[object]:
    release = version(DISTRIBUTION)
    told = {"openapi": openapi(deps.catalogue, release), "asyncapi": asyncapi(release)}
    counted = Counted(deps.store, time.monotonic)
    return (
        Api(deps),
        Asking(deps),
        Audit(deps),
        Commanding(deps),
        Comparing(deps),
        Contracts(**told),
        CountyPages(deps),
        DeadLetterViews(deps),
        DocumentPages(**told),
        Downloads(deps),
        LagPages(deps),
        LivePages(deps, outlet, counted),
        Login(deps),
        ManyViews(deps),
        PausePages(deps),
        Pages(deps, counted),
        Probes(deps),
        Streams(deps, outlet),
        ThroughputPages(deps),
        WorkerPages(deps),
    )


def _bound(views: Iterable[object]) -> Mapping[Any, Handler]:
    """Return each method of the views, bound to the one that has it."""
    return {
        function: getattr(view, name)
        for view in views
        for name, function in vars(type(view)).items()
        if isfunction(function)
    }


def _view(handler: Handler) -> Any:
    async def answer(_view: View, request: Request, **_match: str) -> StreamResponse:
        return await answered(request, handler)

    answer.__doc__ = handler.__doc__
    return answer
