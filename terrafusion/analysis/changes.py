"""The change of the median on the period before, and on the same period a year before."""

from __future__ import annotations

import polars as pl

from terrafusion.analysis.periods import PER_YEAR


def with_changes(
    cells: pl.DataFrame, keys: list[str], *, period: str, min_sales: int, column: str = "median_price"
) -> pl.DataFrame:
    """Add ``mom`` and ``yoy`` of a column as fractions: 0.02 is two per cent up.

    Cells are matched by the number of their period (``ordinal``), so a period without sales leaves a null
    and never makes its neighbours compare with each other. Null when either side has fewer than ``min_sales``;
    ``mom`` is null on years.
    """
    yoy = _change(cells, keys, PER_YEAR[period], min_sales, column)
    mom = _change(cells, keys, 1, min_sales, column) if period != "year" else pl.lit(None, dtype=pl.Float64)
    return cells.with_columns(mom=mom, yoy=yoy)


def _change(cells: pl.DataFrame, keys: list[str], back: int, min_sales: int, column: str) -> pl.Series:
    enough = cells.filter(pl.col("sales_volume") >= min_sales)
    before = enough.select(*keys, pl.col("ordinal") + back, pl.col(column).alias("before"))
    now = pl.when(pl.col("sales_volume") >= min_sales).then(pl.col(column))
    joined = cells.join(before, on=[*keys, "ordinal"], how="left", maintain_order="left")
    return joined.select(now / pl.col("before") - 1).to_series()
