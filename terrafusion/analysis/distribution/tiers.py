"""Price tiers: how many of the sales, and of the dollars, lie in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Flags, Floats
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.distribution.concentration import LEAST_FOR_AN_INTERVAL
from terrafusion.analysis.distribution.parameters import PriceDistributionParameters
from terrafusion.analysis.proportions import wilson

_SUMS: Final = ("count", "dollars", "squares")


def columns_of(tiers: int) -> Iterator[tuple[str, pl.DataType]]:
    """Name the columns of all tiers and their kinds; tier 1 is the cheapest."""
    for tier in range(1, tiers + 1):
        if tier < tiers:
            yield f"tier_{tier}_high", pl.Float64()
        yield f"tier_{tier}_count", pl.Int64()
        for share in ("count_share", "dollar_share"):
            yield from ((f"tier_{tier}_{share}{end}", pl.Float64()) for end in ("", "_ci_low", "_ci_high"))


def number_of(parameters: PriceDistributionParameters) -> int:
    """Return how many tiers there are."""
    return parameters.tiers if parameters.tier_edges is None else len(parameters.tier_edges) + 1


def with_cuts(cells: pl.DataFrame, parameters: PriceDistributionParameters) -> pl.DataFrame:
    """Add ``tier_1_high``, ...: quantiles of type 7 of the cell's sorted ``prices``, or the edges asked for."""
    if parameters.tier_edges is not None:
        edges = [pl.lit(edge).alias(f"tier_{place}_high") for place, edge in enumerate(parameters.tier_edges, 1)]
        return cells.with_columns(edges)
    parts = parameters.tiers
    return cells.with_columns(_cut(part, parts).alias(f"tier_{part}_high") for part in range(1, parts))


def _cut(part: int, parts: int) -> pl.Expr:
    """Quantile part/parts; its place is found in whole numbers, so that a price on the cut is on it."""
    prices = pl.col("prices")
    place = (prices.list.len().cast(pl.Int64) - 1) * part
    below = prices.list.get(place // parts)
    above = prices.list.get((place + parts - 1) // parts)
    return below + (above - below) * ((place % parts) / parts)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of each cell (rows) and tier (columns): sales, dollars and squared dollars; and the cuts between tiers."""

    count: Floats
    dollars: Floats
    squares: Floats
    cuts: Floats


def tiers_of(
    cells: pl.DataFrame, keys: Sequence[str], cuts: pl.DataFrame, *, own: Flags, confidence_level: float
) -> pl.DataFrame:
    """Return ``keys`` and `columns_of` every cell; ``cuts`` has ``tier_1_high``, ... for some of the keys.

    ``own`` says of each cell that the cuts are quantiles of the very sales that they cut.
    """
    names = [name for name in cuts.columns if name.startswith("tier_")]
    joined = cells.select(*keys, "prices").join(cuts, on=[name for name in keys if name in cuts.columns])
    sold = joined.explode("prices").select(
        *keys,
        pl.col("prices").alias("price"),
        pl.sum_horizontal(pl.col("prices") > pl.col(name) for name in names).alias("tier"),
    )
    by_tier = sold.group_by(*keys, "tier", maintain_order=True).agg(
        pl.len().alias("count"),
        pl.col("price").implode().list.sum().alias("dollars"),
        (pl.col("price") ** 2).implode().list.sum().alias("squares"),
    )
    wide = joined.select(*keys, *names)
    for tier in range(len(names) + 1):
        here = by_tier.filter(pl.col("tier") == tier).select(*keys, pl.col(_SUMS).name.suffix(f"_{tier}"))
        wide = wide.join(here, on=keys, how="left", maintain_order="left")
    counts, dollars, squares = (_matrix(wide, [f"{name}_{tier}" for tier in range(len(names) + 1)]) for name in _SUMS)
    sums = _Sums(counts, dollars, squares, _matrix(wide, names))
    told = _told(sums, critical_value(confidence_level), own=own)
    table = pl.DataFrame(told, schema=dict(columns_of(len(names) + 1)))
    return pl.concat([wide.select(keys), table.with_columns(pl.col(pl.Float64).fill_nan(None))], how="horizontal")


def _matrix(table: pl.DataFrame, names: list[str]) -> Floats:
    columns = [table[name].fill_null(0).cast(pl.Float64).to_numpy() for name in names]
    return np.column_stack(columns)


def _told(sums: _Sums, z: float, *, own: Flags) -> dict[str, Floats]:
    tiers = sums.count.shape[1]
    told: dict[str, Floats] = {f"tier_{place}_high": cut for place, cut in enumerate(sums.cuts.T, 1)}
    for tier in range(tiers):
        name = f"tier_{tier + 1}"
        told[f"{name}_count"] = sums.count[:, tier].astype(np.int64)
        counts = _count_share(sums, tier, z, fixed=own)
        dollars = _dollar_share(sums, tier, z, own=own)
        for share, figures in (("count_share", counts), ("dollar_share", dollars)):
            told |= {
                f"{name}_{share}{end}": figure for end, figure in zip(("", "_ci_low", "_ci_high"), figures, strict=True)
            }
    return {name: told[name] for name, _ in columns_of(tiers)}


def _count_share(sums: _Sums, tier: int, z: float, *, fixed: Flags) -> tuple[Floats, Floats, Floats]:
    """Return a tier's share of the sales with its interval; none where the cuts themselves fix the share."""
    count, n = sums.count[:, tier], sums.count.sum(axis=1)
    low, high = (np.where(fixed, np.nan, ends) for ends in wilson(count, n, z))
    return count / n, low, high


def _dollar_share(sums: _Sums, tier: int, z: float, *, own: Flags) -> tuple[Floats, Floats, Floats]:
    """Return a tier's share of the dollars, with a normal interval from each sale's influence on it.

    With cuts given beforehand that is the ratio estimator of Cochran 1977, 6.4; with quantiles of the same sales, an
    ordinate of the Lorenz curve less the one before (Beach and Davidson 1983). In either case the influence of a price
    is a line, alpha + beta price, in each tier, so sums by tier suffice.
    """
    n, total = sums.count.sum(axis=1), sums.dollars.sum(axis=1)
    share = sums.dollars[:, tier] / total
    beta = np.repeat(-share[:, None], sums.count.shape[1], axis=1)
    beta[:, tier] += 1
    alpha = np.zeros_like(beta)
    edges = np.where(own[:, None], np.column_stack([np.zeros(len(n)), sums.cuts, np.zeros(len(n))]), 0.0)
    alpha[:, tier] = -edges[:, tier + 1]
    alpha[:, :tier] = (edges[:, tier] - edges[:, tier + 1])[:, None]
    centre = (alpha * sums.count + beta * sums.dollars).sum(axis=1) / n
    alpha -= centre[:, None]
    squares = (alpha**2 * sums.count + 2 * alpha * beta * sums.dollars + beta**2 * sums.squares).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = z * np.sqrt(np.maximum(squares, 0) * n / (n - 1)) / total
    reach[n < LEAST_FOR_AN_INTERVAL] = np.nan
    return share, np.maximum(share - reach, 0), np.minimum(share + reach, 1)
