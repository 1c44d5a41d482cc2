"""The addresses of the pages for asking and for operating: by path, the handler of each method."""

from __future__ import annotations

from collections.abc import Mapping

from terrafusion.web.asking.views import Asking
from terrafusion.web.deps import WebDeps
from terrafusion.web.middleware import Handler


def page_routes(deps: WebDeps) -> Mapping[str, Mapping[str, Handler]]:
    """Return the pages that are made for people; what machines ask is in `operations`."""
    asking = Asking(deps)
    return {
        "/ask": {"get": asking.choose},
        "/ask/{analysis_type:[^/]+}": {"get": asking.show, "post": asking.send},
    }
