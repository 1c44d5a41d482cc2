"""The points: quantiles, tiers and concentration of every group and period, or of every group over the whole span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Flags
from terrafusion.analysis.cells import in_list, interval, quantile
from terrafusion.analysis.distribution.concentration import GINI, concentrations
from terrafusion.analysis.distribution.parameters import PriceDistributionParameters
from terrafusion.analysis.distribution.tiers import columns_of, number_of, tiers_of, with_cuts

_N: Final = pl.col("sales_volume")
_ENDS: Final = ("", "_ci_low", "_ci_high")


def names_of(quantiles: Sequence[float]) -> dict[float, str]:
    """Name each quantile: ``p10`` is that of 0.1, ``p2_5`` that of 0.025."""
    return {share: f"p{100 * share:.10g}".replace(".", "_") for share in quantiles}


def points_of(sales: pl.DataFrame, keys: Sequence[str], parameters: PriceDistributionParameters) -> pl.DataFrame:
    """Return a row for each value of ``keys`` with a sale, sorted; below ``min_sales`` only the count.

    ``sales`` has the keys, ``group_code`` among them, and ``sale_price``.
    """
    cells = sales.group_by(keys).agg(
        pl.col("sale_price").sort().alias("prices"), pl.len().cast(pl.Int64).alias("sales_volume")
    )
    cells = cells.sort(keys)
    enough = cells.filter(parameters.min_sales <= _N)
    level = parameters.confidence_level
    told = enough.select(*keys, pl.col("prices").list.sum().alias("dollar_volume"), *_quantiles(parameters))
    cuts = _cuts(sales, enough, keys, parameters)
    tiers = tiers_of(enough, keys, cuts, own=_own(sales, enough, keys, parameters), confidence_level=level)
    ginis = concentrations(
        enough, keys, confidence_level=level, least=parameters.min_sales, corrected=parameters.gini_correction
    )
    points = cells.select(*keys, "sales_volume")
    for table in (told, ginis, tiers):
        points = points.join(table, on=list(keys), how="left", maintain_order="left")
    return points.with_columns(suppressed=parameters.min_sales > _N).select(*keys, *schema_of(parameters))


def _quantiles(parameters: PriceDistributionParameters) -> list[pl.Expr]:
    prices, told = in_list(pl.col("prices")), []
    for share, name in names_of(parameters.quantiles).items():
        low, high = interval(prices, _N, share, parameters.confidence_level)
        figures = (quantile(prices, _N, share), low, high)
        told += [figure.alias(name + end) for figure, end in zip(figures, _ENDS, strict=True)]
    return told


def _own(
    sales: pl.DataFrame, cells: pl.DataFrame, keys: Sequence[str], parameters: PriceDistributionParameters
) -> Flags:
    """Tell of each cell whether its tiers are cut at quantiles of its very sales: it may be its group's only one."""
    if parameters.tier_edges is not None or parameters.tier_basis == "period":
        return np.full(cells.height, parameters.tier_edges is None)
    whole = sales.group_by("group_code").agg(pl.len().alias("all"))
    joined = cells.select(*keys, "sales_volume").join(whole, on="group_code", how="left", maintain_order="left")
    return (joined["sales_volume"] == joined["all"]).to_numpy()


def _cuts(
    sales: pl.DataFrame, cells: pl.DataFrame, keys: Sequence[str], parameters: PriceDistributionParameters
) -> pl.DataFrame:
    """Return where the tiers of each group are cut, or of each cell where every period has its own."""
    by = list(keys) if parameters.tier_basis == "period" else ["group_code"]
    whole = cells if by == list(keys) else sales.group_by(by).agg(pl.col("sale_price").sort().alias("prices"))
    return with_cuts(whole, parameters).select(*by, pl.col("^tier_.*_high$"))


def schema_of(parameters: PriceDistributionParameters) -> Mapping[str, pl.DataType]:
    """Name the figures of a point, in their order."""
    quantiles = [f"{name}{end}" for name in names_of(parameters.quantiles).values() for end in _ENDS]
    return {
        "sales_volume": pl.Int64(),
        "dollar_volume": pl.Float64(),
        **dict.fromkeys((*quantiles, *GINI), pl.Float64()),
        **dict(columns_of(number_of(parameters))),
        "suppressed": pl.Boolean(),
    }
