"""What a study of equity may be told beside what a ratio study is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from terrafusion.analysis.parameters import Number, Whole
from terrafusion.analysis.ratios.parameters import RatioParameters

Band = Annotated[Number, Field(gt=0, le=1e9)]


class EquityParameters(RatioParameters):
    """Are cheap and dear homes, like homes and neighbours assessed alike."""

    trim: Literal["none", "iqr1.5", "iqr3"] = Field(
        "none",
        description="ratios that no figure uses: farther from the quartiles of their group than so many times the "
        "quartiles' distance",
    )
    value_groups: Whole = Field(10, ge=2, le=100, description="groups of equally many sales by value")
    value_proxy: Literal["both", "price"] = Field(
        "both", description="what value they are made by: 0.5 S + 0.5 A/m, or the price alone"
    )
    min_cluster: Whole = Field(15, ge=6, le=10_000, description="the least sales of a cluster of like homes")
    size_bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=50)] = Field(
        (1000.0, 1500.0, 2000.0, 2500.0, 3000.0, 4000.0),
        description="building sizes, in square feet, at which a new band begins",
    )
    built_band_years: Whole = Field(20, ge=1, le=200, description="years of construction in a band")
    neighbors: Whole = Field(8, ge=1, le=100, description="nearest places that Moran's I compares each place with")
    permutations: Whole = Field(999, ge=0, le=9_999, description="random orders that check Moran's I; 0 is none")

    @field_validator("size_bands")
    @classmethod
    def _bands_rise(cls, bands: tuple[float, ...]) -> tuple[float, ...]:
        if list(bands) != sorted(set(bands)):
            raise PydanticCustomError("bands", "must rise from one to the next")
        return bands
