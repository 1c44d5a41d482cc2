"""What past sales are worth at the valuation date, told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.market import Market, selected
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.selection import Account
from terrafusion.analysis.time_adjustment import findings
from terrafusion.analysis.time_adjustment.adjusted import READ, adjusted, slopes
from terrafusion.analysis.time_adjustment.curves import Curves
from terrafusion.analysis.time_adjustment.found import Found
from terrafusion.analysis.time_adjustment.parameters import TimeAdjustmentParameters
from terrafusion.analysis.time_adjustment.records import areas, read


@dataclass(frozen=True, slots=True)
class _Moved:
    """How prices moved, and the market of which that was found."""

    account: Account
    market: Market
    """With the columns of its sales that `adjusted` reads, and no others."""
    rows: pl.DataFrame
    summary: Mapping[str, Any]
    warnings: list[Caution]


def time_adjustment(records: Records, parameters: TimeAdjustmentParameters, progress: Progress) -> Answer:
    """Answer with factors by group and period, and every sale's price at the valuation date.

    Raises InvalidParameters where the records cannot serve the request.
    """
    moved = _moved(records, parameters, progress)
    progress(0.8, "Adjusting the sales")
    rows, sales = moved.rows, adjusted(moved.market, moved.rows)
    summary = {**moved.summary, **slopes(sales, parameters), **_groups(rows)}
    told = findings.Told(records.county_id, parameters, moved.account, summary, rows)
    return Answer(
        summary={
            "key_finding": findings.key_finding(told),
            "data_points_analyzed": moved.account.used,
            **summary,
            **provenance(records, parameters),
        },
        data_quality=_quality(moved, parameters),
        warnings=[*moved.account.warnings, *moved.warnings, *findings.cautions(told)],
        rows=rows,
        table=pl.concat([_marked(rows, "factor"), _marked(sales, "sale")], how="diagonal"),
    )


def _moved(records: Records, parameters: TimeAdjustmentParameters, progress: Progress) -> _Moved:
    """Find how prices moved; what that alone needs of the sales, which is as large as the file, is let go here."""
    progress(0.0, "Reading sales")
    account, market = selected(read, records, parameters)
    progress(0.2, "Estimating how prices moved")
    curves = Curves.of(market, parameters)
    market = replace(market, sales=market.sales.select(READ))
    found = Found(curves, areas(records, parameters))
    return _Moved(account, market, found.rows, found.summary, found.warnings)


def _groups(rows: pl.DataFrame) -> Mapping[str, int]:
    return {
        "groups": rows["group"].n_unique(),
        "groups_with_own_factors": rows.filter(pl.col("weight") > 0)["group"].n_unique(),
    }


def _marked(table: pl.DataFrame, record: str) -> pl.DataFrame:
    return table.select(pl.lit(record).alias("record"), pl.all())


def _quality(moved: _Moved, parameters: TimeAdjustmentParameters) -> dict[str, Any]:
    cells = moved.rows.filter(pl.col("observations") > 0)
    thin, below = cells.filter(pl.col("observations") < parameters.min_sales).height, parameters.min_sales
    return {
        **data_quality(moved.account, cells=cells.height, thin=thin, thin_below=below),
        "imputed_cells": int(moved.rows["imputed"].sum()),
        "partial_periods": moved.market.calendar.filter("partial")["period"].to_list(),
    }
