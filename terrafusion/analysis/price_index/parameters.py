"""What an index may be told: by which method, from which pairs, of which characteristics."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from terrafusion.analysis.parameters import SharedParameters, Whole

Method = Literal[
    "bmn", "case_shiller", "robust", "arithmetic", "hedonic_time_dummy", "hedonic_imputation", "stratified_median"
]
SharedMethod = Literal["hedonic_imputation", "bmn", "case_shiller", "robust", "arithmetic", "stratified_median"]
"""The methods that other analyses call as `price_index` does; for the hedonic time-dummy index each has a name of its own."""
METHODS: Final[tuple[Method, ...]] = get_args(Method)
REPEAT: Final[tuple[Method, ...]] = ("bmn", "case_shiller", "robust", "arithmetic")
"""The methods that compare sales of the same parcel."""
HEDONIC: Final[tuple[Method, ...]] = ("hedonic_time_dummy", "hedonic_imputation")
"""The methods that hold characteristics constant."""

Weights = Literal["constrained", "unconstrained", "drop_non_positive"]
Location = Literal["zip", "neighborhood", "none"]
Characteristic = Literal[
    "building_size_sqft",
    "lot_size_sqft",
    "year_built",
    "bedrooms",
    "bathrooms",
    "stories",
    "condition",
    "grade",
    "waterfront",
    "property_type",
]


def family(method: Method | None) -> str:
    """Say what a method goes by: methods of one family are no check of each other."""
    return "repeat" if method in REPEAT else "hedonic" if method in HEDONIC else str(method)


def _each_once(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names is not None and len(set(names)) < len(names):
        raise PydanticCustomError("characteristics", "must not name a characteristic twice")
    return None if names is None else tuple(sorted(names))


class QualityParameters(SharedParameters):
    """How the same home is told from another, whatever the method."""

    pairs: Literal["sequential", "all"] = Field(
        "sequential", description="repeat sales: each sale with the parcel's next one, or with every later one"
    )
    min_hold_months: Whole = Field(
        6, ge=0, le=600, description="repeat sales: pairs whose calendar months differ by fewer are left out"
    )
    min_hold_periods: Whole = Field(
        0, ge=0, le=1200, description="repeat sales: pairs that lie fewer periods apart are left out, too"
    )
    weights: Weights = Field(
        "constrained", description="case_shiller: what is done about negative variances of its weights"
    )
    characteristics: Annotated[tuple[Characteristic, ...] | None, Field(min_length=1), AfterValidator(_each_once)] = (
        Field(None, description="hedonic: what is held constant; null is whatever the data tell")
    )
    log_characteristics: bool = Field(default=True, strict=True, description="hedonic: sizes enter as logs")
    location_effects: Location = Field(
        "zip", description="hedonic and stratified: areas that are told apart where a group spans several"
    )
    robust_errors: bool = Field(
        default=True,
        strict=True,
        description="errors robust to unequal variances, in repeat sales also to those a parcel's pairs share",
    )

    @field_validator("characteristics", mode="before")
    @classmethod
    def _one_characteristic_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class PriceIndexParameters(QualityParameters):
    """One constant-quality index."""

    method: Method = Field("bmn", description="how quality is held constant")
    compare: bool = Field(
        default=False, strict=True, description="put all methods that the data allow side by side with the chosen one"
    )
    one_sale_a_period: bool = Field(
        default=False,
        strict=True,
        description="hedonic and stratified: of several sales of a parcel in one period the highest price alone counts",
    )
    train_periods: Whole = Field(
        12, ge=2, le=1200, description="revisions are those of an index of so many periods to which the rest is added"
    )
