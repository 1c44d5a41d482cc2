"""The next periods of a constant-quality index."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.price_forecast.answer import price_forecast
from terrafusion.analysis.price_forecast.parameters import PriceForecastParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_forecast",
        question="Where do prices go in the next periods, and how wrong have such forecasts been?",
        parameters=PriceForecastParameters,
        compute=price_forecast,
        needs=("sale_date", "sale_price"),
        not_for="Not for valuing: bring sales to a date within the records by time_adjustment. It knows prices alone, and sees a turn only after it.",
        examples=(
            Example("The next twelve months", {"horizon": 12}),
            Example("The next four quarters", {"period": "quarter", "horizon": 4}),
        ),
    ),
)
