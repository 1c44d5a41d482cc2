"""A worker that only runs what others accepted counts it under its county."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from terrafusion.metrics import Metrics
from terrafusion.usecases.counties import KnownCounties


class Stored:
    async def version(self, county_id: str, data_version: str) -> object:
        return (county_id, data_version) if county_id == "king_wa" else None


async def test_a_county_whose_data_were_taken_is_a_label():
    registry = CollectorRegistry()
    metrics = Metrics(registry, ("trend",))
    await KnownCounties(Stored(), metrics).version("king_wa", "v1")
    metrics.completed("king_wa", "trend", 1.0)
    metrics.completed("elsewhere", "trend", 1.0)
    name = "market_analysis_jobs_completed_total"
    assert [
        registry.get_sample_value(name, {"county_id": county, "analysis_type": "trend"})
        for county in ("king_wa", "other", "elsewhere")
    ] == [1.0, 1.0, None]
