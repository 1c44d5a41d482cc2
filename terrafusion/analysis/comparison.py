"""The raw median's change beside the constant-quality change, over the same full periods, and their difference."""

from __future__ import annotations

from collections.abc import Mapping
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


def change(name: str, low: str, high: str) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Return the log change of a figure from ``<name>_first`` to ``<name>_last``, and its interval by MOVER."""
    below = {end: _log(name, end) - _log(low, end) for end in (_FIRST, _LAST)}
    above = {end: _log(high, end) - _log(name, end) for end in (_FIRST, _LAST)}
    moved = _log(name, _LAST) - _log(name, _FIRST)
    least = moved - (below[_LAST] ** 2 + above[_FIRST] ** 2).sqrt()
    most = moved + (above[_LAST] ** 2 + below[_FIRST] ** 2).sqrt()
    return moved, least, most


def per_cent(moved: pl.Expr) -> pl.Expr:
    """Return a log change in per cent."""
    return (moved.exp() - 1) * 100


def _log(name: str, end: str) -> pl.Expr:
    return pl.col(name + end).log()


def _changes() -> list[pl.Expr]:
    moved, low, high = change("median_price", "median_ci_low", "median_ci_high")
    quality = [_log(name, _LAST) - _log("index", _FIRST) for name in ("index", "index_ci_low", "index_ci_high")]
    named = zip(COLUMNS[4:10], [moved, low, high, *quality], strict=True)
    difference = (moved.exp() - quality[0].exp()) * 100
    return [
        pl.col("period" + _FIRST).alias("first_period"),
        pl.col("period" + _LAST).alias("last_period"),
        *(per_cent(moved).alias(name) for name, moved in named),
        difference.alias("difference_pct_points"),
    ]


def between_ends(points: pl.DataFrame, keys: list[str], figures: Mapping[str, tuple[str, str]]) -> pl.DataFrame:
    """Compare figures in the first and the last period that is full and not suppressed: one row for each of ``keys``.

    ``points`` is sorted by them and period; ``figures`` names each figure's lower and upper bound. Returns
    ``first_period``, ``last_period`` and of each figure ``<name>_change_pct`` between ``<name>_change_ci_low_pct`` and ``_ci_high_pct``,
    null where there are no two such periods.
    """
    told = ["period", *figures, *(bound for bounds in figures.values() for bound in bounds)]
    usable = points.filter(~pl.col("partial") & ~pl.col("suppressed"))
    ends = usable.group_by(keys, maintain_order=True).agg(
        *(pl.col(name).first().alias(name + _FIRST) for name in told),
        *(pl.col(name).last().alias(name + _LAST) for name in told),
        (pl.len() > 1).alias("several"),
    )
    changes = ends.filter("several").select(
        *keys,
        pl.col("period" + _FIRST).alias("first_period"),
        pl.col("period" + _LAST).alias("last_period"),
        *(
            per_cent(moved).alias(f"{name}_change{end}_pct")
            for name, bounds in figures.items()
            for moved, end in zip(change(name, *bounds), ("", "_ci_low", "_ci_high"), strict=True)
        ),
    )
    return points.select(keys).unique(maintain_order=True).join(changes, on=keys, how="left", maintain_order="left")
