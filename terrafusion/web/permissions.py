"""What a request wants to do; which role that needs stands in `models.access.NEEDS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from aiohttp.web import AppKey, Application, Request

from models.access import Action
from terrafusion.web.route import OPEN, Route

Actions = Mapping[tuple[str, str], Action | None]
ACTIONS: Final[AppKey[Actions]] = AppKey("actions")


def permit(app: Application, routes: Iterable[Route]) -> None:
    """Have the door know what is done at each address."""
    actions: Actions = {(route.method, route.canonical): route.action for route in routes}
    app[ACTIONS] = actions


def action_of(request: Request) -> Action | None:
    """Say what a request wants to do; None where that is open to all, and where there is nothing at its address.

    What somebody else serves here is for operators alone.
    """
    match = request.match_info
    resource = match.route.resource
    if match.http_exception is not None or resource is None or resource.canonical.startswith("/static/"):
        return OPEN
    method = "get" if request.method == "HEAD" else request.method.lower()
    return request.app[ACTIONS].get((method, resource.canonical), Action.AUDIT)
