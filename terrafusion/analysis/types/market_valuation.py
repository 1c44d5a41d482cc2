"""Market valuation: what parcels are worth."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
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
        not_for="Not for a value that must be defended: look up its comparables with comparable_sales. Kinds of homes that rarely sell have few comparables; read the flags.",
        examples=(
            Example(
                "One parcel, by the sales of its ZIP code",
                {"zip_codes": ["98107"], "subject_parcel_ids": ["0123000110"]},
                "king_wa",
            ),
        ),
    ),
)
