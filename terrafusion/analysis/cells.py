"""The figures of a cell, which is a group in a period: counts, prices with intervals, unit prices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from itertools import count, pairwise
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.groups import coded, firsts, in_order

FIGURES: Final = (
    "sales_volume",
    "dollar_volume",
    "average_price",
    "median_price",
    "median_ci_low",
    "median_ci_high",
    "p25",
    "p75",
    "median_price_per_sqft",
    "price_per_sqft_n",
)

_N: Final = pl.col("sales_volume")
_UNITS: Final = pl.col("price_per_sqft_n")
LARGEST_SQFT: Final = 1e9
"""Above it a size is a slip of the pen."""


@cache
def critical_value(confidence_level: float) -> float:
    """Return z, the standard normal's two-sided critical value: 1.96 at 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence_level / 2)


FARTHEST: Final = 300.0
"""Half width in logs above which an interval is cut: of absurd figures even the exponential overflows."""


def log_interval(value: float, reach: float) -> tuple[float, float]:
    """Return the ends of an interval of ``value`` that is ``reach`` wide in logs on either side."""
    near = min(reach, FARTHEST)
    return value * math.exp(-near), value * math.exp(near)


@cache
def smallest_for_interval(confidence_level: float, share: float = 0.5) -> int:
    """Return the least n for which any interval of order statistics covers the quantile that surely.

    The widest, from the lowest to the highest value, misses it with probability share^n + (1 - share)^n:
    for the median 6 at 0.95.
    """
    return next(n for n in count(1) if share**n + (1 - share) ** n <= 1 - confidence_level)


@cache
def needed_for_interval(confidence_level: float, share: float = 0.5) -> int:
    """Return the least n for which `interval` is told: at 0.95 6 for the median, 35 for the 10th percentile."""
    reach = critical_value(confidence_level) * math.sqrt(share * (1 - share))
    return next(
        n
        for n in count(smallest_for_interval(confidence_level, share))
        if math.ceil(n * share - reach * math.sqrt(n)) >= 1 and math.floor(1 + n * share + reach * math.sqrt(n)) <= n
    )


def published_unit_price(least: int, prefix: str = "") -> pl.Expr:
    """Return the median price per square foot, null where fewer than ``least`` sales have an area."""
    return pl.when(pl.col(f"{prefix}price_per_sqft_n") >= least).then(pl.col(f"{prefix}median_price_per_sqft"))


def unit_price() -> pl.Expr:
    """Return S / area in dollars per square foot; null without an area."""
    area = pl.col("building_size_sqft")
    return pl.when(area.is_between(0, LARGEST_SQFT, closed="right")).then(pl.col("sale_price") / area)


def figures(sales: pl.DataFrame, keys: list[str], *, confidence_level: float) -> pl.DataFrame:
    """Return ``keys`` and `FIGURES` of every cell that has a sale, sorted by ``keys``.

    ``sales`` has the keys, ``sale_price`` and ``unit_price``. Each cell's prices are sorted once and all
    else is read off the sorted list, so no figure depends on the order of the sales, not even sums.
    """
    places, begins = by_cell(sales[key] for key in keys)
    prices, units = (ordered(sales[name], places, begins) for name in ("sale_price", "unit_price"))
    n = np.diff(begins, append=len(places))
    cells = pl.DataFrame([sales[key].gather(places[begins]) for key in keys]).with_columns(
        pl.Series("begin", begins),
        pl.Series("sales_volume", n),
        pl.Series("price_per_sqft_n", np.add.reduceat(~np.isnan(units), begins, dtype=np.int64)),
        pl.Series("dollar_volume", np.bincount(np.repeat(np.arange(len(n)), n), prices), dtype=pl.Float64),
    )
    price, unit = _in_cells(prices, _N), _in_cells(units, _UNITS)
    low, high = interval(price, _N, 0.5, confidence_level)
    told = cells.lazy().with_columns(
        (pl.col("dollar_volume") / _N).alias("average_price"),
        quantile(price, _N, 0.5).alias("median_price"),
        low.alias("median_ci_low"),
        high.alias("median_ci_high"),
        quantile(price, _N, 0.25).alias("p25"),
        quantile(price, _N, 0.75).alias("p75"),
        quantile(unit, _UNITS, 0.5).alias("median_price_per_sqft"),
    )
    return told.select(*keys, *FIGURES).collect()


def by_cell(keys: Iterable[pl.Series]) -> tuple[Codes, Codes]:
    """Return the places of sales by cell, cells in the order of their keys, and where among them each cell begins.

    No key is null.
    """
    codes = [_code(key) for key in keys]
    sizes = [int(code.max(initial=0)) + 1 for code in codes]
    cell = np.zeros(len(codes[0]), np.min_scalar_type(math.prod(sizes)))
    for code, size in zip(codes, sizes, strict=True):
        cell *= cell.dtype.type(size)
        cell += code.astype(cell.dtype)
    places = in_order(cell)
    return places, np.flatnonzero(firsts(cell.take(places)))


def _code(key: pl.Series) -> NDArray[np.integer[Any]]:
    """Return a number from 0 for each value, ascending with it."""
    code: NDArray[np.integer[Any]] = (coded(key)[0] if key.dtype == pl.String else key).to_numpy()
    return code - code.min() if len(code) else code


def ordered(values: pl.Series, places: Codes, begins: Codes) -> Floats:
    """Return the values by cell, in ascending order within each; null is nan, and comes last."""
    found: Floats = values.to_numpy()[places]
    for begin, end in pairwise([*begins.tolist(), len(found)]):
        found[begin:end].sort()
    return found


At = Callable[[pl.Expr], pl.Expr]
"""Returns of each cell the value at a place in its ordered list, from 0; null where there is none."""


def in_list(ordered: pl.Expr) -> At:
    """Read off a column of sorted lists."""
    return lambda place: ordered.list.get(place, null_on_oob=True)


def _in_cells(ordered: Floats, n: pl.Expr) -> At:
    """Read off the first ``n`` values of each cell, which stand from ``begin``."""
    values = pl.lit(pl.Series(ordered))
    return lambda place: values.gather(pl.when(place >= 0, place < n).then(pl.col("begin") + place))


def quantile(at: At, n: pl.Expr, share: float) -> pl.Expr:
    """Type 7 of sorted lists of n values: linear between the order statistics around rank 1 + (n - 1) * share."""
    position = (n - 1) * share
    below, above = at(position.floor().cast(pl.Int64)), at(position.ceil().cast(pl.Int64))
    return below + (above - below) * (position - position.floor())


def interval(at: At, n: pl.Expr, share: float, confidence_level: float) -> tuple[pl.Expr, pl.Expr]:
    """Return the order statistics between which the quantile p = ``share`` lies (Conover 1999, 3.2).

    Their ranks, from the normal approximation of the binomial, are ceil(np - z sqrt(np(1-p))) and
    floor(1 + np + z sqrt(np(1-p))). Null where one is outside [1, n], or where even lowest to highest covers the
    quantile less surely than asked.
    """
    reach = n.sqrt() * (critical_value(confidence_level) * math.sqrt(share * (1 - share)))
    low, high = (n * share - reach).ceil(), (1 + n * share + reach).floor()
    told = (low >= 1) & (high <= n) & (n >= smallest_for_interval(confidence_level, share))
    first, last = (pl.when(told).then(at(rank.cast(pl.Int64) - 1)) for rank in (low, high))
    return first, last
