"""The next periods of a constant-quality index."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
from terrafusion.analysis.price_forecast.answer import price_forecast
from terrafusion.analysis.price_forecast.parameters import PriceForecastParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_forecast",
        question="Where do prices go in the next periods, and how wrong have such forecasts been?",
        parameters=PriceForecastParameters,
        compute=price_forecast,
        needs=("sale_date", "sale_price"),
    ),
)
