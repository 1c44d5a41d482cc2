"""A county's profile: how it writes its records, and what it decided about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, field_validator, model_validator
from pydantic_core import PydanticCustomError

from terrafusion.analysis.parameters import Day, Text, Year, Zip


def _sorted_once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


Codes = Annotated[Mapping[Text, StrictBool], Field(max_length=10_000)]
Names = Annotated[tuple[Text, ...], Field(max_length=10_000), AfterValidator(_sorted_once)]
ZipCodes = Annotated[tuple[Zip, ...], Field(max_length=10_000), AfterValidator(_sorted_once)]


class SaleOverride(BaseModel):
    """What a person decided about one sale, whatever its codes say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    valid: StrictBool = Field(description="whether the sale is arm's length")
    reason: Text = Field(description="why, in a few words")
    decided_by: Text = Field(description="who decided it")
    decided_on: Day = Field(description="the day of the decision")


class MarketArea(BaseModel):
    """A part of the county that behaves as one market: neighbourhoods, ZIPs, or both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    neighborhoods: Names = Field((), description="as the sales and properties name them")
    zip_codes: ZipCodes = Field((), description="of five digits; ZIP+4 is cut")

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if not (self.neighborhoods or self.zip_codes):
            raise PydanticCustomError("market_area", "must name neighborhoods or zip_codes")
        return self


class CountyProfile(BaseModel):
    """How a county writes its records, and what it decided about them. All of it is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    validity_codes: Codes = Field(
        default_factory=dict,
        description="validity code to: is it arm's length; from the county's or the state's manual of sale codes",
    )
    deed_types: Codes = Field(
        default_factory=dict,
        description="deed type to: is it arm's length; a quitclaim deed rarely is",
    )
    assessment_level: float = Field(
        1.0,
        gt=0,
        le=1,
        strict=True,
        description="the fraction of market value at which the law has property assessed; level bands scale by it",
    )
    roll_year: Year | None = Field(None, description="the year of the assessment roll that the values belong to")
    market_areas: Mapping[Text, MarketArea] = Field(
        default_factory=dict, description="name to neighbourhoods and ZIPs, of which none lies in two areas"
    )
    sale_overrides: Mapping[Text, SaleOverride] = Field(
        default_factory=dict, description="sale_id to what a person decided; it wins over codes and names"
    )

    @field_validator("market_areas")
    @classmethod
    def _no_overlap(cls, areas: Mapping[str, MarketArea]) -> Mapping[str, MarketArea]:
        for kind in ("neighborhoods", "zip_codes"):
            twice = _repeated(getattr(area, kind) for area in areas.values())
            if twice:
                message = "{kind} {name} lies in two areas; one is allowed"
                raise PydanticCustomError("market_areas", message, {"kind": kind, "name": twice})
        return areas


def _repeated(names: Iterable[Iterable[str]]) -> str | None:
    counted = Counter(name for each in names for name in each)
    return next((name for name, times in counted.items() if times > 1), None)
