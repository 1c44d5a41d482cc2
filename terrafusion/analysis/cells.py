"""The figures of a cell, which is a group in a period: counts, prices with intervals, unit prices."""

from __future__ import annotations

import math
from functools import cache
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
_LARGEST_SQFT: Final = 1e9


@cache
def critical_value(confidence_level: float) -> float:
    """Return z, the standard normal's two-sided critical value: 1.96 at 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence_level / 2)


@cache
def smallest_for_interval(confidence_level: float) -> int:
    """Return the least n for which any interval of order statistics covers the median that surely: 6 at 0.95.

    The widest, from the lowest to the highest price, misses it with probability 2^(1 - n).
    """
    return math.ceil(1 - math.log2(1 - confidence_level))


def unit_price() -> pl.Expr:
    """Return S / area in dollars per square foot; null without an area."""
    area = pl.col("building_size_sqft")
    return pl.when(area.is_between(0, _LARGEST_SQFT, closed="right")).then(pl.col("sale_price") / area)


def figures(sales: pl.DataFrame, keys: list[str], *, confidence_level: float) -> pl.DataFrame:
    """Return ``keys`` and `FIGURES` of every cell that has a sale, sorted by ``keys``.

    ``sales`` has the keys, ``sale_price`` and ``unit_price``. Each cell's prices are sorted once and all
    else is read off the sorted list, so no figure depends on the order of the sales, not even sums.
    """
    priced = pl.col("sale_price").sort().alias("prices")
    unit = pl.col("unit_price").median().alias("median_price_per_sqft")
    listed = sales.lazy().group_by(keys).agg(priced, unit, pl.len().cast(pl.Int64).alias("sales_volume"))
    total = _PRICES.list.sum()
    low, high = _median_ranks(critical_value(confidence_level))
    least = smallest_for_interval(confidence_level)
    return (
        listed.with_columns(
            total.alias("dollar_volume"),
            (total / _N).alias("average_price"),
            _quantile(0.5).alias("median_price"),
            _ranked(low, least).alias("median_ci_low"),
            _ranked(high, least).alias("median_ci_high"),
            _quantile(0.25).alias("p25"),
            _quantile(0.75).alias("p75"),
        )
        .select(*keys, *FIGURES)
        .sort(keys)
        .collect()
    )


def _quantile(share: float) -> pl.Expr:
    """Type 7: linear between the order statistics around rank 1 + (n - 1) * share."""
    position = (_N - 1) * share
    below = _PRICES.list.get(position.floor().cast(pl.Int64))
    above = _PRICES.list.get(position.ceil().cast(pl.Int64))
    return below + (above - below) * (position - position.floor())


def _median_ranks(z: float) -> tuple[pl.Expr, pl.Expr]:
    """Ranks of the order statistics between which the median lies (binomial, normal approximation)."""
    half, reach = _N / 2, _N.sqrt() * (z / 2)
    return (half - reach).ceil().cast(pl.Int64), (1 + half + reach).floor().cast(pl.Int64)


def _ranked(rank: pl.Expr, least: int) -> pl.Expr:
    """Return the price of that rank, counted from 1; null where there is none, or are fewer than ``least``."""
    return pl.when(rank.is_between(1, _N) & (least <= _N)).then(_PRICES.list.get(rank - 1, null_on_oob=True))
