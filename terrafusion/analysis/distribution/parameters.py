"""What `price_distribution` may be told beside the shared parameters."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from terrafusion.analysis.parameters import Number, SharedParameters, Whole


def _ascending(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(values)):
        raise PydanticCustomError("ascending", "must ascend, each number once")
    return values


Share = Annotated[Number, Field(ge=0.01, le=0.99)]
Dollars = Annotated[Number, Field(gt=0, le=1e12)]


class PriceDistributionParameters(SharedParameters):
    """How prices are spread."""

    quantiles: Annotated[tuple[Share, ...], Field(min_length=1, max_length=20), AfterValidator(_ascending)] = Field(
        (0.1, 0.25, 0.5, 0.75, 0.9), description="ascending shares of the sales below each quantile, 0.01 to 0.99"
    )
    tiers: Whole = Field(
        4, ge=2, le=10, description="how many tiers of as many sales each, cut at quantiles of the price"
    )
    tier_edges: Annotated[tuple[Dollars, ...], Field(min_length=1, max_length=9), AfterValidator(_ascending)] | None = (
        Field(
            None, description="ascending dollars at which tiers are cut instead, a price on an edge in the tier below"
        )
    )
    tier_basis: Literal["span", "period"] = Field(
        "span", description="whose quantiles cut the tiers of a group: those of its whole span, or of each period anew"
    )
    gini_correction: bool = Field(
        default=False, strict=True, description="multiply the Gini coefficient by n / (n - 1), as for a sample of few"
    )
