"""What a ratio study may be told beside the shared parameters."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from terrafusion.analysis.outliers import SMALLEST_GROUP
from terrafusion.analysis.parameters import SharedParameters, Text, Whole
from terrafusion.analysis.price_index.parameters import SharedMethod
from terrafusion.analysis.ratios.bootstrap import fewest_draws
from terrafusion.analysis.ratios.standard import JurisdictionSize, PropertyClass

ValueField = Literal["assessed_value", "roll_assessed_value", "market_value"]

_TOO_FEW: Final = (
    "needs bootstrap_iterations of {least} or more at confidence_level {level}, given are {draws}; allowed is analytic"
)


TimeAdjust = Literal["none", "hedonic", SharedMethod]
"""`hedonic` is the hedonic time-dummy index, the others are called as in `price_index` and `time_adjustment`."""


def _one_name(value: Any) -> Any:
    if isinstance(value, bool):
        return "hedonic" if value else "none"
    return "hedonic" if value in ("regression", "hedonic_time_dummy") else value


class RatioParameters(SharedParameters):
    """Are assessments at the right level, uniform and fair."""

    value_field: ValueField = Field(
        "assessed_value",
        description="what is compared with the price: the value that the sale records, or the parcel's assessed or "
        "market value on the roll",
    )
    trim: Literal["none", "iqr1.5", "iqr3"] = Field(
        "iqr3",
        description="ratios that the `trimmed_` figures leave out: farther from the quartiles of their group than "
        "so many times the quartiles' distance",
    )
    trim_min_sales: Whole = Field(
        SMALLEST_GROUP,
        ge=4,
        le=1_000_000,
        description="sales that a group needs for its ratios to be trimmed: quartiles of fewer are uncertain",
    )
    jurisdiction_size: JurisdictionSize = Field("mid", description="whose COD bounds apply")
    property_class: PropertyClass = Field(
        "residential_improved", description="whose COD bounds apply where `property_classes` does not say"
    )
    property_classes: Annotated[dict[Text, PropertyClass], Field(max_length=1_000)] = Field(
        {}, description="the county's property classes or types, and what each is in the standard's words"
    )
    time_adjust: Annotated[TimeAdjust, BeforeValidator(_one_name)] = Field(
        "none",
        description="first brings every price to the valuation date by an index of all sales: at constant quality "
        "(`hedonic`, `hedonic_imputation`), of homes that sold again (`bmn`, `case_shiller`, `robust`, `arithmetic`), or of "
        "medians within ZIPs and property types",
    )
    interval_method: Literal["bootstrap", "analytic"] = Field(
        "bootstrap", validate_default=True, description="how COD, COV, PRD, MKI and KI get their intervals"
    )

    @field_validator("interval_method")
    @classmethod
    def _draws_reach_the_ends(cls, method: str, info: ValidationInfo) -> str:
        level, draws = (info.data.get(name) for name in ("confidence_level", "bootstrap_iterations"))
        if method == "bootstrap" and level and draws and draws < fewest_draws(level):
            told = {"level": f"{level:g}", "draws": draws, "least": fewest_draws(level)}
            raise PydanticCustomError("draws", _TOO_FEW, told)
        return method
