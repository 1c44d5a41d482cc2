"""A Faust app as the product makes it, with nothing of a worker to start and drain."""

from __future__ import annotations

from terrafusion.adapters.faust_app import MarketAnalysisApp, make_app
from terrafusion.settings import Settings


def bare_app(settings: Settings) -> MarketAnalysisApp:
    """Make the app; a test adds the agents that it is about."""
    app = make_app(settings, web_options={})
    app.prepare = app.begin = app.drain = _nothing
    return app


async def _nothing() -> None:
    pass
