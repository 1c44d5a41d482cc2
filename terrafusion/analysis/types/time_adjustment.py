"""What a past sale is worth at the valuation date."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.time_adjustment.answer import time_adjustment
from terrafusion.analysis.time_adjustment.parameters import TimeAdjustmentParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="time_adjustment",
        question="What is a past sale worth at the valuation date, in its own area, and how sure is that?",
        parameters=TimeAdjustmentParameters,
        compute=time_adjustment,
        needs=("sale_date", "sale_price"),
        uses=("properties",),
        not_for="Not for sales of several kinds at once, such as houses and land, and not for one home's worth: ask comparable_sales.",
        examples=(Example("By quarter, each ZIP code by itself", {"period": "quarter", "group_by": ["zip_code"]}),),
    ),
)
