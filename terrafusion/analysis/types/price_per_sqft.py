"""Prices per square foot."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
from terrafusion.analysis.unit_prices.answer import price_per_sqft
from terrafusion.analysis.unit_prices.parameters import PricePerSqftParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_per_sqft",
        question="What does a square foot cost, in homes of which size, and how did that move?",
        parameters=PricePerSqftParameters,
        compute=price_per_sqft,
        needs=("sale_date", "sale_price", "building_size_sqft"),
    ),
)
