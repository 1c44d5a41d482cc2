"""Where the commands ask the view."""

from __future__ import annotations

from typing import Final

from terrafusion.errors import Misconfigured
from terrafusion.settings import Settings

ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a worker listens on, not we


def view_address(settings: Settings) -> str:
    """Return ``VIEW_URL``, else the address of ``HTTP_HOST`` and ``HTTP_PORT``; raises Misconfigured for port 0."""
    if settings.view_url:
        return settings.view_url
    if not settings.http_port:
        msg = "TERRAFUSION_HTTP_PORT is 0; a worker that is there already has a port of its own"
        raise Misconfigured(msg)
    host = ANYWHERE.get(settings.http_host, settings.http_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"
