"""What a forecast may be told beside the shared parameters."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from terrafusion.analysis.parameters import Group, SharedParameters, Whole

_OF_TIME: Final = ("sale_year", "sale_quarter", "sale_month")


class PriceForecastParameters(SharedParameters):
    """The next periods."""

    horizon: Whole = Field(6, ge=1, le=24, description="how many periods ahead")
    index_method: Literal["auto", "hedonic", "median"] = Field(
        "auto", description="what is forecast: a hedonic index, medians, or the first of these that the records allow"
    )

    @field_validator("group_by")
    @classmethod
    def _groups_are_no_times(cls, names: tuple[Group, ...]) -> tuple[Group, ...]:
        for name in names:
            if name in _OF_TIME:
                raise PydanticCustomError("groups", "must not name {name}: forecasts run through time", {"name": name})
        return names
