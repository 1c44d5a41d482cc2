"""The one list of addresses."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any, cast

import faust
from aiohttp.web import Request, StreamResponse
from faust.web import View
from faust.web.drivers.aiohttp import Web

from terrafusion import DISTRIBUTION
from terrafusion.usecases.scoped_reads import SeenCounties, SeenHistory, SeenJobs, SeenLetters, SeenLive, SeenPauses
from terrafusion.web.api import PREFIX, Api
from terrafusion.web.assets import STATIC, serve
from terrafusion.web.audit import Audit
from terrafusion.web.bulk_orders import ManyViews
from terrafusion.web.commands import Commanding
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
from terrafusion.web.operations import JOB_PATH, LETTER_PATH
from terrafusion.web.page_routes import page_routes
from terrafusion.web.pages import Pages
from terrafusion.web.probes import Probes
from terrafusion.web.sse import Outlet
from terrafusion.web.streams import Streams
from topics.asyncapi import asyncapi


def register(app: faust.App, deps: WebDeps) -> None:
    """Add every page to a Faust app made with `application_options()`."""
    seen, outlet, release = as_seen(deps), Outlet(), version(DISTRIBUTION)
    told = {"openapi": openapi(deps.catalogue, release), "asyncapi": asyncapi(release)}
    routes = _routes(seen, outlet, Contracts(**told)) | page_routes(seen, DocumentPages(**told))
    for path, methods in routes.items():
        handlers = {method: _view(handler) for method, handler in methods.items()}
        app.page(path, name=path)(type(path, (View,), handlers))
    web = cast("Web", app.web)
    web.web_app.router.add_get(f"{STATIC}{{name}}", serve)
    web.web_app.on_response_prepare.append(add_headers)
    web.web_app.on_shutdown.append(outlet.stop)


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


def _routes(deps: WebDeps, outlet: Outlet, contracts: Contracts) -> dict[str, Mapping[str, Handler]]:
    login = Login(deps)
    single = {path: {method: handler} for path, (method, handler) in _single(deps, outlet, contracts).items()}
    return {**single, "/login": {"get": login.page, "post": login.enter}}


def _single(deps: WebDeps, outlet: Outlet, contracts: Contracts) -> Mapping[str, tuple[str, Handler]]:
    counted = Counted(deps.store, time.monotonic)
    api, commands, probes, pages = Api(deps), Commanding(deps), Probes(deps), Pages(deps, counted)
    many, streams, live = ManyViews(deps), Streams(deps, outlet), LivePages(deps, outlet, counted)
    letters, audit, downloads = DeadLetterViews(deps), Audit(deps), Downloads(deps)
    return {
        "/": ("get", pages.jobs),
        "/attention": ("get", pages.attention),
        "/bulk": ("get", many.ask),
        "/live/jobs": ("get", live.jobs),
        "/live/jobs/{job_id:[^/]+}": ("get", live.job),
        "/jobs/{job_id:[^/]+}": ("get", pages.job),
        f"/jobs/{JOB_PATH}/print": ("get", downloads.page),
        f"/jobs/{JOB_PATH}/result.csv": ("get", downloads.csv),
        f"/jobs/{JOB_PATH}/result.json": ("get", downloads.json),
        f"/jobs/{JOB_PATH}/result.parquet": ("get", downloads.parquet),
        f"{PREFIX}/run": ("post", api.run),
        f"{PREFIX}/status/{{job_id:[^/]+}}": ("get", api.status),
        f"{PREFIX}/results/{{job_id:[^/]+}}": ("get", api.results),
        f"{PREFIX}/list": ("get", api.list),
        f"{PREFIX}/cancel/{{job_id:[^/]+}}": ("post", commands.cancel),
        f"{PREFIX}/retry/{{job_id:[^/]+}}": ("post", commands.retry),
        f"{PREFIX}/cancel": ("post", many.cancel),
        f"{PREFIX}/retry": ("post", many.retry),
        f"{PREFIX}/pause": ("post", commands.pause),
        f"{PREFIX}/resume": ("post", commands.resume),
        f"{PREFIX}/pauses": ("get", commands.pauses),
        f"{PREFIX}/types": ("get", api.types),
        f"{PREFIX}/counties": ("get", api.counties),
        f"{PREFIX}/health": ("get", probes.health),
        f"{PREFIX}/events": ("get", streams.all),
        f"{PREFIX}/events/{{job_id:[^/]+}}": ("get", streams.one),
        f"{PREFIX}/dead-letters": ("get", letters.list),
        f"{PREFIX}/dead-letters/replay": ("post", letters.replay_many),
        f"{PREFIX}/dead-letters/discard": ("post", letters.discard_many),
        f"{PREFIX}/dead-letters/{LETTER_PATH}": ("get", letters.show),
        f"{PREFIX}/dead-letters/{LETTER_PATH}/replay": ("post", letters.replay),
        f"{PREFIX}/dead-letters/{LETTER_PATH}/discard": ("post", letters.discard),
        "/dead-letters": ("get", letters.list_page),
        "/dead-letters/{letter_id:[^/]+}": ("get", letters.show_page),
        f"{PREFIX}/audit": ("get", audit.list),
        "/audit": ("get", audit.list_page),
        "/logout": ("post", Login(deps).leave),
        "/openapi.json": ("get", contracts.openapi),
        "/asyncapi.json": ("get", contracts.asyncapi),
        "/livez": ("get", probes.livez),
        "/readyz": ("get", probes.readyz),
        "/metrics": ("get", probes.metrics),
    }


def _view(handler: Handler) -> Any:
    async def answer(_view: View, request: Request, **_match: str) -> StreamResponse:
        return await answered(request, handler)

    answer.__doc__ = handler.__doc__
    return answer
