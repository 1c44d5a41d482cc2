"""One constant-quality index: what the methods found, told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.findings import Headline, counted, followed_by, headline_numbers, key_finding, of_year_only
from terrafusion.analysis.indexes import CHARACTERISTICS
from terrafusion.analysis.market import Market, selected
from terrafusion.analysis.price_index import cautions, tables
from terrafusion.analysis.price_index.engine import LOCATIONS, Engine
from terrafusion.analysis.price_index.outline import Outline, Sight, Span, outlined
from terrafusion.analysis.price_index.parameters import HEDONIC, REPEAT, Method, PriceIndexParameters
from terrafusion.analysis.price_index.requirements import allowed, location_cautions, read
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.selection import Account
from terrafusion.errors import InvalidParameters

TITLES: Final[Mapping[Method, str]] = {
    "bmn": "repeat sales by least squares (Bailey, Muth and Nourse 1963)",
    "case_shiller": "repeat sales weighted by the gap between sales (Case and Shiller 1987)",
    "robust": "repeat sales by Huber's robust regression, k = 1.345",
    "arithmetic": "value-weighted arithmetic repeat sales (Shiller 1991)",
    "hedonic_time_dummy": "hedonic time-dummy regression",
    "hedonic_imputation": "hedonic imputation, Fisher index of Laspeyres and Paasche",
    "stratified_median": "medians of areas and types with fixed weights",
}


@dataclass(frozen=True, slots=True)
class _Found:
    """What a method found: of the groups, and of all sales together."""

    groups: Sequence[Outline]
    overall: Outline
    """With the change over the headline's span, which is that of the first method that has one."""


def price_index(records: Records, parameters: PriceIndexParameters, progress: Progress) -> Answer:
    """Answer with one index for each group; raises InvalidParameters where the records cannot serve the request."""
    progress(0.0, "Reading sales")
    methods = _methods(records, parameters)
    account, market = selected(read, records, parameters)
    engine = Engine.of(market, parameters, parameters.train_periods)
    if set(methods) & set(HEDONIC):
        engine = engine.spared()
        market = replace(market, sales=engine.sales)
    progress(0.2, "Estimating the index")
    sight = _sight(market, parameters)
    found, refused = _estimates(engine, methods, sight)
    progress(0.8, "Putting the figures together")
    return _Teller(records, parameters, account, market, engine, sight, found, refused).answer()


def _sight(market: Market, parameters: PriceIndexParameters) -> Sight:
    return Sight(
        z=critical_value(parameters.confidence_level),
        confidence_level=parameters.confidence_level,
        min_sales=parameters.min_sales,
        full=~market.calendar["partial"].to_numpy(),
    )


def _methods(records: Records, parameters: PriceIndexParameters) -> list[Method]:
    """Name the methods to compute, the one asked for first."""
    columns = records.sales.select("parcel_number", *CHARACTERISTICS)
    others = allowed(columns.collect()) if parameters.compare else ()
    return [parameters.method, *(method for method in others if method != parameters.method)]


def _estimates(engine: Engine, methods: Sequence[Method], sight: Sight) -> tuple[dict[Method, _Found], list[Caution]]:
    """Estimate by every method; one that refuses is left out, unless it is the one asked for, the first."""
    together = engine if engine.groups == 1 else engine.as_one_group()
    found: dict[Method, _Found] = {}
    refused: list[Caution] = []
    span: Span | None = None
    for method in methods:
        try:
            (overall,) = together.of_each(method, partial(outlined, sight=sight, span=span))
            groups = [overall] if together is engine else engine.of_each(method, partial(outlined, sight=sight))
        except InvalidParameters as error:
            if not found:
                raise
            refused.append(Caution("method_refused", f"{method} is not compared: {error}"))
            continue
        found[method] = _Found(groups, overall)
        span = overall.span
    return found, refused


@dataclass(frozen=True, slots=True)
class _Teller:
    """Everything that was asked and found, and how it is told."""

    records: Records
    parameters: PriceIndexParameters
    account: Account
    market: Market
    engine: Engine
    sight: Sight
    found: Mapping[Method, _Found]
    refused: Sequence[Caution]

    @property
    def chosen(self) -> _Found:
        return self.found[self.parameters.method]

    @property
    def span(self) -> Span | None:
        """The span over which all methods are compared."""
        return next((one.overall.span for one in self.found.values() if one.overall.span), None)

    def answer(self) -> Answer:
        rows, groups = self._rows(), self._groups()
        return Answer(
            summary=self._summary(groups),
            data_quality=self._quality(rows),
            warnings=list(self._warnings()),
            rows=rows,
            table=self._table(rows, groups),
        )

    def _rows(self) -> pl.DataFrame:
        begin, sight = self.engine.begin, self.sight
        rows = tables.index_rows(self.chosen.groups, begin, sight)
        if self.parameters.compare:
            beside = tables.side_by_side({name: one.groups for name, one in self.found.items()}, begin, sight)
            rows = rows.join(beside, on=["group_code", "ordinal"], how="left", maintain_order="left")
        labels = self.market.labels.to_frame("group").with_row_index("group_code").cast({"group_code": pl.Int32})
        named = rows.join(labels, on="group_code", how="left", maintain_order="left")
        dated = named.join(self.market.calendar, on="ordinal", how="left", maintain_order="left")
        first = ["group", "period", "period_start", "period_end", "partial"]
        method = pl.lit(self.parameters.method).alias("method")
        return dated.select(*first, method, pl.exclude(*first, "group_code", "ordinal"))

    def _groups(self) -> pl.DataFrame:
        """Return one row a group: its change, the raw median's, and the index's measures."""
        compared = tables.changes(self.chosen.groups, self.market, self.sight)
        measured = [outline.measures for outline in self.chosen.groups]
        kinds = {
            "used": pl.Int64,
            "volatility_mean": pl.Float64,
            "volatility_median": pl.Float64,
            "revision_mean": pl.Float64,
            "revision_median": pl.Float64,
            "revision_abs_mean": pl.Float64,
            "revisions": pl.Int64,
        }
        return pl.concat([compared, pl.DataFrame(measured, schema=kinds)], how="horizontal")

    def _table(self, rows: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
        """Stack the rows of the index, of the groups and of the pairs; ``record`` tells which is which."""
        parts = [_marked(rows, "index"), _marked(groups, "group")]
        begin = self.engine.begin
        repeat = next((name for name in self.found if name in REPEAT), None)
        if repeat is not None:
            pairs = tables.pair_rows(self.engine.pairs, self.found[repeat].groups, self.market, begin)
            parts.append(_marked(pairs, "pair"))
        return pl.concat(parts, how="diagonal")

    def _summary(self, groups: pl.DataFrame) -> dict[str, Any]:
        method, overall = self.parameters.method, replace(self.chosen.overall, span=self.span)
        compared = self._overall(overall, groups)
        told = Headline(
            county_id=self.records.county_id,
            sales=self.account.used,
            min_sales=self.parameters.min_sales,
            confidence_level=self.parameters.confidence_level,
            group_name=self.market.level,
            overall=compared.row(0, named=True) if compared.height else {},
            groups=groups,
            moves=followed_by(method),
        )
        repeat = method in REPEAT
        return {
            "key_finding": self._finding(told),
            "data_points_analyzed": told.sales,
            "method": TITLES[method],
            "method_name": method,
            "errors": self._errors(),
            "cross_check": "raw median",
            "period": self.market.period,
            "group_by": self.market.level,
            "confidence_level": told.confidence_level,
            **headline_numbers(told),
            "pairs_used": overall.used if repeat else None,
            "sales_used": None if repeat else overall.used,
            **{name: value for name, value in overall.measures.items() if name != "used"},
            **overall.told,
            **self._held(),
            **self._comparison(),
            **provenance(self.records, self.parameters),
        }

    def _overall(self, overall: Outline, groups: pl.DataFrame) -> pl.DataFrame:
        """Compare all sales together, which may be the one group that there is."""
        if not self.market.group_by and overall.span == self.chosen.overall.span:
            return groups
        return tables.changes([overall], tables.whole(self.market), self.sight) if groups.height else pl.DataFrame()

    def _finding(self, told: Headline) -> str:
        method, used = self.parameters.method, self.chosen.overall.used
        what = "pair" if method in REPEAT else "sale"
        rests = f" The index rests on {counted(used, what)}: {TITLES[method]}." if used else ""
        if told.sales and told.overall.get("constant_quality_change_pct") is None:
            found = counted(told.sales, "sale")
            return (
                f"In {told.county_id} the request selects {found}; no two full periods have {told.min_sales} or more "
                f"{'sales in pairs' if what == 'pair' else 'sales'} and an index to compare.{rests}"
            )
        return f"{key_finding(told)}{rests}" if told.sales else key_finding(told)

    def _errors(self) -> str:
        method, robust = self.parameters.method, self.parameters.robust_errors
        if method == "stratified_median":
            return "order statistics about the median of each stratum (McKean and Schrader 1984)"
        common = "one variance of all errors"
        if not robust:
            return common
        said = "clustered by parcel (CR1)" if method in REPEAT else "HC1"
        pooled, periods = cautions.pooled_periods(self.chosen.groups, self.parameters)
        return f"{said}; in {pooled} of {periods} periods {common}" if pooled else said

    def _held(self) -> dict[str, Any]:
        """Say what is held constant, for the methods that hold something."""
        held: dict[str, Any] = {}
        if set(self.found) & set(HEDONIC):
            asked = self.parameters.location_effects
            apart = self.engine.design.by_zip
            held |= {
                "characteristics": list(self.engine.design.characteristics),
                "location_effects": asked if apart else "none",
            }
        if "stratified_median" in self.found:
            held["strata_by"] = self.engine.strata
        return held

    def _comparison(self) -> dict[str, Any]:
        """Put the methods' changes over the headline's span side by side, and say how far they are apart."""
        if not self.parameters.compare or self.span is None:
            return {"comparison": [], "disagreement_pct_points": None} if self.parameters.compare else {}
        compared: list[dict[str, Any]] = [
            {
                "method": name,
                **one.overall.change,
                **one.overall.measures,
                "difference_pct_points": None,
            }
            for name, one in self.found.items()
        ]
        own = compared[0]["change_pct"]
        for line in compared:
            if own is not None and line["change_pct"] is not None:
                line["difference_pct_points"] = line["change_pct"] - own
        known = sorted((line["change_pct"], line["method"]) for line in compared if line["change_pct"] is not None)
        return {
            "comparison": compared,
            "disagreement_pct_points": known[-1][0] - known[0][0],
            "lowest_method": known[0][1],
            "highest_method": known[-1][1],
        }

    def _quality(self, rows: pl.DataFrame) -> dict[str, Any]:
        cells = rows.filter(pl.col("observations") > 0)
        thin, below = int(cells["thin"].sum()), self.parameters.min_sales
        quality = {
            **data_quality(self.account, cells=cells.height, thin=thin, thin_below=below),
            "imputed_cells": int(rows["imputed"].sum()),
            "partial_periods": self.market.calendar.filter("partial")["period"].to_list(),
        }
        if set(self.found) & set(REPEAT):
            quality["pairs_formed"] = self.engine.pairs.height
        return quality

    def _warnings(self) -> Iterator[Caution]:
        yield from of_year_only(self.account.year_only)
        yield from self.account.warnings
        if set(self.found) & set(HEDONIC):
            yield from self.engine.design.warnings
        place = LOCATIONS[self.parameters.location_effects]
        yield from location_cautions(self.market.sales, list(self.found), place)
        if "stratified_median" in self.found:
            yield from cautions.of_types(self.engine.joined_types)
        if list(self.found) == ["stratified_median"] and not self.engine.strata and self.span:
            yield cautions.UNCHECKED
        if self.account.used:
            yield from cautions.of_span(self.found, self.engine.periods, self.market.period)
            yield from cautions.of_outlines(self.chosen.groups, self.parameters)
            yield from cautions.of_weights(self.chosen.overall.told, self.parameters)
        yield from self.refused


def _marked(table: pl.DataFrame, record: str) -> pl.DataFrame:
    return table.select(pl.lit(record).alias("record"), pl.all())
