"""The frames that analyses read: a fixed schema for each kind of record, however a county's file looked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import polars as pl

SALES_SCHEMA: Final[dict[str, pl.DataType]] = {
    "sale_id": pl.String(),
    "parcel_number": pl.String(),
    "sale_date": pl.Date(),
    "sale_price": pl.Float64(),
    "assessed_value": pl.Float64(),
    "property_type": pl.String(),
    "property_class": pl.String(),
    "zip_code": pl.String(),
    "neighborhood": pl.String(),
    "latitude": pl.Float64(),
    "longitude": pl.Float64(),
    "building_size_sqft": pl.Float64(),
    "lot_size_sqft": pl.Float64(),
    "year_built": pl.Int32(),
    "bedrooms": pl.Float64(),
    "bathrooms": pl.Float64(),
    "stories": pl.Float64(),
    "condition": pl.Float64(),
    "grade": pl.Float64(),
    "waterfront": pl.Boolean(),
    "deed_type": pl.String(),
    "validity_code": pl.String(),
    "parcels_in_deed": pl.Int32(),
    "buyer": pl.String(),
    "seller": pl.String(),
    "year_only": pl.Boolean(),
}
"""A recorded sale: every column present, null where the county does not say.

Sorted by ``sale_date, parcel_number, sale_id``. ``year_only`` marks a sale of which only the year is
known; its ``sale_date`` is then 1 July of that year.
"""

SALES_ORDER: Final = ("sale_date", "parcel_number", "sale_id")

PROPERTIES_SCHEMA: Final[dict[str, pl.DataType]] = {
    "parcel_number": pl.String(),
    "property_type": pl.String(),
    "property_class": pl.String(),
    "address": pl.String(),
    "zip_code": pl.String(),
    "neighborhood": pl.String(),
    "latitude": pl.Float64(),
    "longitude": pl.Float64(),
    "building_size_sqft": pl.Float64(),
    "lot_size_sqft": pl.Float64(),
    "year_built": pl.Int32(),
    "bedrooms": pl.Float64(),
    "bathrooms": pl.Float64(),
    "stories": pl.Float64(),
    "condition": pl.Float64(),
    "grade": pl.Float64(),
    "waterfront": pl.Boolean(),
    "assessed_value": pl.Float64(),
    "market_value": pl.Float64(),
    "land_value": pl.Float64(),
    "improvement_value": pl.Float64(),
    "assessment_year": pl.Int32(),
    "last_sale_date": pl.Date(),
    "last_sale_price": pl.Float64(),
}
"""A parcel of the roll as it is now; sorted by ``parcel_number``, of which each stands once."""

PROPERTIES_ORDER: Final = ("parcel_number",)

LISTINGS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "listing_id": pl.String(),
    "parcel_number": pl.String(),
    "list_date": pl.Date(),
    "list_price": pl.Float64(),
    "off_market_date": pl.Date(),
    "status": pl.String(),
    "zip_code": pl.String(),
}
"""A time on the market: from ``list_date`` to ``off_market_date``, null while it goes on.

Sorted by ``list_date, parcel_number, listing_id``.
"""

LISTINGS_ORDER: Final = ("list_date", "parcel_number", "listing_id")


def is_sorted(sales: pl.DataFrame, keys: Sequence[str]) -> bool:
    """Say whether each sale stands after the one before by these keys alone; records often come so."""
    after = pl.lit(value=False)
    for key in reversed(keys):
        before = pl.col(key).shift(1)
        after = (before < pl.col(key)) | ((before == pl.col(key)) & after)
    return bool(sales.lazy().select(after.slice(1).fill_null(value=False).all()).collect().item())


def sorted_by(records: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Sort records by these keys, which mostly they are."""
    return records if is_sorted(records, keys) else records.sort(keys)


def column_by_column(frame: pl.DataFrame, change: Callable[[pl.Series], pl.Series]) -> pl.DataFrame:
    """Change each column, one on each core, and give each up as it is taken over: two of all would be twice the file."""
    with ThreadPoolExecutor(pl.thread_pool_size()) as cores:
        return pl.DataFrame(list(cores.map(lambda name: change(frame.drop_in_place(name)), frame.columns)))


def taken(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Take columns out of a frame, which has them no longer: who still holds it holds them no more."""
    return pl.DataFrame([frame.drop_in_place(name) for name in names])
