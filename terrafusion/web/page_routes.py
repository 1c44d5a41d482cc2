"""The addresses of the pages for asking and for operating: by path, the handler of each method."""

from __future__ import annotations

from collections.abc import Mapping

from terrafusion.web.asking.views import Asking
from terrafusion.web.comparing import Comparing
from terrafusion.web.deps import WebDeps
from terrafusion.web.documents import DocumentPages
from terrafusion.web.middleware import Handler
from terrafusion.web.operating.counties import CountyPages
from terrafusion.web.operating.lag import LagPages
from terrafusion.web.operating.pauses import PausePages
from terrafusion.web.operating.throughput import ThroughputPages
from terrafusion.web.operating.workers import WorkerPages


def page_routes(deps: WebDeps, documents: DocumentPages) -> dict[str, Mapping[str, Handler]]:
    """Return the pages that are made for people; what machines ask is in `operations`."""
    asking, counties, pauses = Asking(deps), CountyPages(deps), PausePages(deps)
    return {
        "/ask": {"get": asking.choose},
        "/ask/{analysis_type:[^/]+}": {"get": asking.show, "post": asking.send},
        "/compare": {"get": Comparing(deps).compare},
        "/counties": {"get": counties.counties},
        "/counties/{county_id:[^/]+}": {"get": counties.county},
        "/pauses": {"get": pauses.show},
        "/pauses/pause": {"post": pauses.pause},
        "/pauses/resume": {"post": pauses.resume},
        "/docs": {"get": documents.index},
        "/docs/http": {"get": documents.http},
        "/docs/http/{name:[^/]+}": {"get": documents.schema},
        "/docs/topics": {"get": documents.topics},
        "/lag": {"get": LagPages(deps).lag},
        "/throughput": {"get": ThroughputPages(deps).throughput},
        "/workers": {"get": WorkerPages(deps).workers},
    }
