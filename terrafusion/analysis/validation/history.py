"""What a parcel's earlier sales tell of a sale. Sales of which only the year is known have no days to count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.groups import coded

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class History(NamedTuple):
    """One value a sale; nan where there is none."""

    days_held: Floats
    """Days since the parcel's last sale on an earlier day."""
    previous_price: Floats
    """The highest price of that day."""
    days_since_same_price: Floats
    """Days since the parcel's last sale at the same price, be it on the same day (of these the first ``sale_id`` has none)."""
    is_lesser: Flags
    """Whether another sale of the parcel on that day has a higher price."""


class _Sales(NamedTuple):
    """Sales of parcels that sold more than once, and the rows where they stand."""

    row: NDArray[np.int64]
    parcel: NDArray[np.int64]
    day: NDArray[np.int64]
    price: Floats


def history(sales: pl.DataFrame) -> History:
    """Tell the history of sales that are sorted by day, and then by ``sale_id`` within a parcel."""
    resold = _resold(sales)
    found = History(*(np.full(sales.height, np.nan) for _ in range(3)), np.zeros(sales.height, dtype=bool))
    _by_day(resold, found)
    _by_price(resold, found)
    return found


def _resold(sales: pl.DataFrame) -> _Sales:
    known = pl.col("parcel_number").is_not_null() & pl.col("sale_date").is_not_null() & (pl.col("sale_price") > 0)
    dated = known & ~pl.col("year_only").fill_null(value=False)
    row = sales.select(dated.fill_null(value=False).arg_true()).to_series().to_numpy().astype(np.int64)
    told = sales[row] if len(row) < sales.height else sales
    code = coded(told["parcel_number"])[0].to_numpy()
    several = np.bincount(code, minlength=1)[code] > 1
    day = told["sale_date"].cast(pl.Int32).to_numpy().astype(np.int64)
    return _Sales(row[several], code[several].astype(np.int64), day[several], told["sale_price"].to_numpy()[several])


def _by_day(sales: _Sales, found: History) -> None:
    """Compare each day of a parcel with the one before it; within a day the highest price comes first."""
    order = np.lexsort((-sales.price, sales.day, sales.parcel))
    row, parcel, day, price = (values[order] for values in sales)
    opens = np.ones(len(row), dtype=bool)
    opens[1:] = (parcel[1:] != parcel[:-1]) | (day[1:] != day[:-1])
    visit = np.cumsum(opens) - 1
    first = np.flatnonzero(opens)
    again = np.zeros(len(first), dtype=bool)
    again[1:] = parcel[first[1:]] == parcel[first[:-1]]
    before = first[np.maximum(np.arange(len(first)) - 1, 0)]
    held = np.where(again, day[first] - day[before], np.nan)
    found.days_held[row] = held[visit]
    found.previous_price[row] = np.where(again, price[before], np.nan)[visit]
    found.is_lesser[row] = price < price[first][visit]


def _by_price(sales: _Sales, found: History) -> None:
    order = np.lexsort((sales.price, sales.parcel))
    row, parcel, day, price = (values[order] for values in sales)
    again = (parcel[1:] == parcel[:-1]) & (price[1:] == price[:-1])
    found.days_since_same_price[row[1:]] = np.where(again, day[1:] - day[:-1], np.nan)
