"""Comparable sales: which sales support a parcel's value."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
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
    ),
)
