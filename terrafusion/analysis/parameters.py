"""What every analysis may be told: which sales, which periods, which groups, how sure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

COUNTY: Final = "county"
"""The group that holds all sales."""

FIRST_DAY: Final = date(1800, 1, 1)
LAST_DAY: Final = date(2200, 12, 31)
"""Days before and after these are slips of the pen."""

Group = Literal[
    "county",
    "zip_code",
    "neighborhood",
    "market_area",
    "property_type",
    "property_class",
    "year_built",
    "bedrooms",
    "bathrooms",
    "stories",
    "condition",
    "grade",
    "waterfront",
    "deed_type",
    "validity_code",
    "sale_year",
    "sale_quarter",
    "sale_month",
]
"""A column, a market area of the county's profile, a part of the sale date, or all sales as one group."""
GROUPABLE: Final[tuple[str, ...]] = get_args(Group)


def _iso_date(value: Any) -> Any:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise PydanticCustomError("date", "must be a date such as 2014-05-31") from None


def _in_reach(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        allowed = {"first": str(FIRST_DAY), "last": str(LAST_DAY)}
        raise PydanticCustomError("date", "must lie between {first} and {last}", allowed)
    return day


def zip_of(value: str) -> str:
    """Return the five digits of a ZIP code; raises PydanticCustomError where it is none."""
    code = value.strip()
    if len(code.split("-")[0]) == 9:  # noqa: PLR2004 - ZIP+4 written without its hyphen
        code = f"{code[:5]}-{code[5:]}"
    head, _, tail = code.partition("-")
    if not (head.isascii() and head.isdigit() and len(head) == 5 and (not tail or tail.isdigit())):  # noqa: PLR2004
        raise PydanticCustomError("zip", "must be five digits, or ZIP+4 such as 98103-1234")
    return head


def _is_year(value: Any) -> bool:
    return isinstance(value, int) and FIRST_DAY.year <= value <= LAST_DAY.year


def _is_told_by_year(given: Mapping[str, Any], end: str) -> bool:
    return given.get(f"{end}_date") is None and _is_year(given.get(f"{end}_year"))


def _sorted_once(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


Day = Annotated[date, BeforeValidator(_iso_date), AfterValidator(_in_reach)]
Year = Annotated[int, Field(strict=True, ge=FIRST_DAY.year, le=LAST_DAY.year)]
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Zip = Annotated[str, AfterValidator(zip_of)]
ZipCodes = Annotated[tuple[Zip, ...], Field(min_length=1, max_length=10_000), AfterValidator(_sorted_once)]
Names = Annotated[tuple[Text, ...], Field(min_length=1, max_length=10_000), AfterValidator(_sorted_once)]
Codes = Annotated[tuple[Text, ...], Field(max_length=1_000), AfterValidator(_sorted_once)]


class SaleFilter(BaseModel):
    """Which sales count as evidence of the market."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arms_length_only: bool = Field(
        default=True,
        strict=True,
        description="exclude sales that the county's validity or deed codes call not arm's length, "
        "and those between the same party",
    )
    min_price: Number = Field(10_000.0, ge=0, le=1e12, description="exclude sales below this price, in dollars")
    exclude_multi_parcel: bool = Field(default=False, strict=True, description="exclude deeds of more than one parcel")
    exclude_codes: Codes = Field((), description="validity or deed codes to exclude whatever the county's map says")
    min_hold_days: Whole | None = Field(
        None, ge=1, le=36_500, description="exclude a sale that follows an earlier one of its parcel within fewer days"
    )
    outlier_method: Literal["none", "iqr", "quantile", "group_z"] = Field(
        "none",
        description="on the log price within each group: outside the quartiles by a multiple of their range, "
        "in the tails, or far from the mean in standard deviations",
    )
    outlier_multiplier: Number = Field(3.0, gt=0, le=100, description="the multiple for `iqr` and `group_z`")
    max_trim_fraction: Number = Field(
        0.10, ge=0, le=0.5, description="the largest share of a group that may be trimmed; what `quantile` trims"
    )


class SharedParameters(BaseModel):
    """The parameters that all types share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start_date: Day | None = Field(None, description="first sale date, inclusive; null is the first there is")
    end_date: Day | None = Field(None, description="last sale date, inclusive; null is the last there is")
    start_year: Year | None = Field(None, exclude=True, description="the same as 1 January of it as start_date")
    end_year: Year | None = Field(None, exclude=True, description="the same as 31 December of it as end_date")
    zip_codes: ZipCodes | None = Field(None, description="ZIP codes as strings; ZIP+4 is cut to five; null is all")
    neighborhoods: Names | None = Field(None, description="neighborhoods; null is all")
    property_types: Names | None = Field(None, description="property types; null is all")
    period: Literal["week", "month", "quarter", "year", "auto"] = Field(
        "month", description="length of a period; `auto` is the finest whose typical cell has fallback_min_sales"
    )
    group_by: Annotated[tuple[Group, ...], Field(min_length=1, max_length=3)] = Field(
        (COUNTY,), description="columns, or sale_year, sale_quarter, sale_month; `county` is one group of all"
    )
    valuation_date: Day | None = Field(None, description="the date that values refer to; null is end_date")
    sale_filter: SaleFilter = Field(SaleFilter(), description="which sales count as evidence")
    min_sales: Whole = Field(10, ge=1, le=10_000, description="a cell with fewer is suppressed: counts yes, prices no")
    fallback: Literal["none", "cascade"] = Field(
        "none", description="`cascade` puts a wider area's figures beside those of a thin cell"
    )
    fallback_min_sales: Whole = Field(30, ge=1, le=10_000, description="a cell with fewer sales is thin")
    assessment_level: Number | None = Field(
        None,
        gt=0,
        le=1,
        description="the fraction of market value assessed; null is the county profile's, 1 where it tells none",
    )
    roll_year: Year | None = Field(None, description="the year of the assessment roll")
    confidence_level: Number = Field(0.95, ge=0.5, le=0.999, description="coverage of the intervals")
    bootstrap_iterations: Whole = Field(1000, ge=100, le=100_000, description="draws of a bootstrap")
    seed: Whole = Field(0, ge=0, le=2**32 - 1, description="seed of what is random")

    @model_validator(mode="before")
    @classmethod
    def _years_are_dates(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        filled = dict(given)
        if _is_told_by_year(given, "start"):
            filled["start_date"] = f"{given['start_year']}-01-01"
        begins = str(filled.get("start_date") or "")[:4]
        if _is_told_by_year(given, "end") and begins <= str(given["end_year"]):  # else `end_year` itself is refused
            filled["end_date"] = f"{given['end_year']}-12-31"
        return filled

    @field_validator("start_year", "end_year")
    @classmethod
    def _years_and_dates_agree(cls, year: int | None, info: ValidationInfo) -> int | None:
        name, rest = ("start_date", (1, 1)) if info.field_name == "start_year" else ("end_date", (12, 31))
        day = info.data.get(name)
        if year is not None and day is not None and day != date(year, *rest):
            raise PydanticCustomError("years", "disagrees with {name}; give one of the two", {"name": name})
        return year

    @field_validator("end_year")
    @classmethod
    def _end_year_is_not_before_start(cls, year: int | None, info: ValidationInfo) -> int | None:
        start = info.data.get("start_date")
        if year is not None and start is not None and year < start.year:
            raise PydanticCustomError("dates", "must not be before start_date ({start})", {"start": str(start)})
        return year

    @field_validator("end_date")
    @classmethod
    def _ends_after_start(cls, end: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("start_date")
        if end is not None and start is not None and end < start:
            raise PydanticCustomError("dates", "must not be before start_date ({start})", {"start": str(start)})
        return end

    @field_validator("group_by", mode="before")
    @classmethod
    def _one_name_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("group_by")
    @classmethod
    def _no_group_twice(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise PydanticCustomError("groups", "must not name a column twice")
        return tuple(name for name in names if name != COUNTY) or (COUNTY,)


class TrendParameters(SharedParameters):
    """How prices and volume moved, by any group."""

    index_method: Literal["hedonic", "none"] = Field(
        "hedonic", description="constant-quality index beside the medians, where characteristics exist"
    )
    tiers: Whole = Field(
        0, ge=0, le=10, description="price tiers of each group, from cheap homes to dear ones, beside all; 0 is none"
    )
    seasonal_adjust: bool = Field(
        default=False, strict=True, description="put seasonally adjusted figures beside the raw ones"
    )

    @field_validator("tiers")
    @classmethod
    def _tiers_have_no_fallback(cls, tiers: int, info: ValidationInfo) -> int:
        if tiers and info.data.get("fallback") == "cascade":
            raise PydanticCustomError("tiers", "must be 0 with fallback `cascade`: a wider area mixes the tiers")
        return tiers

    @field_validator("seasonal_adjust")
    @classmethod
    def _years_have_no_seasons(cls, wanted: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - as pydantic calls it
        if wanted and info.data.get("period") == "year":
            raise PydanticCustomError("seasonal", "must be false with period `year`; allowed are week, month, quarter")
        return wanted


class ZipTrendParameters(TrendParameters):
    """How prices and volume moved in each ZIP."""

    group_by: Annotated[tuple[Literal["zip_code"]], Field()] = Field(("zip_code",), description="always by ZIP")
