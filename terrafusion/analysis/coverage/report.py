"""The coverage report: what the records of a county can and cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import polars as pl

from terrafusion.analysis import periods
from terrafusion.analysis.api import Answer, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.coverage import checks, fields, findings
from terrafusion.analysis.coverage.cells import cells_of, thin_cells
from terrafusion.analysis.coverage.chasing import chasing
from terrafusion.analysis.coverage.dates import Dating, dated, dating_of, within
from terrafusion.analysis.coverage.parameters import CoverageParameters
from terrafusion.analysis.coverage.roll import Roll, counts, representativeness, roll_of, sold_shares, unsold_groups
from terrafusion.analysis.coverage.rows import SECTIONS, conform, to_rows
from terrafusion.analysis.facts import whether_known
from terrafusion.analysis.findings import counted
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.analysis.groups import columns_of, name_of
from terrafusion.analysis.market import Market, market_of
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.reading import collected
from terrafusion.analysis.selection import Selection, select

_METHOD: Final = (
    "counts; shares with Wilson intervals; sold against unsold parcels by medians (MOVER), Welch's t, Bonett's "
    "standardized difference, Mann-Whitney, Kolmogorov-Smirnov and chi-square"
)


@dataclass(frozen=True)
class _Read:
    """What there is to report on."""

    records: Records
    parameters: CoverageParameters
    sales: pl.DataFrame
    """All sales read, see `_sales`."""
    checks: pl.DataFrame
    """The rows of `terrafusion.analysis.coverage.checks`."""
    selection: Selection
    dating: Dating
    market: Market
    roll: Roll | None

    @cached_property
    def unsold(self) -> pl.DataFrame:
        """See `terrafusion.analysis.coverage.roll.unsold_groups`."""
        return unsold_groups(self.roll, self.selection.used, self.parameters.group_by, self.records.profile)

    @property
    def empty(self) -> dict[str, str]:
        """The groups without a sale in any cell, and why each has none."""
        unsold = {
            group: f"none of {counted(parcels, 'parcel')} on the roll has a selected sale"
            for group, parcels in self.unsold.iter_rows()
        }
        unplaced = self.dating.unplaced(self.selection.used).iter_rows()
        return unsold | {group: f"of its {counted(n, 'selected sale')} only the year is known" for group, n in unplaced}


def coverage_report(records: Records, parameters: CoverageParameters, progress: Progress) -> Answer:
    """Answer what the records cover; raises InvalidParameters where they cannot serve the request."""
    progress(0.0, "Reading sales")
    sales = _sales(records, parameters)
    checked = to_rows(_checks(records, sales, parameters.as_of))
    groups = columns_of(parameters.group_by)
    selection = select(sales, parameters, records.profile, groups=groups, across_pauses=True)
    dating = dating_of(selection.used, parameters)
    by_period = parameters.model_copy(update={"period": dating.period})
    market = market_of(dating.counted(selection.used), by_period, recorded=sales["sale_date"])
    progress(0.2, "Reading the roll")
    roll = roll_of(records, selection.used, parameters)
    read = _Read(records, parameters, sales, checked, selection, dating, market, roll)
    progress(0.4, "Comparing sold with unsold parcels")
    tables = _on_roll(read)
    progress(0.7, "Counting cells and values")
    tables |= _on_records(read)
    rows = pl.concat(conform(tables[section], section) for section in SECTIONS if section in tables)
    return Answer(
        summary=_summary(read, rows),
        data_quality=_quality(read, tables["cells"]),
        warnings=[*dating.cautions(), *selection.warnings, *findings.cautions(rows, roll, read.unsold)],
        rows=rows,
        table=rows,
    )


def _sales(records: Records, parameters: CoverageParameters) -> pl.DataFrame:
    """Read what selecting and grouping need; of every other column only whether it is known, a bit a sale."""
    read = collected(records, parameters, {"building_size_sqft", "parcel_number"}, coded=True)
    others = [whether_known(name) for name in SALES_SCHEMA if name not in read.columns]
    return read.hstack(records.sales.select(others).collect()).with_columns(name_of(parameters.group_by).alias("group"))


def _on_roll(read: _Read) -> dict[str, pl.DataFrame]:
    if read.roll is None:
        return {}
    level = read.parameters.confidence_level
    return {
        "roll": to_rows(counts(read.roll, level)),
        "representativeness": to_rows(representativeness(read.roll, read.parameters)),
        "sold_share": to_rows(sold_shares(read.roll, read.parameters)),
        "sales_chasing": to_rows(chasing(read.roll, read.records.sales, read.parameters)),
    }


def _on_records(read: _Read) -> dict[str, pl.DataFrame]:
    placed = within(read.sales, read.market.period).drop_nulls("sale_date")
    numbers = periods.numbers(placed["sale_date"], read.market.period)
    by_period = fields.by_period(placed.with_columns(numbers.alias("ordinal")), _calendar(numbers, read.market.period))
    cells = cells_of(read.market, read.parameters)
    return {
        "thin_cells": to_rows(thin_cells(read.market, cells, read.empty, read.parameters)),
        "fields": to_rows(_fields(read, by_period)),
        "checks": read.checks,
        "gaps": to_rows(checks.gaps(dated(read.sales)["sale_date"], read.parameters.gap_days)),
        "fields_by_period": fields.partly(by_period).with_columns(pl.lit("sales").alias("measure")),
        "cells": cells,
    }


def _calendar(numbers: pl.Series, period: str) -> pl.DataFrame:
    found = numbers.unique().sort().to_list()
    named = [periods.label(number, period) for number in found]
    return pl.DataFrame({"ordinal": pl.Series(found, dtype=pl.Int32), "period": pl.Series(named, dtype=pl.String)})


def _fields(read: _Read, by_period: pl.DataFrame) -> Iterator[dict[str, Any]]:
    yield from fields.sales_fields(read.sales, by_period)
    if read.records.properties is not None:
        yield from fields.roll_fields(read.records.properties)


def _checks(records: Records, sales: pl.DataFrame, as_of: date | None) -> Iterator[dict[str, Any]]:
    yield from checks.sale_checks(records.sales, as_of)
    if records.properties is not None:
        yield from checks.roll_checks(records.properties, sales, as_of)


def _summary(read: _Read, rows: pl.DataFrame) -> dict[str, Any]:
    used = read.selection.used
    return {
        "key_finding": findings.key_finding(read.records.county_id, used.height, read.market, rows, read.parameters),
        "data_points_analyzed": used.height,
        "method": _METHOD,
        "cross_check": findings.cross_check(rows),
        "confidence_level": read.parameters.confidence_level,
        "period": read.market.period,
        "group_by": read.market.level,
        "as_of": None if read.parameters.as_of is None else str(read.parameters.as_of),
        **findings.numbers(rows, read.roll),
        "groups_without_sale": None if read.roll is None else read.unsold.height,
        "sections": {name: rows.filter(pl.col("section") == name).height for name in SECTIONS},
        **provenance(read.records, read.parameters),
    }


def _quality(read: _Read, cells: pl.DataFrame) -> dict[str, Any]:
    least, enough = read.parameters.min_sales, read.parameters.fallback_min_sales
    thin = int((cells["n"] < enough).sum())
    return {
        **data_quality(read.selection.account(), cells=cells.height, thin=thin, thin_below=enough),
        "suppressed_cells": int((cells["n"] < least).sum()),
        "partial_periods": read.market.calendar.filter("partial")["period"].to_list(),
    }
