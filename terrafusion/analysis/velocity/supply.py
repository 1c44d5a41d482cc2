"""Listings: how many are on the market and how long they would last, and how those that sold went."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Floats

Days = NDArray[np.int64]

MATCHED: Final = ("days_on_market", "sale_to_list")


def months_of_supply(listings: Floats, sales: Floats, months: int = 12) -> Floats:
    """Return listings over the mean monthly sales of the trailing months, the current one included.

    Both count consecutive months along the last axis. nan where `pace` is, or where nothing sold. The Texas Real
    Estate Center's «months inventory».
    """
    return lasting(listings, pace(sales, months))


def lasting(listings: Floats, monthly: Floats) -> Floats:
    """Return how many months listings last at that pace of sales; nan where there is none."""
    months: Floats = np.divide(listings, monthly, out=np.full(monthly.shape, np.nan), where=monthly > 0)
    return months


def pace(sales: Floats, months: int) -> Floats:
    """Return the mean monthly sales of the trailing months, the current one included.

    nan where these reach back before the first month or hold one that is not known (nan).
    """
    trailing = np.full(sales.shape, np.nan)
    if sales.shape[-1] >= months:
        windows = np.lib.stride_tricks.sliding_window_view(sales, months, axis=-1)
        trailing[..., months - 1 :] = windows.sum(axis=-1) / months
    return trailing


def active(listed: Days, ended: Days, at: Days) -> Days:
    """Count the listings on the market at the close of each day: listed by then, not ended by then."""
    starts, ends = np.sort(listed), np.sort(ended)
    counts: Days = np.searchsorted(starts, at, side="right") - np.searchsorted(ends, at, side="right")
    return counts


def matched(sales: pl.DataFrame, listings: pl.DataFrame, *, within: int) -> pl.DataFrame:
    """Return the sales that a listing led to, with `MATCHED`.

    A listing that ended belongs to its parcel's first sale on that day or at most ``within`` days after. Where
    several lead to one sale, the one that ended last counts, then the one listed last, then the highest id. Of a
    parcel's sales on one day the highest price counts, then the lowest id.
    """
    ended = listings.filter(pl.col("off_market_date") >= pl.col("list_date"), pl.col("list_price") > 0)
    order = ["parcel_number", "sale_date", "sale_price", "sale_id"]
    sold = (
        sales.join(ended, on="parcel_number", how="semi")
        .select(*order, "group_code", "ordinal")
        .sort(*order, "group_code", descending=[False, False, True, False, False])
        .unique(["parcel_number", "sale_date"], keep="first", maintain_order=True)
    )
    found = ended.sort("off_market_date").join_asof(
        sold.sort("sale_date"),
        left_on="off_market_date",
        right_on="sale_date",
        by="parcel_number",
        strategy="forward",
        tolerance=f"{within}d",
        check_sortedness=False,
    )
    linked = found.filter(pl.col("sale_price").is_not_null()).sort(
        "parcel_number", "sale_date", "off_market_date", "list_date", "listing_id"
    )
    last = linked.unique(["parcel_number", "sale_date"], keep="last", maintain_order=True)
    return last.with_columns(
        days_on_market=(pl.col("off_market_date") - pl.col("list_date")).dt.total_days().cast(pl.Float64),
        sale_to_list=pl.col("sale_price") / pl.col("list_price"),
    )


def coverage(listings: pl.DataFrame) -> tuple[int, int] | None:
    """Say from which day to which listings were recorded, in days since 1970; None without any."""
    days = pl.concat([listings["list_date"], listings["off_market_date"]]).drop_nulls().cast(pl.Int32)
    first, last = listings["list_date"].cast(pl.Int32).min(), days.max()
    return (first, last) if isinstance(first, int) and isinstance(last, int) else None
