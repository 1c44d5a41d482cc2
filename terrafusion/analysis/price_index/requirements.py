"""What the records must have for a method; a request that they cannot serve is refused with what they can."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution, Records
from terrafusion.analysis.indexes import CHARACTERISTICS, COMPLETE_SHARE, MOST_NAMED_TYPES
from terrafusion.analysis.price_index.engine import LOCATIONS
from terrafusion.analysis.price_index.parameters import HEDONIC, METHODS, REPEAT, Method, PriceIndexParameters
from terrafusion.analysis.reading import read_columns
from terrafusion.analysis.unmatched import asked_for
from terrafusion.errors import InvalidParameters

_REGRESSORS: Final = (*CHARACTERISTICS, "property_type")


def read(records: Records, parameters: PriceIndexParameters, *, also: Collection[str] = ()) -> pl.DataFrame:
    """Read the columns that the methods asked for need, and ``also`` those; raises InvalidParameters where the county lacks one."""
    wanted = {"building_size_sqft", *also}
    methods = METHODS if parameters.compare else (parameters.method,)
    if set(methods) & set(REPEAT) or parameters.one_sale_a_period:
        wanted |= {"parcel_number", "sale_id"}
    if set(methods) & set(HEDONIC):
        wanted |= set(CHARACTERISTICS)
    place = LOCATIONS[parameters.location_effects]
    apart = {"property_type", *([place] if place else [])}
    sales = read_columns(records, parameters, wanted, apart=apart, coded=True)
    if sales.height:
        _refuse_method(records, sales, parameters)
        _refuse_single(records, sales, parameters)
        refuse_characteristics(records, sales, parameters)
        if set(methods) & set(HEDONIC):
            _refuse_types(sales, parameters)
        if set(methods) - set(REPEAT):
            _refuse_location(records, sales, parameters)
    return sales


def allowed(sales: pl.DataFrame) -> tuple[Method, ...]:
    """Name the methods for which the records have columns; all where nothing was read."""
    lacking: set[Method] = set()
    if not _has(sales, "parcel_number"):
        lacking |= set(REPEAT)
    if not any(_has(sales, name) for name in CHARACTERISTICS):
        lacking |= set(HEDONIC)
    return tuple(method for method in METHODS if method not in lacking)


def _has(sales: pl.DataFrame, name: str) -> bool:
    return name in sales.columns and (not sales.height or sales[name].null_count() < sales.height)


def lacking(sales: pl.DataFrame, method: Method | None, characteristics: Collection[str] | None) -> str | None:
    """Name what a method needs and nothing is recorded of; of characteristics that are named see `refuse_characteristics`."""
    if method in REPEAT and not _has(sales, "parcel_number"):
        return "parcel_number"
    if method in HEDONIC and characteristics is None and method not in allowed(sales):
        return "any characteristic"
    return None


def _refuse_method(records: Records, sales: pl.DataFrame, parameters: PriceIndexParameters) -> None:
    method = parameters.method
    column = lacking(sales, method, parameters.characteristics)
    if column:
        others = [*(REPEAT if method in HEDONIC else ()), *(HEDONIC if method in REPEAT else ()), "stratified_median"]
        given = ", ".join(others)
        msg = f"method is {method!r}, which needs {column}, of which {records.county_id} records nothing; allowed are {given}"
        raise InvalidParameters(msg, field="method", value=method, allowed=given)


def _refuse_single(records: Records, sales: pl.DataFrame, parameters: PriceIndexParameters) -> None:
    if parameters.one_sale_a_period and not _has(sales, "parcel_number"):
        msg = f"one_sale_a_period is true, but {records.county_id} records no parcel_number; allowed is false"
        raise InvalidParameters(msg, field="one_sale_a_period", value="true", allowed="false")


def refuse_characteristics(records: Records, sales: pl.DataFrame, parameters: PriceIndexParameters) -> None:
    """Raise InvalidParameters where a characteristic is named of which nothing is recorded."""
    if parameters.method not in HEDONIC:
        return
    for name in parameters.characteristics or ():
        if not _has(sales, name):
            had = ", ".join(other for other in _REGRESSORS if _has(sales, other))
            msg = f"characteristics names {name}, of which {records.county_id} records nothing; allowed are {had}"
            raise InvalidParameters(msg, field="characteristics", value=name, allowed=had)


def _refuse_types(sales: pl.DataFrame, parameters: PriceIndexParameters) -> None:
    if "property_type" not in (parameters.characteristics or ()):
        return
    count = sales.filter(asked_for(parameters))["property_type"].drop_nulls().n_unique()
    if count > MOST_NAMED_TYPES:
        most = f"at most {MOST_NAMED_TYPES} types; property_types selects some"
        msg = f"characteristics names property_type, of which there are {count}; {most}"
        raise InvalidParameters(msg, field="characteristics", value="property_type", allowed=most)


def _refuse_location(records: Records, sales: pl.DataFrame, parameters: PriceIndexParameters) -> None:
    if parameters.location_effects == "neighborhood" and not _has(sales, "neighborhood"):
        given = ", ".join(kind for kind in LOCATIONS if kind != "neighborhood")
        msg = f"location_effects is 'neighborhood', of which {records.county_id} records nothing; allowed are {given}"
        raise InvalidParameters(msg, field="location_effects", value="neighborhood", allowed=given)


def location_cautions(used: pl.DataFrame, methods: Sequence[Method], place: str | None) -> Iterator[Caution]:
    """Say where areas were asked to be told apart and cannot be."""
    if place is None or used.is_empty() or not set(methods) - set(REPEAT):
        return
    share = 1 - used[place].null_count() / used.height
    if share < COMPLETE_SHARE:
        message = f"Only {share:.0%} of sales have a {place}, so areas are not told apart"
        yield Caution("location_effects_unavailable", message)
