"""Price trends: by ZIP, and by anything."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
from terrafusion.analysis.parameters import TrendParameters, ZipTrendParameters
from terrafusion.analysis.trend import trend

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_trend_by_zip",
        question="How did prices and volume move in each ZIP, as sold and at constant quality?",
        parameters=ZipTrendParameters,
        compute=trend,
        needs=("sale_date", "sale_price", "zip_code"),
    ),
    Analysis(
        name="trend_analysis",
        question="How did prices and volume move in the county, or in any groups of its sales?",
        parameters=TrendParameters,
        compute=trend,
        needs=("sale_date", "sale_price"),
        aliases=("simulated_price_trends",),
    ),
)
