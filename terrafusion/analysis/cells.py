"""The figures of a cell, which is a group in a period: counts, prices with intervals, unit prices."""

from __future__ import annotations

import math
from functools import cache
from itertools import count
from statistics import NormalDist
from typing import Final

import polars as pl

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
)

_PRICES: Final = pl.col("prices")
_N: Final = pl.col("sales_volume")
LARGEST_SQFT: Final = 1e9
"""Above it a size is a slip of the pen."""


@cache
def critical_value(confidence_level: float) -> float:
    """Return z, the standard normal's two-sided critical value: 1.96 at 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence_level / 2)


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


def unit_price() -> pl.Expr:
    """Return S / area in dollars per square foot; null without an area."""
    area = pl.col("building_size_sqft")
    return pl.when(area.is_between(0, LARGEST_SQFT, closed="right")).then(pl.col("sale_price") / area)


def figures(sales: pl.DataFrame, keys: list[str], *, confidence_level: float) -> pl.DataFrame:
    """Return ``keys`` and `FIGURES` of every cell that has a sale, sorted by ``keys``.

    ``sales`` has the keys, ``sale_price`` and ``unit_price``. Each cell's prices are sorted once and all
    else is read off the sorted list, so no figure depends on the order of the sales, not even sums.
    """
    priced = pl.col("sale_price").sort().alias("prices")
    unit = pl.col("unit_price").median().alias("median_price_per_sqft")
    listed = sales.lazy().group_by(keys).agg(priced, unit, pl.len().cast(pl.Int64).alias("sales_volume"))
    total = _PRICES.list.sum()
    low, high = interval(_PRICES, _N, 0.5, confidence_level)
    return (
        listed.with_columns(
            total.alias("dollar_volume"),
            (total / _N).alias("average_price"),
            quantile(_PRICES, _N, 0.5).alias("median_price"),
            low.alias("median_ci_low"),
            high.alias("median_ci_high"),
            quantile(_PRICES, _N, 0.25).alias("p25"),
            quantile(_PRICES, _N, 0.75).alias("p75"),
        )
        .select(*keys, *FIGURES)
        .sort(keys)
        .collect()
    )


def quantile(ordered: pl.Expr, n: pl.Expr, share: float) -> pl.Expr:
    """Type 7 of sorted lists of n values: linear between the order statistics around rank 1 + (n - 1) * share."""
    position = (n - 1) * share
    below = ordered.list.get(position.floor().cast(pl.Int64), null_on_oob=True)
    above = ordered.list.get(position.ceil().cast(pl.Int64), null_on_oob=True)
    return below + (above - below) * (position - position.floor())


def interval(ordered: pl.Expr, n: pl.Expr, share: float, confidence_level: float) -> tuple[pl.Expr, pl.Expr]:
    """Return the order statistics between which the quantile p = ``share`` lies (Conover 1999, 3.2).

    Their ranks, from the normal approximation of the binomial, are ceil(np - z sqrt(np(1-p))) and
    floor(1 + np + z sqrt(np(1-p))). Null where one is outside [1, n], or where even lowest to highest covers the
    quantile less surely than asked.
    """
    reach = n.sqrt() * (critical_value(confidence_level) * math.sqrt(share * (1 - share)))
    low, high = (n * share - reach).ceil(), (1 + n * share + reach).floor()
    told = (low >= 1) & (high <= n) & (n >= smallest_for_interval(confidence_level, share))
    ranks = [rank.cast(pl.Int64) - 1 for rank in (low, high)]
    first, last = (pl.when(told).then(ordered.list.get(rank, null_on_oob=True)) for rank in ranks)
    return first, last
