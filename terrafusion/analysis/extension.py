"""What a trend holds beyond its points when asked: price tiers, and seasonally adjusted figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.api import Caution
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.comparison import compare
from terrafusion.analysis.market import Market
from terrafusion.analysis.parameters import TrendParameters
from terrafusion.analysis.points import cells_of, points_of
from terrafusion.analysis.seasonal import FIGURES, adjusted
from terrafusion.analysis.tiers import PREDICTED, PRICE, TIER, with_tiers

_BY: Final = {
    PREDICTED: "tiers by the price that characteristics predict, within each group",
    PRICE: "tiers by price within each group and period",
}
_SEASONS: Final = "seasonal factors by robust STL of logs"


@dataclass(frozen=True, slots=True)
class Trend:
    """Points and the row of each group, and what is to be told of how they came about."""

    points: pl.DataFrame
    rows: pl.DataFrame
    methods: Sequence[str] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[Caution] = ()

    @property
    def keys(self) -> list[str]:
        """What tells the rows apart."""
        return [name for name in ("group", TIER) if name in self.rows.columns]

    def told(self, method: str) -> dict[str, Any]:
        """Return what the summary says of it; nothing where nothing was asked for."""
        return {"method": "; ".join([method, *self.methods]), **self.numbers} if self.methods else {}


def extend(whole: Trend, market: Market, parameters: TrendParameters) -> Trend:
    """Add what was asked for beyond the points of all sales; nothing by default."""
    found = _with_tiers(whole, market, parameters) if parameters.tiers else whole
    return _with_seasons(found, market) if parameters.seasonal_adjust else found


def _with_tiers(whole: Trend, market: Market, parameters: TrendParameters) -> Trend:
    """Put the points of every tier after those of all sales of its group, which are tier 0."""
    predict = parameters.index_method == "hedonic" and not market.sales.is_empty()
    sales, basis = with_tiers(market.sales, parameters.tiers, predict=predict)
    parts = [(whole.points, whole.rows)]
    for tier in range(1, parameters.tiers + 1):
        part = replace(market, sales=sales.filter(pl.col(TIER) == tier).drop(TIER))
        points = points_of(part, cells_of(part, parameters), _index(part, parameters, basis))
        parts.append((points, compare(points)))
    points, rows = (
        pl.concat(_told(frame, tier) for tier, frame in enumerate(frames)) for frames in zip(*parts, strict=True)
    )
    left_out = sales[TIER].null_count()
    return Trend(
        points.sort("group", TIER, maintain_order=True),
        rows.sort("group", TIER, maintain_order=True),
        [_BY[basis]],
        {"tiers": parameters.tiers, "tier_basis": basis, "tier_sales_left_out": left_out},
        list(_tier_cautions(basis, left_out)),
    )


def _told(frame: pl.DataFrame, tier: int) -> pl.DataFrame:
    """Add the tier after the group."""
    first, *others = frame.columns
    return frame.select(first, pl.lit(tier, pl.Int32).alias(TIER), *others)


def _index(market: Market, parameters: TrendParameters, basis: str) -> pl.DataFrame:
    """Return the index of a tier's groups; none of tiers by price, for who sorts by price cannot hold quality constant."""
    if basis == PRICE or market.sales.is_empty():
        return pl.DataFrame(schema=indexes.SCHEMA)
    z = critical_value(parameters.confidence_level)
    rules = indexes.Rules(full=market.full, min_sales=parameters.min_sales, z=z)
    return indexes.indices(indexes.design(market.sales), rules, lambda _done, _doing: None)


def _tier_cautions(basis: str, left_out: int) -> Iterator[Caution]:
    if basis == PRICE:
        message = (
            "Tiers are parted by price within each period: their changes are those of quantile bands, which follow "
            "the mix of what sold, and they have no index"
        )
        yield Caution("tiers_by_price", message)
    if left_out:
        yield Caution("tiers_left_out", f"{left_out} sales lack a characteristic and are in no tier")


def _with_seasons(found: Trend, market: Market) -> Trend:
    points = found.points.with_columns(pl.lit(None, pl.Float64).alias(f"{figure}_sa") for figure in FIGURES)
    if market.period == "year":
        caution = Caution("seasonal_years", "The periods are years, which have no seasons: nothing is adjusted")
        return replace(found, points=points, methods=[*found.methods, _SEASONS], warnings=[*found.warnings, caution])
    points, measures, cautions = adjusted(found.points, market.period)
    rows = found.rows.join(measures, on=found.keys, how="left", maintain_order="left")
    seasons = {f"{figure}_series_seasonal": int(measures[f"{figure}_seasonal"].sum()) for figure in FIGURES}
    return Trend(
        points,
        rows,
        [*found.methods, _SEASONS],
        {**found.numbers, "seasonal_adjust": True, **seasons},
        [*found.warnings, *cautions],
    )
