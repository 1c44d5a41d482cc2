"""What a coverage report may be told beside the shared parameters."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from terrafusion.analysis.parameters import Number, SharedParameters, Whole


class CoverageParameters(SharedParameters):
    """Do sold parcels represent the roll; which cells are thin, which fields missing."""

    bands: Whole = Field(
        5, ge=2, le=20, description="parts of equally many parcels into which the roll is cut by size, age and value"
    )
    meaningful_difference: Number = Field(
        0.1,
        gt=0,
        le=2,
        description="standardized difference between sold and unsold parcels beyond which they are said to differ",
    )
    gap_days: Whole = Field(
        31, ge=2, le=36_500, description="a pause between days with a sale that is at least as long is listed"
    )

    @property
    def as_of(self) -> date | None:
        """The day after which a date lies in the future, where one is told."""
        return self.valuation_date or self.end_date
