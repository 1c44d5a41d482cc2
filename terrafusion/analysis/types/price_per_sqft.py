"""Prices per square foot."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.unit_prices.answer import price_per_sqft
from terrafusion.analysis.unit_prices.parameters import PricePerSqftParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_per_sqft",
        question="What does a square foot cost, in homes of which size, and how did that move?",
        parameters=PricePerSqftParameters,
        compute=price_per_sqft,
        needs=("sale_date", "sale_price", "building_size_sqft"),
        not_for="Not for valuing a home: land, grade and place are in a price per square foot. For that ask comparable_sales; for changes at constant quality, price_index.",
        examples=(
            Example("By quarter", {"period": "quarter"}),
            Example("Size by size in each ZIP code", {"period": "year", "group_by": ["zip_code"]}),
        ),
    ),
)
