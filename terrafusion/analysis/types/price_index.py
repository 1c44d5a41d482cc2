"""One constant-quality index."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
from terrafusion.analysis.price_index.answer import price_index
from terrafusion.analysis.price_index.parameters import PriceIndexParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_index",
        question="How did the price of the same home move, by which method, and how sure is that?",
        parameters=PriceIndexParameters,
        compute=price_index,
        needs=("sale_date", "sale_price"),
    ),
)
