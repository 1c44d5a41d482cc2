"""What a past sale is worth at the valuation date."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
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
    ),
)
