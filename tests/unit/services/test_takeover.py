"""When jobs of silent workers may be taken over: never what an outage kept from being renewed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from support.counties import version_of

from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.errors import Unavailable
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import TakenOver
from terrafusion.services.leases import Takeover
from terrafusion.usecases.counties import KnownCounties

LEASE = timedelta(seconds=20)
KING = version_of("king_wa")


class Jobs:
    """Says when it is away, and counts how often it was asked to take over."""

    away = False
    asked = 0
    late = ()

    async def expire(self):
        if self.away:
            raise Unavailable("away")
        return self.late

    async def take_over(self, *, max_crashes):
        self.asked += 1
        return TakenOver(0, 0)


class NoBell:
    def ring(self): ...


class Watch:
    """A worker's takeover and the clock that it reads."""

    def __init__(self):
        self.now, self.jobs = 0.0, Jobs()
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, ["trend_analysis"])
        self._takeover = Takeover(
            jobs=self.jobs,
            counties=KnownCounties(MemoryCounties([KING]), metrics),
            lease=LEASE,
            max_crashes=3,
            metrics=metrics,
            bell=NoBell(),
            monotonic=lambda: self.now,
        )

    async def looks(self, seconds):
        """Look each second for so long, and say how often it took over."""
        before = self.jobs.asked
        for _ in range(seconds):
            self.now += 1
            await self._takeover.turn()
        return self.jobs.asked - before


@pytest.fixture
def watch():
    return Watch()


async def test_a_worker_that_began_waits_for_a_lease_and_then_looks_each_time(watch):
    assert await watch.looks(19) == 0
    assert await watch.looks(5) == 5


async def test_after_an_outage_it_waits_for_a_lease(watch):
    await watch.looks(30)
    watch.jobs.away = True
    await watch.looks(30)
    watch.jobs.away = False
    assert await watch.looks(19) == 0
    assert await watch.looks(5) == 5


async def test_a_worker_that_was_stopped_cannot_know_of_outages_meanwhile_and_waits_for_a_lease(watch):
    await watch.looks(30)
    watch.now += 60
    assert await watch.looks(20) == 0
    assert await watch.looks(5) == 5


async def test_jobs_that_ended_late_count_for_their_county_also_where_none_was_accepted_here(watch):
    watch.jobs.late = [("king_wa", "trend_analysis"), ("atlantis", "trend_analysis")]
    await watch.looks(1)
    for county in ("king_wa", "other"):
        labels = {"county_id": county, "analysis_type": "trend_analysis", "failure_reason": "deadline_passed"}
        assert watch.registry.get_sample_value("market_analysis_jobs_failed_total", labels) == 1
