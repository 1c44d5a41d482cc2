"""Pairs of sales of the same parcel."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes
from terrafusion.analysis.cells import by_cell

PAIRS: Final[dict[str, pl.DataType]] = {
    "group_code": pl.Int32(),
    "parcel_number": pl.String(),
    "sale_id_1": pl.String(),
    "sale_id_2": pl.String(),
    "sale_date_1": pl.Date(),
    "sale_date_2": pl.Date(),
    "ordinal_1": pl.Int32(),
    "ordinal_2": pl.Int32(),
    "sale_price_1": pl.Float64(),
    "sale_price_2": pl.Float64(),
    "owner": pl.Int64(),
}
"""A pair: the earlier sale is 1, the later 2. ``owner`` numbers the parcels within their groups."""

_SIDE: Final = ("sale_id", "sale_date", "ordinal", "sale_price")


def pairs_of(sales: pl.DataFrame, *, every: bool, min_hold_months: int, min_hold_periods: int = 0) -> pl.DataFrame:
    """Pair the sales of each parcel within its group: each with the next, or with ``every`` later one.

    Of several sales of a parcel in one period the highest price counts, then the lowest id. Pairs whose
    calendar months differ by fewer than ``min_hold_months``, or whose periods by fewer than ``min_hold_periods``, are
    left out after that. Returns `PAIRS`, in an order that depends on the content of the sales alone.
    """
    repeated, counts = _repeated(sales)
    once = repeated.filter(counts).select("row", pl.col("hash").rle_id().cast(pl.Int64).alias("owner"))
    owner = once["owner"].to_numpy()
    first, second = _places(owner, every=every)
    rows, told = once["row"].to_numpy(), sales.select(*_SIDE, "parcel_number")
    sides = [
        told[rows[place]].select(pl.all().name.suffix(f"_{number}")) for number, place in ((1, first), (2, second))
    ]
    named = sales.select("group_code", "parcel_number")[rows[first]]
    paired = pl.concat([named, *sides, pl.Series("owner", owner[first]).to_frame()], how="horizontal")
    held = (_month("sale_date_2") - _month("sale_date_1") >= min_hold_months) & (
        pl.col("ordinal_2") - pl.col("ordinal_1") >= min_hold_periods
    )
    same = pl.col("parcel_number_1") == pl.col("parcel_number_2")  # hashes of other parcels may be equal
    return paired.lazy().filter(same, held).select(*PAIRS).cast(pl.Schema(PAIRS)).collect()


def one_a_period(sales: pl.DataFrame) -> pl.DataFrame:
    """Leave out the sales of a group's parcel in one period that do not count: see `pairs_of`.

    That is what the package hpiR (Krause 2019, ``hedCreateTrans``) does before a hedonic regression. Sales whose
    parcel is not known all stay.
    """
    repeated, counts = _repeated(sales)
    kept = np.ones(sales.height, dtype=bool)
    kept[repeated.filter(~counts)["row"].to_numpy()] = False
    return sales.filter(pl.Series(kept))


def _repeated(sales: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Return ``row`` and ``hash`` of the sales of parcels that sold more than once, sorted, and which of them count.

    Parcels are told apart, and ordered, by a hash: numbers sort in a fraction of the time of names.
    """
    hashes = sales.select("group_code", "parcel_number").hash_rows()
    known = sales["parcel_number"].is_not_null().arg_true().to_numpy()
    rows = known[np.argsort(hashes.to_numpy()[known])]
    by_parcel = pl.DataFrame({"hash": hashes.gather(rows), "row": pl.Series(rows, dtype=pl.UInt32)})
    again = by_parcel.filter(_beside("hash"))
    dated = again.with_columns(sales["ordinal"].gather(again["row"]))
    repeated = dated[by_cell([dated["hash"].rle_id(), dated["ordinal"]])[0]]
    crowded = repeated.select(_beside("hash") & _beside("ordinal")).to_series()
    return repeated, ~crowded | _dearest(repeated, crowded, sales)


def _beside(name: str) -> pl.Expr:
    """Say which values of a sorted column stand beside their equal."""
    again = (pl.col(name) == pl.col(name).shift()).fill_null(value=False)
    return again | again.shift(-1, fill_value=False)


def _dearest(repeated: pl.DataFrame, crowded: pl.Series, sales: pl.DataFrame) -> pl.Series:
    """Say which of the ``crowded`` sales count: of each parcel and period the highest price, then the lowest id."""
    place = crowded.arg_true().alias("place")
    some = repeated[place]
    told = sales.select("parcel_number", "sale_price", "sale_id", "sale_date")[some["row"]].with_columns(place)
    order = ["hash", "ordinal", "sale_price", "sale_id", "sale_date"]
    ranked = pl.concat([some, told], how="horizontal").sort(order, descending=[False, False, True, False, False])
    first = ranked.unique(["hash", "parcel_number", "ordinal"], keep="first", maintain_order=True)["place"]
    kept = np.zeros(len(crowded), dtype=bool)
    kept[first.to_numpy()] = True
    return pl.Series(kept)


def _places(owner: Codes, *, every: bool) -> tuple[Codes, Codes]:
    """Return the places of the earlier and the later sale of each pair."""
    start = np.arange(len(owner))
    firsts, seconds = [start[:0]], [start[:0]]
    for ahead in range(1, len(owner) if every else 2):
        start = start[start + ahead < len(owner)]
        start = start[owner[start] == owner[start + ahead]]
        if not start.size:
            break
        firsts.append(start)
        seconds.append(start + ahead)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    order = np.lexsort((second, first))
    return first[order], second[order]


def _month(name: str) -> pl.Expr:
    day = pl.col(name)
    return day.dt.year().cast(pl.Int32) * 12 + day.dt.month()
