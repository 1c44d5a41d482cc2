"""What `sales_velocity` may be told beside the shared parameters."""

from __future__ import annotations

from pydantic import Field

from terrafusion.analysis.parameters import SharedParameters, Whole


class SalesVelocityParameters(SharedParameters):
    """How fast homes change hands."""

    min_hold_months: Whole = Field(
        6, ge=0, le=600, description="gains: pairs of sales whose calendar months differ by fewer are left out"
    )
    supply_months: Whole = Field(
        12,
        ge=1,
        le=60,
        description="months of supply: how many months, the current one included, give the pace of sales",
    )
    match_days: Whole = Field(
        90,
        ge=0,
        le=1000,
        description="a listing belongs to its parcel's first sale within so many days of the day it went off the market",
    )
