"""Areas that behave alike."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.areas.answer import comparable_market_area
from terrafusion.analysis.areas.parameters import AreaParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="comparable_market_area",
        question="Which areas behave alike, and how are they best joined into market areas?",
        parameters=AreaParameters,
        compute=comparable_market_area,
        needs=("sale_date", "sale_price"),
        uses=("properties",),
        not_for="Not in place of market areas that appraisers know: a county's own go into its profile. Characteristics that the records lack, such as views, stand in an area's level.",
        examples=(
            Example("The areas most like one", {"subject_area": "98103"}, "king_wa"),
            Example("All areas joined into five market areas", {"n_areas": 5}),
        ),
    ),
)
