"""Sale validation: which sales are arm's length."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.validation.answer import sale_validation
from terrafusion.analysis.validation.parameters import ValidationParameters

ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="sale_validation",
        question="Which sales are arm's length, and why are the others not?",
        parameters=ValidationParameters,
        compute=sale_validation,
        needs=("sale_date", "sale_price"),
        not_for="Not for dropping sales unseen: cutting tails by their prices flatters a ratio study. All sales are candidates unless something tells otherwise.",
        examples=(Example("Within each ZIP code", {"group_by": ["zip_code"]}),),
    ),
)
