"""The distribution of prices."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.distribution.answer import price_distribution
from terrafusion.analysis.distribution.parameters import PriceDistributionParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="price_distribution",
        question="How are prices spread over low, middle and high ones, and did that move?",
        parameters=PriceDistributionParameters,
        compute=price_distribution,
        needs=("sale_date", "sale_price"),
        not_for="Not for how values moved: when dear homes sell less, the distribution moves though no home's value did. At constant quality ask price_index.",
        examples=(
            Example("By quarter", {"period": "quarter"}),
            Example("By year, ZIP code by ZIP code", {"period": "year", "group_by": ["zip_code"]}),
        ),
    ),
)
