"""Price trends: by ZIP, and by anything."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.parameters import TrendParameters, ZipTrendParameters
from terrafusion.analysis.trend import trend

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_trend_by_zip",
        question="How did prices and volume move in each ZIP, as sold and at constant quality?",
        parameters=ZipTrendParameters,
        compute=trend,
        needs=("sale_date", "sale_price", "zip_code"),
        not_for="Not for how values moved where the index is missing: a change of the raw median is none. Read quarters where a ZIP code has few sales.",
        examples=(
            Example("By quarter", {"period": "quarter"}),
            Example("Two ZIP codes by quarter", {"period": "quarter", "zip_codes": ["98103", "98115"]}, "king_wa"),
        ),
    ),
    Analysis(
        name="trend_analysis",
        question="How did prices and volume move in the county, or in any groups of its sales?",
        parameters=TrendParameters,
        compute=trend,
        needs=("sale_date", "sale_price"),
        aliases=("simulated_price_trends",),
        not_for="Not for how values moved where the index is missing: a change of the raw median is none. For one method and its errors ask price_index.",
        examples=(
            Example("The county by year", {"period": "year"}),
            Example("Three price tiers, without the seasons", {"tiers": 3, "seasonal_adjust": True}),
        ),
    ),
)
