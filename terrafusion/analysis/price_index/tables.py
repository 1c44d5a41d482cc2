"""Indices laid out: the rows of an index, the changes of groups, methods side by side, the pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.cells import figures
from terrafusion.analysis.comparison import COLUMNS, compare
from terrafusion.analysis.market import Market
from terrafusion.analysis.price_index.estimate import FREEDOM, filled
from terrafusion.analysis.price_index.outline import Outline, Sight

INDEX: Final[dict[str, pl.DataType]] = {
    "group_code": pl.Int32(),
    "ordinal": pl.Int32(),
    "index": pl.Float64(),
    "log_index": pl.Float64(),
    "standard_error": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "observations": pl.Int64(),
    "imputed": pl.Boolean(),
    "thin": pl.Boolean(),
}


def index_rows(outlines: Sequence[Outline], begin: int, sight: Sight) -> pl.DataFrame:
    """Return one row for every group and period (`INDEX`); beyond a group's estimates the index is null."""
    rows = [_rows(code, outline, begin, sight) for code, outline in enumerate(outlines)]
    return pl.concat([pl.DataFrame(schema=INDEX), *rows])


def _rows(code: int, outline: Outline, begin: int, sight: Sight) -> pl.DataFrame:
    logs, imputed = filled(outline.log_index)
    errors = outline.errors
    reach = sight.z * (errors if outline.freedom >= FREEDOM else np.full(len(errors), np.nan))
    columns = {
        "group_code": np.full(len(logs), code),
        "ordinal": begin + np.arange(len(logs)),
        "index": 100 * np.exp(logs),
        "log_index": logs,
        "standard_error": errors,
        "ci_low": 100 * np.exp(logs - reach),
        "ci_high": 100 * np.exp(logs + reach),
        "observations": outline.observations,
        "imputed": imputed,
        "thin": outline.observations < sight.min_sales,
    }
    table = pl.DataFrame(columns).cast(pl.Schema(INDEX))
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))


def changes(outlines: Sequence[Outline], market: Market, sight: Sight) -> pl.DataFrame:
    """Compare each group's index with its raw median over the same span: ``group`` and `comparison.COLUMNS`."""
    counts = market.sales.group_by("group_code").agg(
        pl.len().cast(pl.Int64).alias("sales"), pl.col("ordinal").n_unique().cast(pl.Int64).alias("periods")
    )
    labels = market.labels.to_frame("group").with_row_index("group_code").cast({"group_code": pl.Int32})
    told = labels.join(counts, on="group_code", how="left", maintain_order="left")
    compared = compare(_points(outlines, market, sight))
    wanted = told.join(compared.drop("sales", "periods"), on="group", how="left", maintain_order="left")
    return wanted.select("group", *COLUMNS)


def _points(outlines: Sequence[Outline], market: Market, sight: Sight) -> pl.DataFrame:
    """Return the two ends of each group: its medians, and the index, where it has a change, at 100 in the first."""
    rows = []
    for code, outline in enumerate(outlines):
        if outline.span is None:
            continue
        first, last = (market.calendar["ordinal"][place] for place in outline.span)
        bounds = [outline.change[name] for name in ("change_pct", "ci_low_pct", "ci_high_pct")]
        levels = [None if bound is None else 100 + bound for bound in bounds]
        base = None if levels[0] is None else 100.0
        rows += [(code, first, base, base, base), (code, last, *levels)]
    names = ["group_code", "ordinal", "index", "index_ci_low", "index_ci_high"]
    kinds = [pl.Int32(), pl.Int32(), pl.Float64(), pl.Float64(), pl.Float64()]
    two = pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
    cell = ["group_code", "ordinal"]
    sold = market.sales.select(*cell, "sale_price", "unit_price").filter(
        pl.col("ordinal").is_in(two["ordinal"].implode())
    )
    cells = figures(sold.join(two.select(cell), on=cell, how="semi"), cell, confidence_level=sight.confidence_level)
    labels = market.labels.to_frame("group").with_row_index("group_code").cast({"group_code": pl.Int32})
    return (
        two.join(cells, on=["group_code", "ordinal"], how="left")
        .join(labels, on="group_code", how="left")
        .join(market.calendar, on="ordinal", how="left")
        .sort("group_code", "ordinal")
    )


def side_by_side(by_method: Mapping[str, Sequence[Outline]], begin: int, sight: Sight) -> pl.DataFrame:
    """Return each method's index and its error beside each other, and how far they are apart in a period.

    All are at one level: that of the first method that has an index, in the first period in which both have one; null
    where they share none. Errors are against each method's own first period.
    """
    tables = [
        index_rows(outlines, begin, sight).select(
            "group_code",
            "ordinal",
            pl.col("index").alias(f"index_{method}"),
            pl.col("standard_error").alias(f"standard_error_{method}"),
        )
        for method, outlines in by_method.items()
    ]
    joined = tables[0]
    for table in tables[1:]:
        joined = joined.join(table, on=["group_code", "ordinal"], how="left", maintain_order="left")
    names = [f"index_{method}" for method in by_method]
    return joined.with_columns(_levelled(names)).with_columns(_apart(names).alias("disagreement_pct"))


def _levelled(names: Sequence[str]) -> Sequence[pl.Expr]:
    """Return a group's indices at one level: where one begins later, its 100 is not that of the others."""
    level = pl.lit(None, pl.Float64)
    for name in reversed(names):
        level = pl.when(pl.col(name).is_not_null().any().over("group_code")).then(name).otherwise(level)
    return [pl.col(name) * (level / pl.col(name)).drop_nulls().first().over("group_code") for name in names]


def _apart(names: Sequence[str]) -> pl.Expr:
    """Return by how many per cent the highest of a group's indices lies above the lowest."""
    apart = 100 * (pl.max_horizontal(names) / pl.min_horizontal(names) - 1)
    return pl.when(pl.sum_horizontal(pl.col(name).is_not_null() for name in names) > 1).then(apart)


def pair_rows(pairs: pl.DataFrame, outlines: Sequence[Outline], market: Market, begin: int) -> pl.DataFrame:
    """Return every pair with its log change, what the index says of it, and what is left; sorted by group and parcel."""
    logs = np.array([outline.log_index for outline in outlines])
    group = pairs["group_code"].to_numpy()
    first, second = (pairs[name].to_numpy() - begin for name in ("ordinal_1", "ordinal_2"))
    said: Floats = logs[group, second] - logs[group, first] if pairs.height else np.empty(0)
    names = market.calendar["period"]
    moved = pl.col("sale_price_2").log() - pl.col("sale_price_1").log()
    told = pairs.with_columns(
        market.labels.gather(pairs["group_code"]).alias("group"),
        names.gather(first).alias("period_1"),
        names.gather(second).alias("period_2"),
        (pl.col("ordinal_2") - pl.col("ordinal_1")).alias("gap_periods"),
        moved.alias("log_change"),
        pl.Series("index_change", said, dtype=pl.Float64).fill_nan(None),
    ).with_columns((pl.col("log_change") - pl.col("index_change")).alias("residual"))
    ordered = told.sort("group_code", "parcel_number", "ordinal_1", "ordinal_2")
    return ordered.drop("group_code", "ordinal_1", "ordinal_2", "owner")


def whole(market: Market) -> Market:
    """Return the market with all sales as one group."""
    together = market.sales.with_columns(pl.lit(0, pl.Int32).alias("group_code"))
    return Market(together, pl.Series(["all"]), (), market.period, market.calendar)
