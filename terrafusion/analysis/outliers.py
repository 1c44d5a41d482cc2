"""Prices far from their group's. Judged on ln S, never in a group below 30, never more than a set share."""

from __future__ import annotations

from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.parameters import SaleFilter

SMALLEST_GROUP: Final = 30
"""Groups below it are not trimmed: their quartiles and spread are too uncertain to judge by."""

_LOG: Final = pl.col("sale_price").log()
_ROUNDING: Final = 1e-9  # equal prices differ from their mean by it, and are no outliers


def flag_outliers(sales: pl.DataFrame, rules: SaleFilter) -> tuple[pl.Series, list[Caution]]:
    """Say of each sale whether it is an outlier in its ``group``, and what a reader must know of it.

    Where more than ``max_trim_fraction`` of a group is far out, only the farthest are flagged, up to that share.
    """
    large = pl.len().over("group") >= SMALLEST_GROUP
    judged = sales.with_columns(_distance(rules).over("group").alias("distance"), large.alias("large"))
    judged = judged.with_columns(far=(pl.col("distance") > _ROUNDING) & pl.col("large"))
    farthest = pl.col("distance").rank("max", descending=True).over("group")
    allowed = (pl.len().over("group") * rules.max_trim_fraction).floor()
    judged = judged.select("far", "large", trimmed=pl.col("far") & (farthest <= allowed))
    return judged["trimmed"], _cautions(judged, rules)


def _distance(rules: SaleFilter) -> pl.Expr:
    """How far outside the bounds ln S lies; at or below 0 is inside."""
    if rules.outlier_method == "group_z":
        return (_LOG - _LOG.mean()).abs() - rules.outlier_multiplier * _LOG.std()
    if rules.outlier_method == "quantile":
        tail = rules.max_trim_fraction / 2
        low, high = _LOG.quantile(tail, "linear"), _LOG.quantile(1 - tail, "linear")
    else:
        q1, q3 = _LOG.quantile(0.25, "linear"), _LOG.quantile(0.75, "linear")
        reach = rules.outlier_multiplier * (q3 - q1)
        low, high = q1 - reach, q3 + reach
    return pl.max_horizontal(low - _LOG, _LOG - high)


def _cautions(judged: pl.DataFrame, rules: SaleFilter) -> list[Caution]:
    spared = judged.filter(~pl.col("large")).height
    kept = int(judged["far"].sum()) - int(judged["trimmed"].sum())
    found = []
    if spared:
        message = f"{spared} sales lie in groups of fewer than {SMALLEST_GROUP}, which are not trimmed"
        found.append(Caution("outliers_not_trimmed", message))
    if kept:
        share = f"{rules.max_trim_fraction:.0%}"
        message = f"{kept} sales beyond the bounds were kept: at most {share} of a group is trimmed"
        found.append(Caution("trim_capped", message))
    return found
