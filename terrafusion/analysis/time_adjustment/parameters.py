"""What a time adjustment may be told beside the shared parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from terrafusion.analysis.parameters import Group
from terrafusion.analysis.price_index.parameters import Method, PriceIndexParameters, QualityParameters, SharedMethod
from terrafusion.analysis.ratios.parameters import ValueField

AdjustmentMethod = Literal["regression", SharedMethod, "ratio_trend"]
"""`regression` is the hedonic time-dummy index; all but `ratio_trend` are methods of `price_index`."""

_OF_TIME: Final = ("sale_year", "sale_quarter", "sale_month")


def _one_name(value: Any) -> Any:
    return "regression" if value in ("hedonic", "hedonic_time_dummy") else value


class TimeAdjustmentParameters(QualityParameters):
    """What a past sale is worth at the valuation date."""

    method: Annotated[AdjustmentMethod, BeforeValidator(_one_name)] = Field(
        "regression",
        description="what moves prices through time: a regression with a dummy for each period, another index, or the "
        "trend of ratios of value to price",
    )
    pooling: Literal["dersimonian_laird", "none", "county"] = Field(
        "dersimonian_laird",
        description="how much an area's own factor counts beside the county's: by how surely areas differ, wholly, "
        "or not at all",
    )
    value_field: ValueField = Field(
        "assessed_value", description="the value of the ratios, of whose slope on time is told; see `ratio_study`"
    )

    @field_validator("group_by")
    @classmethod
    def _groups_are_areas(cls, names: tuple[Group, ...]) -> tuple[Group, ...]:
        for name in names:
            if name in _OF_TIME:
                told = {"name": name}
                raise PydanticCustomError("groups", "must not name {name}: factors run through time", told)
        return names

    def as_index(self) -> PriceIndexParameters:
        """Return the same request for an index; of a ratio trend, one that asks nothing of the records."""
        given: Mapping[str, Any] = self.model_dump(exclude={"method", "pooling", "value_field"})
        return PriceIndexParameters(**given, method=index_method(self.method) or "stratified_median")


def index_method(method: AdjustmentMethod) -> Method | None:
    """Return what `price_index` calls the method; None for the ratio trend."""
    if method == "ratio_trend":
        return None
    return "hedonic_time_dummy" if method == "regression" else method
