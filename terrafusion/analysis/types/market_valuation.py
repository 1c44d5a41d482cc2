"""Market valuation: what parcels are worth."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
from terrafusion.analysis.valuation.answer import market_valuation
from terrafusion.analysis.valuation.parameters import ValuationParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="market_valuation",
        question="What is a parcel, or every parcel, worth, by which sales, and how sure is that?",
        parameters=ValuationParameters,
        compute=market_valuation,
        needs=("sale_date", "sale_price", "parcel_number"),
        uses=("properties",),
    ),
)
