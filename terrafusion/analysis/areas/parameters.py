"""What a comparison of areas may be told."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from terrafusion.analysis.parameters import SharedParameters, Text, Whole, zip_of

Feature = Literal["level", "growth", "unit_price", "activity", "mix", "location"]
FEATURES: Final[tuple[Feature, ...]] = get_args(Feature)

Weight = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1e3)]

COLUMNS: Final = {"zip": "zip_code", "neighborhood": "neighborhood"}
"""The column of each unit."""


class AreaParameters(SharedParameters):
    """Which areas behave alike."""

    group_by: Annotated[tuple[Literal["county"]], Field()] = Field(("county",), description="always all sales together")
    period: Literal["week", "month", "quarter", "year", "auto"] = Field(
        "year", description="length of a period of the growth paths"
    )
    unit: Literal["zip", "neighborhood"] = Field("zip", description="the areas that are compared")
    subject_area: Text | None = Field(
        None, description="the area whose likes are wanted; give either this or `n_areas`"
    )
    n_areas: Annotated[Whole, Field(ge=2, le=1_000)] | None = Field(
        None,
        validate_default=True,
        description="into how many market areas the areas are joined; give either this or `subject_area`",
    )
    top_n: Whole = Field(5, ge=1, le=1_000, description="how many areas most like the subject")
    feature_weights: dict[Feature, Weight] = Field({}, description="how much a feature counts; 1 where nothing is said")
    neighbors: Whole = Field(
        5, ge=1, le=100, description="nearest areas that each area may be joined with, as those may with it"
    )

    @field_validator("subject_area")
    @classmethod
    def _a_zip_has_five_digits(cls, name: str | None, info: ValidationInfo) -> str | None:
        return zip_of(name) if name is not None and info.data.get("unit") == "zip" else name

    @field_validator("n_areas")
    @classmethod
    def _one_of_two_ways(cls, count: int | None, info: ValidationInfo) -> int | None:
        other = info.data.get("subject_area")
        if (count is None) == (other is None):
            said = "must be given where subject_area is not" if count is None else "must not stand beside subject_area"
            raise PydanticCustomError("ways", "{said}; give one of the two", {"said": said})
        return count

    @field_validator("top_n")
    @classmethod
    def _of_a_subject(cls, count: int, info: ValidationInfo) -> int:
        if info.data.get("n_areas") is not None and count != cls.model_fields["top_n"].default:
            raise PydanticCustomError("ways", "must not stand beside n_areas; it belongs to subject_area")
        return count

    @field_validator("feature_weights")
    @classmethod
    def _something_counts(cls, weights: dict[Feature, float]) -> dict[Feature, float]:
        if not any(weights.get(name, 1.0) for name in FEATURES):
            raise PydanticCustomError("weights", "must leave a feature a weight above 0")
        return weights

    def weight(self, name: Feature) -> float:
        """Return how much a feature counts."""
        return self.feature_weights.get(name, 1.0)
