"""What a parcel's earlier sales tell of a sale. Sales of which only the year is known have no days to count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Flags, Floats
from terrafusion.analysis.groups import in_order, numbered, ranks


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


class _Resold(NamedTuple):
    """Sales of parcels that sold more than once, parcel by parcel, each parcel's by day."""

    row: NDArray[np.int64]
    """Where the sale stands among all."""
    parcel: NDArray[np.int64]
    """A number that tells it from others."""
    day: NDArray[np.int64]
    price: Floats


def history(sales: pl.DataFrame) -> History:
    """Tell the history of sales that are sorted by day, and then by ``sale_id`` within a parcel."""
    resold = _resold(sales)
    none = [np.full(sales.height, np.nan) for _ in range(3)]
    found = History(none[0], none[1], none[2], np.zeros(sales.height, dtype=bool))
    if len(resold.row):
        _by_day(resold, found)
        _by_price(resold, found)
    return found


def _resold(sales: pl.DataFrame) -> _Resold:
    known = pl.col("parcel_number").is_not_null() & pl.col("sale_date").is_not_null() & (pl.col("sale_price") > 0)
    dated = known & ~pl.col("year_only").fill_null(value=False)
    row = sales.select(dated.fill_null(value=False).arg_true()).to_series().to_numpy().astype(np.int64)
    parcel = numbered(sales["parcel_number"])[row]
    place = ranks(parcel)
    often = np.flatnonzero(np.bincount(place)[place] > 1)
    order = often[in_order(place[often])]
    row, parcel = row[order], parcel[order]
    told = sales.select("sale_date", "sale_price")[row]
    return _Resold(row, parcel, told["sale_date"].cast(pl.Int64).to_numpy(), told["sale_price"].to_numpy())


def _by_day(sales: _Resold, found: History) -> None:
    """Compare each day of a parcel with the one before it."""
    opens = np.ones(len(sales.row), dtype=bool)
    opens[1:] = (np.diff(sales.parcel) != 0) | (np.diff(sales.day) != 0)
    visit = np.cumsum(opens) - 1
    first = np.flatnonzero(opens)
    dearest, parcel, day = np.maximum.reduceat(sales.price, first), sales.parcel[first], sales.day[first]
    again = np.zeros(len(first), dtype=bool)
    again[1:] = np.diff(parcel) == 0
    held, before = (np.where(again, values, np.nan) for values in (day - np.roll(day, 1), np.roll(dearest, 1)))
    found.days_held[sales.row] = held[visit]
    found.previous_price[sales.row] = before[visit]
    found.is_lesser[sales.row] = sales.price < dearest[visit]


def _by_price(sales: _Resold, found: History) -> None:
    """Compare each sale with the parcel's one before it at the same price."""
    order = np.argsort(sales.parcel + sales.price.view(np.int64), kind="stable")
    row, parcel, day, price = (values[order] for values in sales)
    again = (np.diff(parcel) == 0) & (np.diff(price) == 0)
    found.days_since_same_price[row[1:]] = np.where(again, np.diff(day), np.nan)
