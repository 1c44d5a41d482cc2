"""The worker that the commands ask, by the same client as everybody's."""

from __future__ import annotations

from terrafusion.cli.address import view_address
from terrafusion.client import AsyncClient
from terrafusion.client.wire import Wire
from terrafusion.settings import Settings


def view_of(settings: Settings) -> Wire:
    """Return the view, asked once a question; raises Misconfigured where there is no address to ask."""
    return Wire(view_address(settings), token=_token(settings))


def client_of(settings: Settings) -> AsyncClient:
    """Return the view, asked again while it is away; raises Misconfigured where there is no address to ask."""
    return AsyncClient(view_address(settings), token=_token(settings))


def _token(settings: Settings) -> str | None:
    return settings.token.get_secret_value() if settings.token else None
