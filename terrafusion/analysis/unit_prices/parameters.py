"""What `price_per_sqft` may be told beside the shared parameters."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from terrafusion.analysis.cells import LARGEST_SQFT
from terrafusion.analysis.parameters import SharedParameters, Whole

AUTO: Final = "auto"
_MOST: Final = 50


def _edges(value: Any) -> Any:
    """Say in one sentence what is wrong with bands, which a union of types cannot."""
    if value == AUTO:
        return value
    numbers = isinstance(value, list | tuple) and all(_is_size(edge) for edge in value)
    if not numbers or not 1 <= len(value) <= _MOST or any(low >= high for low, high in pairwise(value)):
        allowed = f"must be 'auto', or 1 to {_MOST} ascending numbers above 0 and up to {LARGEST_SQFT:,.0f}"
        raise PydanticCustomError("bands", "{allowed}", {"allowed": allowed})
    return tuple(map(float, value))


def _is_size(edge: Any) -> bool:
    return isinstance(edge, int | float) and not isinstance(edge, bool) and 0 < edge <= LARGEST_SQFT


class PricePerSqftParameters(SharedParameters):
    """Unit prices by size band."""

    bands: Annotated[tuple[float, ...] | Literal["auto"], BeforeValidator(_edges)] = Field(
        (1000.0, 1500.0, 2000.0, 2500.0, 3000.0),
        description="ascending edges of the bands in square feet, an edge belongs to the band above it; "
        "`auto` cuts at quantiles of the sizes sold",
    )
    auto_bands: Whole = Field(4, ge=2, le=20, description="how many bands `auto` makes")
