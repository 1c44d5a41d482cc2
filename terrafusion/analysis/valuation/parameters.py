"""What a valuation may be asked beside the shared parameters."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from terrafusion.analysis.parameters import Number, SharedParameters, Text, Whole

MOST_NAMED: Final = 1_000_000


def _sorted_once(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


Parcels = Annotated[tuple[Text, ...] | None, Field(min_length=1, max_length=MOST_NAMED), AfterValidator(_sorted_once)]


class ValuationParameters(SharedParameters):
    """Value of a parcel, or of every parcel."""

    subject_parcel_ids: Parcels = Field(
        None, description="the parcels to value, by parcel_number; null is every parcel of the roll, else of the sales"
    )
    k: Whole = Field(10, ge=3, le=50, description="comparables of each parcel")
    max_distance_km: Number = Field(10.0, gt=0, le=500, description="how far a comparable may be, in km")
    max_age_months: Whole = Field(60, ge=1, le=600, description="how long before the valuation date sales may lie")
    folds: Literal[5, 10] = Field(5, description="parts into which sales are dealt for the holdout")
    interval_level: Number = Field(
        0.8, ge=0.5, le=0.99, description="share of prices that are to lie between value_low and value_high"
    )
    restored_spread: Number = Field(
        0.5, ge=0, le=1, description="share of the spread lost to regression to the mean that is given back to values"
    )
    min_training_sales: Whole = Field(200, ge=200, le=1_000_000, description="with fewer sales nothing is valued")
    max_training_sales: Whole = Field(
        30_000,
        ge=1_000,
        le=1_000_000,
        description="sales that the learner sees at most, drawn by seed; comparables are of all",
    )
    high_confidence_fsd: Number = Field(
        0.15, gt=0, le=1, description="confidence is high up to this forecast deviation"
    )
    low_confidence_fsd: Number = Field(
        0.30, gt=0, le=2, validate_default=True, description="confidence is low above this forecast deviation"
    )

    @field_validator("low_confidence_fsd")
    @classmethod
    def _grades_in_order(cls, low: float, info: ValidationInfo) -> float:
        high = info.data.get("high_confidence_fsd")
        if high is not None and low < high:
            raise PydanticCustomError("grades", "must not be below high_confidence_fsd ({high})", {"high": high})
        return low
