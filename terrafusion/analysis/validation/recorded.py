"""The reasons that the records give, whatever the prices of other sales: codes, deeds, parties, price bounds, repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.arrays import Flags
from terrafusion.analysis.outliers import flag_outliers
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.validation import parties
from terrafusion.analysis.validation.history import History
from terrafusion.analysis.validation.parameters import ValidationParameters

_Found = Iterator[tuple[str, pl.Series]]


def recorded(
    sales: pl.DataFrame, parameters: ValidationParameters, profile: CountyProfile, checks: frozenset[str]
) -> Mapping[str, Flags]:
    """Return for each reason but `outliers` whether each sale has it."""
    found: dict[str, Flags] = {}
    named = checks & _BY_NAME.keys()
    if named:
        parts = parties.parties_of(sales)
        for check in sorted(named):
            found |= {code: flags.to_numpy() for code, flags in _BY_NAME[check](parts)}
    for check in sorted(checks & _BY_VALUE.keys()):
        found |= {code: flags.to_numpy() for code, flags in _BY_VALUE[check](sales, parameters, profile)}
    return found | {code: flags.to_numpy() for code, flags in _filtered(sales, parameters)}


def repeated(past: History, parameters: ValidationParameters, checks: frozenset[str]) -> Mapping[str, Flags]:
    """Return the reasons that the parcel's other sales give."""
    found: dict[str, Flags] = {}
    if "duplicates" in checks:
        found["duplicate_sale"] = past.days_since_same_price <= parameters.duplicate_days
        found["same_day_sale"] = past.is_lesser
    if "short_hold" in checks:
        found["short_hold"] = past.days_held < parameters.hold_days
    if parameters.sale_filter.min_hold_days is not None:
        found["held_too_briefly"] = past.days_held < parameters.sale_filter.min_hold_days
    return found


def _institutions(parts: parties.Parties) -> _Found:
    yield from parties.institutions(parts).items()


def _family(parts: parties.Parties) -> _Found:
    yield from zip(("family_sale", "like_names"), parties.family(parts), strict=True)


def _non_person(parts: parties.Parties) -> _Found:
    yield "non_person", parties.non_person(parts)


_BY_NAME: Final[Mapping[str, Callable[[parties.Parties], _Found]]] = {
    "institutions": _institutions,
    "family": _family,
    "non_person": _non_person,
}


def _codes(sales: pl.DataFrame, parameters: ValidationParameters, profile: CountyProfile) -> _Found:  # noqa: ARG001
    for column, codes in (("validity_code", profile.validity_codes), ("deed_type", profile.deed_types)):
        refused = [code for code, is_arms_length in codes.items() if not is_arms_length]
        if refused:
            yield f"{column}_not_arms_length", sales[column].is_in(refused).fill_null(value=False)


def _deed_names(sales: pl.DataFrame, parameters: ValidationParameters, profile: CountyProfile) -> _Found:  # noqa: ARG001
    """Read the names of the deed types that the county's map does not hold."""
    market = parties.market_deeds(sales["deed_type"])
    refused = [name for name, sells in market.items() if not sells and name not in profile.deed_types]
    yield "deed_not_market", sales["deed_type"].is_in(refused).fill_null(value=False)


def _same_party(sales: pl.DataFrame, parameters: ValidationParameters, profile: CountyProfile) -> _Found:  # noqa: ARG001
    yield "buyer_is_seller", sales["same_party"]


def _price_bounds(sales: pl.DataFrame, parameters: ValidationParameters, profile: CountyProfile) -> _Found:  # noqa: ARG001
    yield "below_min_price", sales["sale_price"] < parameters.sale_filter.min_price
    if parameters.max_price is not None:
        yield "above_max_price", sales["sale_price"] > parameters.max_price


def _multi_parcel(sales: pl.DataFrame, parameters: ValidationParameters, profile: CountyProfile) -> _Found:  # noqa: ARG001
    yield "multi_parcel", (sales["parcels_in_deed"] > 1).fill_null(value=False)


_BY_VALUE: Final[Mapping[str, Callable[[pl.DataFrame, ValidationParameters, CountyProfile], _Found]]] = {
    "codes": _codes,
    "deed_names": _deed_names,
    "same_party": _same_party,
    "price_bounds": _price_bounds,
    "multi_parcel": _multi_parcel,
}


def _filtered(sales: pl.DataFrame, parameters: ValidationParameters) -> _Found:
    """Return what the shared sale filter excludes beside what checks find."""
    rules = parameters.sale_filter
    if rules.exclude_codes:
        codes = pl.col("validity_code", "deed_type").is_in(list(rules.exclude_codes)).fill_null(value=False)
        yield "excluded_code", sales.select(pl.any_horizontal(codes)).to_series()


def outliers(
    sales: pl.DataFrame, asked: pl.Series, parameters: ValidationParameters
) -> tuple[Mapping[str, Flags], list[Caution]]:
    """Say which of the sales asked for the shared filter calls outliers among them; a sale without a group is none."""
    if parameters.sale_filter.outlier_method == "none":
        return {}, []
    judged = (asked & sales["group"].is_not_null()).arg_true()
    flagged, warned = flag_outliers(sales[judged], parameters.sale_filter)
    flags = pl.zeros(sales.height, pl.Boolean, eager=True).scatter(judged, flagged)
    return {"outlier": flags.to_numpy()}, warned
