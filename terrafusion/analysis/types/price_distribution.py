"""The distribution of prices."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
from terrafusion.analysis.distribution.answer import price_distribution
from terrafusion.analysis.distribution.parameters import PriceDistributionParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_distribution",
        question="How are prices spread over low, middle and high ones, and did that move?",
        parameters=PriceDistributionParameters,
        compute=price_distribution,
        needs=("sale_date", "sale_price"),
    ),
)
