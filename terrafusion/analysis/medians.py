"""The median of anything by anything, with its interval and count."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from terrafusion.analysis.cells import in_list, interval, quantile


def medians(
    rows: pl.DataFrame,
    keys: Sequence[str],
    column: str,
    *,
    confidence_level: float,
    least: int = 1,
    quartiles: bool = False,
) -> pl.DataFrame:
    """Return ``keys``, ``<column>_n``, ``median_<column>`` and its interval of order statistics, sorted by ``keys``.

    With ``quartiles`` also ``<column>_p25`` and ``<column>_p75``. Null values do not count. Where there are fewer than ``least`` only the count is told.
    """
    values, n = pl.col("values"), pl.col(f"{column}_n")
    at = in_list(values)
    listed = rows.drop_nulls(column).group_by(keys).agg(pl.col(column).sort().alias("values"))
    counted = listed.with_columns(values.list.len().cast(pl.Int64).alias(f"{column}_n"))
    low, high = interval(at, n, 0.5, confidence_level)
    told = {f"{column}_p25": quantile(at, n, 0.25), f"{column}_p75": quantile(at, n, 0.75)} if quartiles else {}
    told |= {
        f"median_{column}": quantile(at, n, 0.5),
        f"median_{column}_ci_low": low,
        f"median_{column}_ci_high": high,
    }
    shown = [pl.when(n >= least).then(value).cast(pl.Float64).alias(name) for name, value in told.items()]
    return counted.select(*keys, n, *shown).sort(keys)
