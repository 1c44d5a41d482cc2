"""One constant-quality index."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.price_index.answer import price_index
from terrafusion.analysis.price_index.parameters import PriceIndexParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_index",
        question="How did the price of the same home move, by which method, and how sure is that?",
        parameters=PriceIndexParameters,
        compute=price_index,
        needs=("sale_date", "sale_price"),
        not_for="Not for a span of months by repeat sales: nearly all pairs are flips then. Do not read a single month of a group with few sales.",
        examples=(
            Example(
                "Every method side by side, by quarter",
                {"method": "case_shiller", "period": "quarter", "compare": True},
            ),
            Example("Like homes by their characteristics", {"method": "hedonic_time_dummy", "period": "quarter"}),
        ),
    ),
)
