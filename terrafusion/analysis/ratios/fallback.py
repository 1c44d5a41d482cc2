"""A wider area's measures beside those of a thin group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from terrafusion.analysis.cascade import homes, levels
from terrafusion.analysis.groups import label_of, level_name
from terrafusion.analysis.parameters import COUNTY
from terrafusion.analysis.ratios.groups import laid_out, rows_of
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.analysis.ratios.rows import Rules, figures

_PREFIX: Final = "fallback_"
_OWN: Final = ("n", *dict(figures("")))

SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "fallback_level": pl.String(),
    "fallback_n": pl.Int64(),
    **dict(figures(_PREFIX)),
}
"""The columns beside a group's own, null where it is not thin."""


def with_fallback(rows: pl.DataFrame, sales: pl.DataFrame, parameters: RatioParameters, rules: Rules) -> pl.DataFrame:
    """Add `SCHEMA`: for each group below ``fallback_min_sales`` the first wider area that is not.

    ``sales`` has the groups' ``group`` and the columns of `laid_out`. A group lies where most of its sales do.
    """
    thin = rows.filter(pl.col("n") < parameters.fallback_min_sales).select("group")
    found = pl.DataFrame(schema={"group": pl.String(), **SCHEMA})
    for level in levels([name for name in parameters.group_by if name != COUNTY]):
        left = thin.join(found, on="group", how="anti", maintain_order="left")
        found = pl.concat([found, _wider(left, sales, level, parameters, rules)])
    return rows.join(found, on="group", how="left", maintain_order="left")


def _wider(
    thin: pl.DataFrame, sales: pl.DataFrame, level: Sequence[str], parameters: RatioParameters, rules: Rules
) -> pl.DataFrame:
    placed = sales.with_columns(label_of(level).alias("wide")).filter(pl.col("wide").is_not_null())
    lie = homes(placed.join(thin, on="group", how="semi"), "group")
    wanted = placed.join(lie, on="wide", how="semi").filter(pl.len().over("wide") >= parameters.fallback_min_sales)
    laid = laid_out(wanted.with_columns(pl.col("wide").alias("group")), parameters)
    wide = rows_of(laid, rules, lambda _done, _doing: None).select(pl.col("group").alias("wide"), *_OWN)
    renamed = wide.rename({name: f"{_PREFIX}{name}" for name in _OWN})
    named = lie.join(renamed, on="wide").with_columns(pl.lit(level_name(level)).alias("fallback_level"))
    return named.select("group", *SCHEMA).sort("group")
