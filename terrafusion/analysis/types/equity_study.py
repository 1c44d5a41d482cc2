"""Studies of equity: vertical and horizontal fairness of assessments."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis
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
    ),
)
