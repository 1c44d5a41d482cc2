"""How prices and volume moved: one engine for every grouping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.cascade import FALLBACK
from terrafusion.analysis.cells import critical_value, figures
from terrafusion.analysis.comparison import compare
from terrafusion.analysis.crosscheck import by_strata, cross_check, unchecked
from terrafusion.analysis.extension import Trend, extend
from terrafusion.analysis.findings import Headline, headline_numbers, key_finding, of_year_only
from terrafusion.analysis.groups import ALL
from terrafusion.analysis.market import Market, selected
from terrafusion.analysis.parameters import TrendParameters
from terrafusion.analysis.points import CELL, cells_of, points_of
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.reading import read
from terrafusion.analysis.selection import Account

_MEDIANS: Final = "medians with order-statistic intervals"
_HEDONIC: Final = "hedonic time-dummy index by least squares with HC1 standard errors"


@dataclass(frozen=True, slots=True)
class Indexed:
    """The constant-quality indices of the groups and of all sales together, and how they came about."""

    groups: pl.DataFrame
    overall: pl.DataFrame
    characteristics: Sequence[str] = ()
    by_zip: bool = False
    sales: int = 0
    warnings: Sequence[Caution] = ()


def trend(records: Records, parameters: TrendParameters, progress: Progress) -> Answer:
    """Answer how prices and volume moved in each group; raises InvalidParameters where the records cannot."""
    progress(0.0, "Reading sales")
    account, market = selected(read, records, parameters)
    chosen = _design(market, parameters)
    strata = None if chosen is None or chosen.characteristics else by_strata(market)
    market = _spared(market, parameters)
    progress(0.2, "Putting the cells together")
    cells = cells_of(market, parameters)
    indexed = _indexed(chosen, market, parameters, lambda done, doing: progress(0.5 + 0.4 * done, doing))
    progress(0.9, "Comparing the first and the last full period")
    points = points_of(market, cells, indexed.groups)
    rows = compare(points)
    overall = _overall(market, cells, indexed, parameters)
    checked = cross_check(overall, indexed.sales, strata, market, parameters)
    told = Headline(
        county_id=records.county_id,
        sales=account.used,
        min_sales=parameters.min_sales,
        confidence_level=parameters.confidence_level,
        group_name=market.level,
        overall=overall,
        groups=rows,
        checked=checked,
    )
    extended = extend(Trend(points, rows), market, parameters)
    points, rows = extended.points, extended.rows
    summary = _summary(told, market, indexed)
    cautions = [*unchecked(overall, checked), *indexed.warnings, *extended.warnings]
    return Answer(
        summary={**summary, **checked, **extended.told(summary["method"]), **provenance(records, parameters)},
        data_quality=_quality(account, cells, market, parameters),
        warnings=[*of_year_only(account.year_only), *account.warnings, *cautions],
        trends=points if parameters.fallback == "cascade" else points.drop(FALLBACK),
        rows=rows,
        table=points.join(rows, on=extended.keys, how="left", maintain_order="left"),
    )


def _design(market: Market, parameters: TrendParameters) -> indexes.Design | None:
    """Lay the sales out for the index; None where there is none."""
    return None if parameters.index_method == "none" or market.sales.is_empty() else indexes.design(market.sales)


def _spared(market: Market, parameters: TrendParameters) -> Market:
    """Return the market with what cells are made of: all that its sales have beside it is as large as the file."""
    if parameters.tiers or parameters.fallback == "cascade":
        return market
    return replace(market, sales=market.sales.select(*CELL, "sale_price", "unit_price"))


def _indexed(chosen: indexes.Design | None, market: Market, parameters: TrendParameters, progress: Progress) -> Indexed:
    if chosen is None:
        nothing = pl.DataFrame(schema=indexes.SCHEMA)
        return Indexed(nothing, nothing)
    z = critical_value(parameters.confidence_level)
    rules = indexes.Rules(full=market.full, min_sales=parameters.min_sales, z=z)
    groups = indexes.indices(chosen, rules, progress)
    overall = groups if len(market.labels) == 1 else indexes.indices(chosen.as_one_group(), rules, progress)
    warnings = [*chosen.warnings]
    short = len(market.labels) - groups["group_code"].n_unique()
    if short and chosen.characteristics:
        message = f"{short} of {len(market.labels)} groups have too few sales for a constant-quality index"
        warnings.append(Caution("index_too_few_sales", message))
    return Indexed(groups, overall, chosen.characteristics, chosen.by_zip, chosen.sales.height, warnings)


def _overall(market: Market, cells: pl.DataFrame, indexed: Indexed, parameters: TrendParameters) -> dict[str, Any]:
    """Compare the first and the last full period of all sales together; nothing where there are no two."""
    index = indexed.overall.drop("group_code")
    volumes = cells.group_by("ordinal").agg(pl.col("sales_volume").sum()).join(market.calendar, on="ordinal")
    usable = volumes.filter(pl.col("sales_volume") >= parameters.min_sales, ~pl.col("partial"))
    if not index.is_empty():
        usable = usable.join(index, on="ordinal", how="semi")
    if usable.is_empty():
        return {"periods": volumes.height}
    first, last = usable["ordinal"].min(), usable["ordinal"].max()
    sales = market.sales.select("ordinal", "sale_price", "unit_price")
    sales = sales.filter((pl.col("ordinal") == first) | (pl.col("ordinal") == last))
    points = figures(sales, ["ordinal"], confidence_level=parameters.confidence_level)
    named = points.join(market.calendar, on="ordinal").join(index, on="ordinal", how="left").sort("ordinal")
    found = compare(named.with_columns(pl.lit(ALL).alias("group"))).row(0, named=True)
    return {**found, "periods": volumes.height}


def _summary(told: Headline, market: Market, indexed: Indexed) -> dict[str, Any]:
    return {
        "key_finding": key_finding(told),
        "data_points_analyzed": told.sales,
        "method": f"{_MEDIANS}; {_HEDONIC}" if indexed.overall.height else _MEDIANS,
        "period": market.period,
        "group_by": market.level,
        "confidence_level": told.confidence_level,
        **headline_numbers(told),
        "index_sales": indexed.sales,
        "characteristics": list(indexed.characteristics),
        "location_effects": "zip" if indexed.by_zip else "none",
    }


def _quality(account: Account, cells: pl.DataFrame, market: Market, parameters: TrendParameters) -> dict[str, Any]:
    below = parameters.fallback_min_sales
    thin = cells.filter(pl.col("sales_volume") < below).height
    return {
        **data_quality(account, cells=cells.height, thin=thin, thin_below=below),
        "suppressed_cells": int(cells["suppressed"].sum()),
        "partial_periods": market.calendar.filter("partial")["period"].to_list(),
    }
