"""The records of a time adjustment: what its method needs, the value of each sale, and which areas there are."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from terrafusion.analysis.api import Records
from terrafusion.analysis.frames import PROPERTIES_SCHEMA
from terrafusion.analysis.groups import MARKET_AREA, area_of, columns_of, label_of
from terrafusion.analysis.parameters import COUNTY, SharedParameters
from terrafusion.analysis.price_index.requirements import allowed, lacking, refuse_characteristics
from terrafusion.analysis.price_index.requirements import read as read_index
from terrafusion.analysis.ratios.reading import refuse_unvalued, with_value
from terrafusion.analysis.time_adjustment.parameters import TimeAdjustmentParameters, index_method
from terrafusion.analysis.unmatched import asked_for
from terrafusion.errors import InvalidParameters


def read(records: Records, parameters: TimeAdjustmentParameters) -> pl.DataFrame:
    """Read the sales with their ``group`` and ``value`` (null where it has none).

    Raises InvalidParameters where the records cannot serve the request.
    """
    asked = parameters.as_index()
    everything = asked.model_copy(update={"method": "stratified_median", "compare": True})
    sales = read_index(records, everything, also={"assessed_value", "sale_id", "parcel_number"})
    valued = with_value(records, sales, parameters.value_field)
    if valued.height:
        _refuse_method(records, valued, parameters)
        refuse_characteristics(records, valued, asked)
    return valued


def _refuse_method(records: Records, sales: pl.DataFrame, parameters: TimeAdjustmentParameters) -> None:
    method = parameters.method
    if method == "ratio_trend":
        refuse_unvalued(records, sales["value"], parameters.value_field)
        return
    needed = lacking(sales, index_method(method), parameters.characteristics)
    if needed is None:
        return
    names = ["regression" if name == "hedonic_time_dummy" else name for name in allowed(sales)]
    given = ", ".join([*names, *(["ratio_trend"] if sales["value"].count() else [])])
    msg = (
        f"method is {method!r}, which needs {needed}, of which {records.county_id} records nothing; allowed are {given}"
    )
    raise InvalidParameters(msg, field="method", value=method, allowed=given)


def areas(records: Records, parameters: SharedParameters) -> list[str]:
    """Name the groups asked for that the sales, used or not, or the roll know of."""
    if tuple(parameters.group_by) == (COUNTY,):
        return []
    group = label_of(parameters.group_by).alias("group")
    told = [
        frame.with_columns(area_of(records.profile)).filter(asked_for(parameters)).select(group.unique())
        for frame in (records.sales, *_roll(records, parameters))
    ]
    return sorted({name for names in pl.collect_all(told) for name in names["group"].drop_nulls()})


def _roll(records: Records, parameters: SharedParameters) -> Iterator[pl.LazyFrame]:
    """Yield the parcels of the roll, where it tells what groups are made of."""
    columns = set(columns_of(parameters.group_by)) - {MARKET_AREA}
    if records.properties is not None and columns <= set(PROPERTIES_SCHEMA):
        yield records.properties
