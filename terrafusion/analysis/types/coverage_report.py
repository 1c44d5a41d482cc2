"""What a county's records cover."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.coverage.parameters import CoverageParameters
from terrafusion.analysis.coverage.report import coverage_report

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="coverage_report",
        question="Do sold parcels represent the roll; which cells are thin, which fields missing?",
        parameters=CoverageParameters,
        compute=coverage_report,
        needs=("sale_date", "sale_price"),
        uses=("properties",),
        not_for="Not a judgement of values: sold parcels may be like the others in all that is recorded and unlike in what is not. Without a roll it cannot compare them.",
        examples=(Example("By ZIP code", {"group_by": ["zip_code"]}),),
    ),
)
