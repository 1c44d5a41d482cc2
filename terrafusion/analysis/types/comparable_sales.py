"""Comparable sales: which sales support a parcel's value."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.comps.answer import comparable_sales
from terrafusion.analysis.comps.parameters import ComparableParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="comparable_sales",
        question="Which sales support this parcel's value, and by how much does each differ from it?",
        parameters=ComparableParameters,
        compute=comparable_sales,
        needs=("sale_date", "sale_price", "parcel_number"),
        uses=("properties",),
        not_for="No appraisal: it knows only what is recorded, and a person chooses and defends comparables. To value many parcels at once ask market_valuation.",
        examples=(
            Example("One parcel's comparables", {"subject_parcel_ids": ["0001800066"]}, "king_wa"),
            Example(
                "The same within a kilometre and a year",
                {"subject_parcel_ids": ["0001800066"], "max_distance_km": 1.0, "max_age_months": 12},
                "king_wa",
            ),
        ),
    ),
)
