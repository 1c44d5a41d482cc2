"""What past sales are worth at the valuation date: found, and told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis import periods
from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.groups import ALL, columns_of
from terrafusion.analysis.market import Market, market_of
from terrafusion.analysis.price_index.estimate import FREEDOM, Estimate, nothing
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.selection import Selection, select
from terrafusion.analysis.student import critical_t
from terrafusion.analysis.time_adjustment import findings, span
from terrafusion.analysis.time_adjustment.curves import Curves, by_content, fall
from terrafusion.analysis.time_adjustment.factors import SCHEMA, County, Rules, factors, none
from terrafusion.analysis.time_adjustment.parameters import TimeAdjustmentParameters
from terrafusion.analysis.time_adjustment.records import areas, read
from terrafusion.analysis.timing import valuation_day

_SALE: Final = ("sale_id", "parcel_number", "sale_date", "sale_price")


def time_adjustment(records: Records, parameters: TimeAdjustmentParameters, progress: Progress) -> Answer:
    """Answer with factors by group and period, and every sale's price at the valuation date.

    Raises InvalidParameters where the records cannot serve the request.
    """
    progress(0.0, "Reading sales")
    selection, others = _selected(records, parameters)
    market = market_of(selection.used, parameters, recorded=selection.recorded)
    progress(0.2, "Estimating how prices moved")
    found = _Found(market, parameters, others)
    rows = found.rows
    progress(0.8, "Adjusting the sales")
    adjusted = found.adjusted
    told = findings.Told(records.county_id, parameters, selection, found.summary, rows)
    return Answer(
        summary={
            "key_finding": findings.key_finding(told),
            "data_points_analyzed": selection.used.height,
            **found.summary,
            **provenance(records, parameters),
        },
        data_quality=_quality(selection, rows, market, parameters),
        warnings=[*selection.warnings, *found.warnings, *findings.cautions(told)],
        rows=rows,
        table=pl.concat([_marked(rows, "factor"), _marked(adjusted, "sale")], how="diagonal"),
    )


def _selected(records: Records, parameters: TimeAdjustmentParameters) -> tuple[Selection, list[str]]:
    """Return the sales used, and the areas that those read, which are let go here, or the roll know of."""
    sales = read(records, parameters)
    others = areas(records, sales, parameters)
    return select(sales, parameters, records.profile, groups=columns_of(parameters.group_by)), others


def _marked(table: pl.DataFrame, record: str) -> pl.DataFrame:
    return table.select(pl.lit(record).alias("record"), pl.all())


def _quality(
    selection: Selection, rows: pl.DataFrame, market: Market, parameters: TimeAdjustmentParameters
) -> dict[str, Any]:
    cells = rows.filter(pl.col("observations") > 0)
    thin, below = cells.filter(pl.col("observations") < parameters.min_sales).height, parameters.min_sales
    return {
        **data_quality(selection.account(), cells=cells.height, thin=thin, thin_below=below),
        "imputed_cells": int(rows["imputed"].sum()),
        "partial_periods": market.calendar.filter("partial")["period"].to_list(),
    }


@dataclass(frozen=True)
class _Found:
    """The factors of a market whose sales have a ``value``; ``others`` are areas that may have no sale."""

    market: Market
    parameters: TimeAdjustmentParameters
    others: list[str]

    @cached_property
    def curves(self) -> Curves:
        return Curves(self.market, self.parameters)

    @cached_property
    def day(self) -> date | None:
        return valuation_day(self.market.sales, self.parameters)

    @cached_property
    def estimate(self) -> Estimate:
        """The index of all sales together."""
        count = self.market.calendar.height
        return self.curves.county() if count else nothing(np.zeros(0, np.int64), 0)

    @cached_property
    def wanted(self) -> int:
        """The place of the valuation's period, which may lie beyond the sales."""
        begin = int(self.market.calendar["ordinal"][0])
        return int(periods.numbers(pl.Series([self.day], dtype=pl.Date), self.market.period)[0]) - begin

    @cached_property
    def county(self) -> County | None:
        if not self.market.calendar.height:
            return None
        return County.of(self.estimate, self.wanted, self.least)

    @property
    def least(self) -> int:
        return span.least(self.parameters.method, self.parameters.min_sales)

    @property
    def z(self) -> float:
        return critical_value(self.parameters.confidence_level)

    @cached_property
    def placed(self) -> pl.DataFrame:
        """The rows of `factors.SCHEMA`."""
        count = self.market.calendar.height
        names = sorted({*self.market.labels, *self.others}) if count else []
        if self.county is None:
            return none(names, count)
        own = dict(zip(self.market.labels, self._groups(), strict=True))
        bare = nothing(np.zeros(count, np.int64), 0)
        rules = Rules(pooling=self.parameters.pooling, z=self.z, least=self.least)
        return factors({name: own.get(name, bare) for name in names}, self.county, rules)

    def _groups(self) -> list[Estimate]:
        return [self.estimate] if len(self.market.labels) == 1 and not self.others else self.curves.groups()

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The factors, with their periods named."""
        calendar = self.market.calendar.with_row_index("place").with_columns(pl.col("place").cast(pl.Int64))
        named = self.placed.join(calendar, on="place", how="left", maintain_order="left")
        first = ["group", "period", "period_start", "period_end", "partial"]
        return named.select(*first, *(name for name in SCHEMA if name not in {"group", "place"}))

    @cached_property
    def adjusted(self) -> pl.DataFrame:
        """Every sale with its factor and ``time_adjusted_price``, both null where no factor can be told."""
        calendar = self.market.calendar.select("ordinal", "period")
        labels = self.market.labels.to_frame("group").with_row_index("group_code").cast({"group_code": pl.Int32})
        sales = self.market.sales.select("group_code", "ordinal", *_SALE, "value")
        sales = sales.join(labels, on="group_code", how="left").join(calendar, on="ordinal", how="left")
        keys = ["group", "period"]
        told = sales.join(self.rows.select(*keys, "factor", "ci_low", "ci_high"), on=keys, how="left")
        columns = [*_SALE, *keys, "factor", "ci_low", "ci_high"]
        worth = (pl.col("sale_price") * pl.col("factor")).alias("time_adjusted_price")
        return told.select(*columns, worth, "value").sort(
            "group", "sale_date", "parcel_number", "sale_id", "sale_price"
        )

    @cached_property
    def summary(self) -> dict[str, Any]:
        asked, county = self.parameters, self.county
        return {
            "method": span.title(asked.method),
            "method_name": asked.method,
            "pooling": asked.pooling,
            "period": self.market.period,
            "group_by": self.market.level,
            "confidence_level": asked.confidence_level,
            "valuation_date": None if self.day is None else self.day.isoformat(),
            "valuation_period": None if county is None else self.market.calendar["period"][county.to],
            "periods_beyond": 0 if county is None else self.wanted - county.to,
            "observations": self.estimate.used,
            **self._headline(),
            **self._slopes(),
            "groups": self.rows["group"].n_unique(),
            "groups_with_own_factors": self.rows.filter(pl.col("weight") > 0)["group"].n_unique(),
        }

    def _headline(self) -> Mapping[str, Any]:
        county = self.county
        first = None if county is None else span.first_full(self.curves, county)
        own = None
        if county is not None and first is not None:
            ends = (first, county.to)
            own = span.change(self.estimate, least=self.least, span=ends, z=self.z)
        if county is None or first is None or own is None:
            return {"first_period": None, "factor": None, **span.no_change("change"), **span.NO_CHECK}
        return {
            "first_period": self.market.calendar["period"][first],
            "factor": 1 + own.per_cent / 100,
            **own.named("change"),
            **span.cross_check(self.curves, (first, county.to), own, self.z),
        }

    def _slopes(self) -> Mapping[str, Any]:
        """Slope of ln(value / price) on time, a year: with prices as recorded, and as adjusted."""
        known = by_content(self.adjusted.filter(pl.col("value") > 0, pl.col("factor").is_not_null()))
        enough = known.height >= max(self.parameters.min_sales, findings.LEAST_FOR_A_SLOPE)
        found: dict[str, Any] = {"time_slope_sales": known.height}
        for name, price in (("time_slope", "sale_price"), ("adjusted_time_slope", "time_adjusted_price")):
            level = self.parameters.confidence_level
            slope, error = fall(known, known[price].to_numpy()) if enough else (math.nan, math.nan)
            reach = critical_t(level, max(known.height - 2, 0)) * error
            told = (slope, slope - reach, slope + reach)
            ends = zip(("", "_ci_low", "_ci_high"), told, strict=True)
            found |= {f"{name}{end}": figure if math.isfinite(figure) else None for end, figure in ends}
        return found

    @cached_property
    def warnings(self) -> list[Caution]:
        return list(self._warnings())

    def _warnings(self) -> Iterator[Caution]:
        if not self.market.calendar.height:
            return
        yield from self.curves.warnings(self.estimate)
        if self.county is None:
            need = f"{FREEDOM} more than the fit has parameters, and a period with {self.parameters.min_sales}"
            what = span.unit(self.parameters.method)
            message = f"No factor can be told: there are {self.estimate.used} {what}; needed are {need}"
            yield Caution("too_few_observations", message)
        if set(self.market.labels) != {ALL} and self.estimate.used:
            yield from findings.of_areas(self.placed, self.parameters)
