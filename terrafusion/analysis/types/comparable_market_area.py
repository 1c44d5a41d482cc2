"""Areas that behave alike."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
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
    ),
)
