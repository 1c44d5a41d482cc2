"""What comparable sales may be asked beside the shared parameters."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from terrafusion.analysis.parameters import Number, SharedParameters, Text, Whole

MOST_SUBJECTS: Final = 10_000


def _sorted_once(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


Parcels = Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_SUBJECTS), AfterValidator(_sorted_once)]


class ComparableParameters(SharedParameters):
    """Which sales support this parcel's value."""

    subject_parcel_ids: Parcels = Field(description="the parcels to value, by parcel_number")
    k: Whole = Field(5, ge=1, le=50, description="comparables of each subject")
    min_comps: Whole = Field(
        3, ge=1, le=50, description="a subject with fewer comparables has no value; more than k counts as k"
    )
    max_distance_km: Number = Field(5.0, gt=0, le=500, description="how far a comparable may be, in km")
    max_age_months: Whole = Field(24, ge=1, le=600, description="how long before the valuation date it may be sold")
    max_gross_adjustment_pct: Number = Field(
        25.0, ge=0, le=1000, description="comparables with larger adjustments in all, signs aside, are flagged"
    )
    max_net_adjustment_pct: Number = Field(
        15.0, ge=0, le=1000, description="comparables whose adjustments add up to more, up or down, are flagged"
    )
    flag_distance_km: Number = Field(1.6, gt=0, le=500, description="comparables farther than a mile are flagged")
    flag_age_months: Whole = Field(12, ge=1, le=600, description="comparables sold longer ago are flagged")
    flag_outlier_sd: Number = Field(
        3.0, gt=0, le=100, description="comparables priced farther from what the model says are flagged, in deviations"
    )
    exclude_outlier_sd: Number = Field(
        6.0,
        gt=0,
        le=1000,
        description="sales priced farther than that from what the model says, and off by more than a factor of 1.65, "
        "are no comparables",
    )
    interval_level: Number = Field(
        0.8, ge=0.5, le=0.99, description="share of homes whose price lies between value_low and value_high"
    )
