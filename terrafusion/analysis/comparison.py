"""The raw median's change beside the constant-quality change, over the same full periods, and their difference."""

from __future__ import annotations

from typing import Final

import polars as pl

COLUMNS: Final = (
    "first_period",
    "last_period",
    "sales",
    "periods",
    "raw_change_pct",
    "raw_change_ci_low_pct",
    "raw_change_ci_high_pct",
    "constant_quality_change_pct",
    "constant_quality_ci_low_pct",
    "constant_quality_ci_high_pct",
    "difference_pct_points",
)
"""Changes are in per cent, the difference (raw less constant quality) in percentage points."""

_FIRST, _LAST = "_first", "_last"


def compare(points: pl.DataFrame) -> pl.DataFrame:
    """Compare each group's first and last full period: one row a group, `COLUMNS` beside ``group``.

    ``points`` is sorted by group and period. Only periods count that are neither partial nor suppressed and,
    in a group with an index, have one. A group with fewer than two has no change. The raw change's interval
    joins those of the two medians (MOVER in logs, Zou and Donner 2008); the index is 100 in the first period,
    so its own interval there is the change's.
    """
    full = pl.col("median_price").is_not_null() & ~pl.col("partial")
    indexed = pl.col("index").is_not_null().any().over("group")
    usable = points.filter(full).filter(pl.col("index").is_not_null() | ~indexed)
    ends = usable.group_by("group", maintain_order=True).agg(
        *(pl.col(name).first().alias(name + _FIRST) for name in _ENDS),
        *(pl.col(name).last().alias(name + _LAST) for name in _ENDS),
        (pl.len() > 1).alias("several"),
    )
    counts = points.group_by("group", maintain_order=True).agg(
        pl.col("sales_volume").sum().alias("sales"), pl.len().cast(pl.Int64).alias("periods")
    )
    changes = ends.filter("several").select("group", *_changes())
    return counts.join(changes, on="group", how="left", maintain_order="left").select("group", *COLUMNS)


_ENDS: Final = (
    "period",
    "median_price",
    "median_ci_low",
    "median_ci_high",
    "index",
    "index_ci_low",
    "index_ci_high",
)


def _log(name: str, end: str) -> pl.Expr:
    return pl.col(name + end).log()


def _changes() -> list[pl.Expr]:
    below = {end: _log("median_price", end) - _log("median_ci_low", end) for end in (_FIRST, _LAST)}
    above = {end: _log("median_ci_high", end) - _log("median_price", end) for end in (_FIRST, _LAST)}
    moved = _log("median_price", _LAST) - _log("median_price", _FIRST)
    low = moved - (below[_LAST] ** 2 + above[_FIRST] ** 2).sqrt()
    high = moved + (above[_LAST] ** 2 + below[_FIRST] ** 2).sqrt()
    quality = [_log(name, _LAST) - _log("index", _FIRST) for name in ("index", "index_ci_low", "index_ci_high")]
    named = zip(COLUMNS[4:10], [moved, low, high, *quality], strict=True)
    difference = (moved.exp() - quality[0].exp()) * 100
    return [
        pl.col("period" + _FIRST).alias("first_period"),
        pl.col("period" + _LAST).alias("last_period"),
        *(((change.exp() - 1) * 100).alias(name) for name, change in named),
        difference.alias("difference_pct_points"),
    ]
