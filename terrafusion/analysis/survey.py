"""A county's sales read, selected and told apart by group and period, and what every answer says of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from terrafusion.analysis.api import Caution, Records
from terrafusion.analysis.findings import of_years
from terrafusion.analysis.groups import ALL, columns_of
from terrafusion.analysis.market import Market, market_of
from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.reading import read_columns, refuse_fine_groups
from terrafusion.analysis.selection import Selection, leave_out, select
from terrafusion.analysis.unrecorded import unrecorded


@dataclass(frozen=True, slots=True)
class Survey:
    """The sales of a request, told apart, and the request."""

    records: Records
    parameters: SharedParameters
    selection: Selection
    market: Market
    recorded: pl.Series
    """The days of all the county's sales."""

    def by_month(self) -> Survey:
        """Return the same sales told apart by month."""
        if self.market.period == "month":
            return self
        asked = self.parameters.model_copy(update={"period": "month"})
        months = market_of(self.selection.used, asked, recorded=self.recorded)
        sales = self.market.sales.with_columns(months.sales["ordinal"])
        return replace(self, market=replace(self.market, sales=sales, period="month", calendar=months.calendar))

    def together(self) -> Survey:
        """Return the same sales as one group."""
        market = self.market
        sales = market.sales.with_columns(pl.lit(0, pl.Int32).alias("group_code"))
        labels = pl.Series([ALL] if sales.height else [], dtype=pl.String)
        return replace(self, market=replace(market, sales=sales, labels=labels, group_by=()))

    def labels(self) -> pl.DataFrame:
        """Return ``group_code`` and ``group`` of every group, sorted."""
        codes = pl.int_range(len(self.market.labels), dtype=pl.Int32, eager=True).alias("group_code")
        return pl.DataFrame([codes, self.market.labels.alias("group")])

    def named(self, cells: pl.DataFrame, *between: str) -> pl.DataFrame:
        """Put the names of groups and periods before what is told of cells.

        Sorted by group, the columns ``between``, and period.
        """
        joined = cells.join(self.labels(), on="group_code").join(self.market.calendar, on="ordinal")
        first = ["group", "period", "period_start", "period_end", "partial"]
        keys = ["group_code", "ordinal"]
        return joined.sort("group_code", *between, "ordinal").select(*first, pl.exclude(*first, *keys))

    def summary(self, finding: str, *, method: str, cross_check: str) -> dict[str, Any]:
        """Return what stands at the top of every summary."""
        return {
            "key_finding": finding,
            "data_points_analyzed": self.selection.used.height,
            "method": method,
            "cross_check": cross_check,
            "period": self.market.period,
            "group_by": self.market.level,
            "groups": len(self.market.labels),
            "confidence_level": self.parameters.confidence_level,
        }

    def quality(self, cells: pl.DataFrame) -> dict[str, Any]:
        """Tell of the data; ``cells`` has ``sales_volume`` and ``suppressed``, and those without sales do not count."""
        below = self.parameters.fallback_min_sales
        sold = cells.filter(pl.col("sales_volume") > 0)
        thin = sold.filter(pl.col("sales_volume") < below).height
        return {
            **data_quality(self.selection.account(), cells=sold.height, thin=thin, thin_below=below),
            "suppressed_cells": int(sold["suppressed"].sum()),
            "partial_periods": self.market.calendar.filter("partial")["period"].to_list(),
        }

    def warnings(self) -> list[Caution]:
        """Tell what selecting the sales gave rise to."""
        return [*of_years(self.selection.used), *self.selection.warnings]


def stacked(**kinds: pl.DataFrame) -> pl.DataFrame:
    """Stack tables for one file; ``record`` tells which kind a row is, columns of other kinds are null."""
    marked = [table.select(pl.lit(kind).alias("record"), pl.all()) for kind, table in kinds.items()]
    return pl.concat(marked, how="diagonal")


def survey(
    records: Records,
    parameters: SharedParameters,
    columns: Collection[str],
    *,
    needed: Collection[str] = (),
    lacking: Mapping[str, pl.Expr] | None = None,
    across_pauses: bool = False,
) -> Survey:
    """Read those columns and select; ``lacking`` says by reason which selected sales cannot serve.

    ``across_pauses`` is as `terrafusion.analysis.selection.select` has it.

    Raises InvalidParameters where the records cannot serve the request, also where they hold nothing of a ``needed``
    column.
    """
    sales = read_columns(records, parameters, {"building_size_sqft", *columns, *needed})
    refuse_fine_groups(sales, parameters)
    for name in needed:
        if sales.height and sales[name].null_count() == sales.height:
            raise unrecorded(name, records.county_id)
    groups = columns_of(parameters.group_by)
    chosen = select(sales, parameters, records.profile, groups=groups, across_pauses=across_pauses)
    selection = leave_out(chosen, lacking or {})
    market = market_of(selection.used, parameters, recorded=selection.recorded)
    return Survey(records, parameters, selection, market, selection.recorded)
