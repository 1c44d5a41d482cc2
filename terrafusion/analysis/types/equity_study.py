"""Studies of equity: vertical and horizontal fairness of assessments."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.equity.parameters import EquityParameters
from terrafusion.analysis.equity.study import equity_study

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="equity_study",
        question="Are cheap and dear homes, like homes and neighbours assessed alike?",
        parameters=EquityParameters,
        compute=equity_study,
        needs=("sale_date", "sale_price"),
        uses=("properties",),
        not_for="Not over several years at once unless group_by says sale_year or time_adjust is set. Where prices are noisy every measure of vertical equity sees bias; for level and uniformity ask ratio_study.",
        examples=(
            Example("Year by year", {"group_by": ["sale_year"]}),
            Example("Sales from 1998 on", {"start_date": "1998-01-01"}, "lucas_oh"),
        ),
    ),
)
