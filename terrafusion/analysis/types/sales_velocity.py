"""How fast homes change hands."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.velocity.answer import sales_velocity
from terrafusion.analysis.velocity.parameters import SalesVelocityParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="sales_velocity",
        question="How fast do homes change hands, for how much more than before, and how long would the supply last?",
        parameters=SalesVelocityParameters,
        compute=sales_velocity,
        needs=("sale_date", "sale_price"),
        uses=("properties", "listings"),
        not_for="Not for the wait of a seller: homes that were never sold are not in it. The roll is as it is now, also for past years.",
        examples=(Example("By quarter", {"period": "quarter"}),),
    ),
)
