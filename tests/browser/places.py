"""Every page there is, each with something to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from browser.system import System
from support.asked import ASKED

PAGES: Mapping[str, str] = {
    "jobs": "/",
    "jobs-filtered": "/?status=FAILED&county_id=king_wa",
    "jobs-none": "/?county_id=nowhere",
    "job-running": "/jobs/{running}",
    "job-failed": "/jobs/{failed}",
    "job-cancelled": "/jobs/{cancelled}",
    "job-of-other-type": "/jobs/{tabled}",
    "print": "/jobs/{trend_analysis}/print",
    "attention": "/attention",
    "bulk": "/bulk?verb=cancel&correlation_id=places",
    "ask": "/ask",
    "ask-form": "/ask/ratio_study?county_id=lucas_oh",
    "counties": "/counties",
    "county": "/counties/king_wa",
    "pauses": "/pauses",
    "workers": "/workers",
    "throughput": "/throughput",
    "lag": "/lag",
    "compare": "/compare",
    "compared": "/compare?first={price_trend_by_zip}&second={other_trend}",
    "documents": "/docs",
    "http": "/docs/http",
    "topics": "/docs/topics",
    "letters": "/dead-letters",
    "letters-none": "/dead-letters?state=discarded&stage=analyse",
    "letter": "/dead-letters/{letter}",
    "unknown": "/jobs/00000000-0000-4000-8000-000000000000",
}
"""A page's name and its address, of the worker that knows nobody."""
RESULTS: Mapping[str, str] = {kind: f"/jobs/{{{kind}}}" for kind in ASKED}
"""The page of each type's result."""
GUARDED: Mapping[str, str] = {"login": "/login", "audit": "/audit"}
"""Pages of the worker that asks who comes: nobody, then the operator."""


@dataclass(frozen=True)
class Places:
    """What the addresses are filled with."""

    system: System
    ids: Mapping[str, str]

    def address(self, page: str) -> str:
        """Return a page's address, once the results that it shows are there."""
        address = {**PAGES, **RESULTS, **GUARDED}[page]
        for name in (*RESULTS, "other_trend", "tabled"):
            if f"{{{name}}}" in address:
                self.system.ended(self.ids[name])
        return address.format_map(self.ids)


def furnish(system: System) -> Places:
    """Ask one question of each type, and have jobs and a dead letter in every state."""
    results = {kind: system.ask(kind, county, parameters=asked) for kind, (county, asked) in ASKED.items()}
    tabled, failed = system.ask("tabled"), system.ask("FAILING_ANALYSIS_SIM")
    other_trend = system.ask("price_trend_by_zip", parameters={"period": "quarter"})
    running, cancelled = (
        system.ask("sleepy", parameters={"seconds": seconds}, correlation_id="places") for seconds in (250, 251)
    )
    system.cancel(cancelled)
    letter = str(system.spoil(analysis_type="trend_analysis"))
    own = {
        "tabled": tabled,
        "other_trend": other_trend,
        "failed": failed,
        "running": running,
        "cancelled": cancelled,
        "letter": letter,
    }
    return Places(system, {**results, **own})
