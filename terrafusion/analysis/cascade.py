"""Wider areas' figures beside those of thin cells: neighborhood, then ZIP, then county."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from terrafusion.analysis.cells import FIGURES, figures, published_unit_price
from terrafusion.analysis.groups import MARKET_AREA, label_of, level_name

FALLBACK: Final[dict[str, pl.DataType]] = {
    "fallback_level": pl.String(),
    **{f"fallback_{name}": pl.Float64() for name in FIGURES},
    "fallback_sales_volume": pl.Int64(),
    "fallback_price_per_sqft_n": pl.Int64(),
}
"""The columns that stand beside a cell's own, null where it is not thin."""

_LADDER: Final = ("neighborhood", "zip_code")
_CELL: Final = ["group_code", "ordinal"]


def levels(group_by: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the groupings that stand in for ``group_by``, finest first.

    The area widens, whatever else tells the groups apart stays: neighborhood and type, ZIP and type, type.
    A market area widens to the county. Groups without an area give way to the whole county.
    """
    current = list(group_by)
    for place, area in enumerate(_LADDER):
        if area in current:
            wider = [name for name in _LADDER[place + 1 :] if name not in current]
            current = [name for name in current if name != area] + wider
            yield tuple(current)
    if MARKET_AREA in current:
        current = [name for name in current if name != MARKET_AREA]
        yield tuple(current)
    elif current and current == list(group_by):
        yield ()


def with_fallback(
    cells: pl.DataFrame, sales: pl.DataFrame, group_by: Sequence[str], *, min_sales: int, confidence_level: float
) -> pl.DataFrame:
    """Add `FALLBACK`: for each cell below ``min_sales`` the first wider level that is not, in the same period."""
    wider = [_wider(sales, level, confidence_level=confidence_level) for level in levels(group_by)]
    empty = cells.select(*_CELL, *(pl.lit(None, dtype).alias(name) for name, dtype in FALLBACK.items())).clear()
    enough = pl.concat([empty, *wider]).filter(pl.col("fallback_sales_volume") >= min_sales)
    first = enough.unique(_CELL, keep="first", maintain_order=True)
    first = first.with_columns(published_unit_price(min_sales, "fallback_"))
    thin = cells.filter(pl.col("sales_volume") < min_sales).select(_CELL)
    found = thin.join(first, on=_CELL, how="inner")
    return cells.join(found, on=_CELL, how="left", maintain_order="left")


def _wider(sales: pl.DataFrame, level: Sequence[str], *, confidence_level: float) -> pl.DataFrame:
    """Return, for every group and period, the figures of the area of that level where most of its sales lie."""
    placed = sales.with_columns(label_of(level).alias("wide")).filter(pl.col("wide").is_not_null())
    cells = figures(placed, ["wide", "ordinal"], confidence_level=confidence_level)
    renamed = cells.rename({name: f"fallback_{name}" for name in FIGURES})
    named = (
        homes(placed, "group_code")
        .join(renamed, on="wide")
        .with_columns(pl.lit(level_name(level)).alias("fallback_level"))
    )
    return named.select(*_CELL, *FALLBACK)


def homes(placed: pl.DataFrame, group: str) -> pl.DataFrame:
    """Return, for every value of the column ``group``, the ``wide`` area in which most of its sales lie."""
    counted = placed.group_by(group, "wide").len().sort(["len", "wide"], descending=[True, False])
    return counted.unique(group, keep="first", maintain_order=True).select(group, "wide")
