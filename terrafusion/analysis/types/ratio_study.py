"""Ratio studies: level, uniformity and fairness of assessments."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.analysis.ratios.study import ratio_study

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="ratio_study",
        question="Are assessments at the right level, uniform and fair, by the IAAO's measures?",
        parameters=RatioParameters,
        compute=ratio_study,
        needs=("sale_date", "sale_price"),
        uses=("properties",),
        not_for="Not where no assessed values are recorded, and rough below 30 sales. It cannot tell whether sold parcels represent the roll: ask coverage_report; for like homes, equity_study.",
        examples=(
            Example("Year by year", {"group_by": ["sale_year"]}, "lucas_oh"),
            Example("ZIP code by ZIP code", {"group_by": ["zip_code"]}),
        ),
    ),
)
