"""The worker that the commands ask: at the address of the settings, by the same client as everybody's."""

from __future__ import annotations

from typing import Final

from yarl import URL

from terrafusion.client.wire import Wire
from terrafusion.errors import Misconfigured
from terrafusion.settings import Settings

ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a worker listens on, not we


def view_of(settings: Settings) -> Wire:
    """Return the view at ``HTTP_HOST`` and ``HTTP_PORT``; raises Misconfigured where that is no address to ask."""
    if not settings.http_port:
        msg = "TERRAFUSION_HTTP_PORT is 0; a worker that is there already has a port of its own"
        raise Misconfigured(msg)
    host = ANYWHERE.get(settings.http_host, settings.http_host)
    token = settings.token.get_secret_value() if settings.token else None
    return Wire(str(URL.build(scheme="http", host=host, port=settings.http_port)), token=token)
