"""What people ask: the addresses of the pages, each with what it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.access import Action
from terrafusion.web.asking.views import Asking
from terrafusion.web.audit import Audit
from terrafusion.web.bulk_orders import ManyViews
from terrafusion.web.comparing import Comparing
from terrafusion.web.dead_letters import DeadLetterViews
from terrafusion.web.documents import DocumentPages
from terrafusion.web.downloads import Downloads
from terrafusion.web.live_pages import LivePages
from terrafusion.web.login import Login
from terrafusion.web.operating.counties import CountyPages
from terrafusion.web.operating.lag import LagPages
from terrafusion.web.operating.pauses import PausePages
from terrafusion.web.operating.throughput import ThroughputPages
from terrafusion.web.operating.workers import WorkerPages
from terrafusion.web.pages import Pages
from terrafusion.web.route import JOB_PATH, OPEN, Route

PAGES: Final[Sequence[Route]] = (
    Route("get", "/", Pages.jobs, Action.READ),
    Route("get", "/attention", Pages.attention, Action.READ),
    Route("get", "/bulk", ManyViews.ask, Action.READ),
    Route("get", "/live/jobs", LivePages.jobs, Action.READ),
    Route("get", f"/live/jobs/{JOB_PATH}", LivePages.job, Action.READ),
    Route("get", f"/jobs/{JOB_PATH}", Pages.job, Action.READ),
    Route("get", f"/jobs/{JOB_PATH}/print", Downloads.page, Action.READ),
    Route("get", "/dead-letters", DeadLetterViews.list_page, Action.READ),
    Route("get", "/dead-letters/{letter_id:[^/]+}", DeadLetterViews.show_page, Action.READ),
    Route("get", "/audit", Audit.list_page, Action.AUDIT),
    Route("post", "/logout", Login.leave, Action.LOGOUT),
    Route("get", "/login", Login.page, OPEN),
    Route("post", "/login", Login.enter, Action.LOGIN),
    Route("get", "/ask", Asking.choose, Action.READ),
    Route("get", "/ask/{analysis_type:[^/]+}", Asking.show, Action.READ),
    Route("post", "/ask/{analysis_type:[^/]+}", Asking.send, Action.RUN),
    Route("get", "/compare", Comparing.compare, Action.READ),
    Route("get", "/counties", CountyPages.counties, Action.READ),
    Route("get", "/counties/{county_id:[^/]+}", CountyPages.county, Action.READ),
    Route("get", "/pauses", PausePages.show, Action.READ),
    Route("post", "/pauses/pause", PausePages.pause, Action.PAUSE),
    Route("post", "/pauses/resume", PausePages.resume, Action.RESUME),
    Route("get", "/docs", DocumentPages.index, OPEN),
    Route("get", "/docs/http", DocumentPages.http, OPEN),
    Route("get", "/docs/http/{name:[^/]+}", DocumentPages.schema, OPEN),
    Route("get", "/docs/topics", DocumentPages.topics, OPEN),
    Route("get", "/lag", LagPages.lag, Action.WATCH),
    Route("get", "/throughput", ThroughputPages.throughput, Action.WATCH),
    Route("get", "/workers", WorkerPages.workers, Action.WATCH),
)
