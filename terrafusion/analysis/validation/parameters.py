"""What a sale validation may be told beside the shared parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from terrafusion.analysis.parameters import Number, SharedParameters, Text, Whole
from terrafusion.analysis.validation.reasons import CHECKS, CODES, Check, Supporting


def _checks_in_order(names: tuple[Check, ...] | None) -> tuple[Check, ...] | None:
    return None if names is None else tuple(name for name in CHECKS if name in names)


def _reasons_in_order(names: tuple[Supporting, ...]) -> tuple[Supporting, ...]:
    return tuple(sorted(set(names), key=CODES.index))


class Override(BaseModel):
    """What a person decided about one sale, for this request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    valid: StrictBool = Field(description="whether the sale is arm's length")
    reason: Text = Field(description="why, in a few words")


class ValidationParameters(SharedParameters):
    """Which sales are arm's length, and why not."""

    rolling_months: Whole = Field(
        12, ge=1, le=120, description="months of a window: that of the sale and those before it"
    )
    sd_low: Number = Field(
        2.0, gt=0, le=20, description="how many sd below its group's mean a price may lie, inclusive"
    )
    sd_high: Number = Field(
        2.0, gt=0, le=20, description="how many sd above its group's mean a price may lie, inclusive"
    )
    min_group: Whole = Field(
        30, ge=3, le=100_000, description="a group with fewer sales in its window is not judged by statistics"
    )
    standard_deviation: Literal["sample", "population"] = Field(
        "sample", description="whether squared deviations are divided by n - 1 or by n"
    )
    checks: Annotated[tuple[Check, ...], Field(min_length=1), AfterValidator(_checks_in_order)] | None = Field(
        None, description="the checks to run; null is all that the data allow"
    )
    supporting: Annotated[tuple[Supporting, ...], AfterValidator(_reasons_in_order)] = Field(
        ("family_sale", "short_hold", "home_flip", "like_names", "non_person"),
        description="reasons that are told but make no sale invalid by themselves",
    )
    max_price: Number | None = Field(None, gt=0, le=1e12, description="a sale above this price, in dollars, is invalid")
    hold_days: Whole = Field(365, ge=1, le=36_500, description="a hold of fewer days is short")
    duplicate_days: Whole = Field(
        365, ge=0, le=36_500, description="the same price within so many days, inclusive, is the same sale told twice"
    )
    overrides: Annotated[Mapping[Text, Override], Field(max_length=100_000)] = Field(
        default_factory=dict,
        description="sale_id to what a person decided; it wins over all rules, and over the county profile's",
    )
