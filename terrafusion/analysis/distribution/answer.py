"""The distribution of prices: from a county's records to its answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.cells import critical_value, needed_for_interval
from terrafusion.analysis.comparison import between_ends
from terrafusion.analysis.distribution.concentration import GINI, LEAST_FOR_AN_INTERVAL
from terrafusion.analysis.distribution.findings import Told, key_finding
from terrafusion.analysis.distribution.parameters import PriceDistributionParameters
from terrafusion.analysis.distribution.points import names_of, points_of, schema_of
from terrafusion.analysis.survey import Survey, stacked, survey

_METHOD: Final = (
    "quantiles of type 7 with order-statistic intervals; Gini coefficient with the jackknife's error and a "
    "t-interval of its inverse; shares of sales by Wilson's interval, of dollars by influence"
)
_CHECK: Final = "gini_lognormal: the Gini coefficient of a lognormal with the same standard deviation of ln S"
_ENDS: Final = ("", "_ci_low", "_ci_high")
_GINI_DIFFERENCE: Final = [f"gini_difference{end}" for end in _ENDS]


@dataclass(frozen=True, slots=True)
class _Figures:
    points: pl.DataFrame
    groups: pl.DataFrame
    """Each group over the whole span, and the changes from its first to its last full period."""


def price_distribution(records: Records, parameters: PriceDistributionParameters, progress: Progress) -> Answer:
    """Answer how prices are spread in each group and period; raises InvalidParameters where the records cannot."""
    progress(0.0, "Reading sales")
    surveyed = survey(records, parameters, (), across_pauses=True)
    progress(0.3, "Measuring the distributions")
    found = _figures(surveyed, parameters)
    progress(0.7, "Measuring all sales together")
    overall = found if len(surveyed.market.labels) == 1 else _figures(surveyed.together(), parameters)
    told, figures = _headline(surveyed, overall, parameters)
    return Answer(
        summary={
            **surveyed.summary(key_finding(told), method=_METHOD, cross_check=_CHECK),
            "quantiles": list(parameters.quantiles),
            "tier_basis": "edges" if parameters.tier_edges is not None else parameters.tier_basis,
            **figures,
            **provenance(records, parameters),
        },
        data_quality=surveyed.quality(found.points),
        warnings=[*surveyed.warnings(), *_cautions(found.points, parameters)],
        rows=found.points,
        table=stacked(point=found.points, group=found.groups),
    )


def _figures(surveyed: Survey, parameters: PriceDistributionParameters) -> _Figures:
    sales = surveyed.market.sales.select("group_code", "ordinal", "sale_price")
    points = surveyed.named(points_of(sales, ["group_code", "ordinal"], parameters))
    totals = points_of(sales, ["group_code"], parameters)
    names = names_of(parameters.quantiles).values()
    moved = between_ends(points, ["group"], {name: (f"{name}_ci_low", f"{name}_ci_high") for name in names})
    joined = surveyed.labels().join(totals, on="group_code", maintain_order="left").drop("group_code")
    for changes in (moved, _gini_differences(points, parameters.confidence_level)):
        joined = joined.join(changes, on="group", how="left", maintain_order="left")
    return _Figures(points, joined)


def _gini_differences(points: pl.DataFrame, confidence_level: float) -> pl.DataFrame:
    """Return each group's change of the Gini coefficient between two independent samples, in points of it."""
    full = points.filter(~pl.col("partial") & ~pl.col("suppressed"))
    gini, error = pl.col("gini"), pl.col("gini_standard_error")
    change = gini.last() - gini.first()
    enough = pl.min_horizontal(pl.col("sales_volume").first(), pl.col("sales_volume").last()) >= LEAST_FOR_AN_INTERVAL
    spread = (error.first() ** 2 + error.last() ** 2).sqrt()
    reach = pl.when(enough).then(critical_value(confidence_level) * spread)
    told = zip(_GINI_DIFFERENCE, (change, change - reach, change + reach), strict=True)
    several = pl.len() > 1
    return full.group_by("group", maintain_order=True).agg(
        pl.when(several).then(figure).alias(name) for name, figure in told
    )


def _headline(
    surveyed: Survey, overall: _Figures, parameters: PriceDistributionParameters
) -> tuple[Told, dict[str, Any]]:
    groups = overall.groups
    whole = groups.row(0, named=True) if groups.height else dict.fromkeys(groups.columns)
    latest = overall.points.filter(~pl.col("partial") & ~pl.col("suppressed")).tail(1)
    point = latest.row(0, named=True) if latest.height else None
    told = Told(
        county_id=surveyed.records.county_id,
        sales=surveyed.selection.used.height,
        min_sales=parameters.min_sales,
        confidence_level=parameters.confidence_level,
        quantiles=parameters.quantiles,
        latest=point,
        moved=whole,
    )
    shown = dict.fromkeys(("period", *schema_of(parameters))) if point is None else point
    figures = {
        name: value
        for name, value in whole.items()
        if "_change" in name or "_difference" in name or name.endswith("_period")
    }
    figures |= {f"latest_{name}": shown[name] for name in ("period", "sales_volume", *GINI)}
    figures["latest"] = {name: shown[name] for name in ("period", *schema_of(parameters))}
    figures["whole_span"] = {name: whole.get(name) for name in schema_of(parameters)}
    return told, figures


def _cautions(points: pl.DataFrame, parameters: PriceDistributionParameters) -> Iterator[Caution]:
    """Tell which quantiles are told without interval, in how many points, and how many sales one needs."""
    bare = {}
    for share, name in names_of(parameters.quantiles).items():
        count = points.filter(pl.col(name).is_not_null() & pl.col(f"{name}_ci_low").is_null()).height
        if count:
            least = needed_for_interval(parameters.confidence_level, share)
            bare[name] = f"{name} in {count} ({least} sales are needed)"
    if bare:
        message = f"Of {points.height} points some have quantiles without interval: {', '.join(bare.values())}"
        yield Caution("quantile_without_interval", message)
