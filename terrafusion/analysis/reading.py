"""The records of a request: only the columns it needs, and what only the records can refuse."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from terrafusion.analysis.api import Records
from terrafusion.analysis.facts import DEEDS, SHARED_NAME
from terrafusion.analysis.frames import SALES_SCHEMA, column_by_column
from terrafusion.analysis.groups import MARKET_AREA, area_of, columns_of, name_of
from terrafusion.analysis.indexes import CHARACTERISTICS
from terrafusion.analysis.parameters import GROUPABLE, SharedParameters, TrendParameters
from terrafusion.analysis.selection import codes_read, needed_columns
from terrafusion.analysis.unmatched import asked_for
from terrafusion.analysis.unrecorded import unrecorded
from terrafusion.errors import InvalidParameters


def read(records: Records, parameters: TrendParameters) -> pl.DataFrame:
    """Read the columns that the request needs, and tell each sale its ``group``.

    Raises InvalidParameters where the records cannot serve the request.
    """
    columns, apart = {"building_size_sqft"}, set[str]()
    if parameters.index_method == "hedonic":
        columns, apart = {*CHARACTERISTICS}, {"zip_code", "property_type"}
    if parameters.fallback == "cascade":
        columns |= {"zip_code"}
    return read_columns(records, parameters, columns, apart=apart, coded=parameters.fallback == "none")


def read_columns(
    records: Records,
    parameters: SharedParameters,
    columns: Collection[str],
    *,
    apart: Collection[str] = (),
    coded: bool = False,
) -> pl.DataFrame:
    """Read those columns, tell each sale its ``group``, and refuse what no analysis can be asked of these records.

    ``apart`` are texts that sales are told apart by and nothing else. They, and texts that only groups are made of, are an
    Enum where ``coded``, and so is then a group of one of them; the one group of all sales always is.
    """
    sales = collected(records, parameters, columns, apart=apart, coded=coded)
    refuse_fine_periods(sales, parameters)
    return sales.with_columns(name_of(parameters.group_by).alias("group"))


def collected(
    records: Records,
    parameters: SharedParameters,
    columns: Collection[str],
    *,
    apart: Collection[str] = (),
    coded: bool = False,
) -> pl.DataFrame:
    """Read those columns and what selecting and grouping need; refuses groups of which nothing is recorded."""
    asked = {*columns_of(parameters.group_by), "year_only", *columns, *apart}
    needed = needed_columns(parameters)
    known = (needed & {*DEEDS}) - asked - codes_read(parameters, records.profile) | ((needed | asked) & {SHARED_NAME})
    codes = {*_only_grouped(parameters), *apart} - needed - {*columns} if coded else set[str]()
    wanted = (needed | asked) - known - codes
    if records.profile.sale_overrides:
        wanted |= {"sale_id"}
    if MARKET_AREA in wanted:
        wanted = (wanted - {MARKET_AREA}) | {"neighborhood", "zip_code"}
    read = _areas(records, records.sales.select(sorted(wanted)), parameters).collect()
    facts = records.facts
    sales = facts.beside(column_by_column(read, pl.Series.rechunk), known)
    sales = sales.with_columns(map(facts.coded, sorted(codes)))
    _refuse_unknown_groups(records, sales, parameters)
    return sales


def _only_grouped(parameters: SharedParameters) -> frozenset[str]:
    """Name the texts that groups are made of; of market areas neighborhoods and ZIPs are read."""
    texts = {name for name in columns_of(parameters.group_by) if SALES_SCHEMA.get(name) == pl.String()}
    return frozenset() if MARKET_AREA in parameters.group_by else frozenset(texts)


def _areas(records: Records, sales: pl.LazyFrame, parameters: SharedParameters) -> pl.LazyFrame:
    return sales.with_columns(area_of(records.profile)) if MARKET_AREA in parameters.group_by else sales


def _refuse_unknown_groups(records: Records, sales: pl.DataFrame, parameters: SharedParameters) -> None:
    """Raise InvalidParameters where ``group_by`` names a column of which no sale has a value."""
    for name in columns_of(parameters.group_by):
        if sales.height and sales[name].null_count() == sales.height:
            had = ", ".join(_recorded_groups(records, parameters))
            if not had:
                raise unrecorded(name, records.county_id)
            msg = f"group_by is {name!r}, of which {records.county_id} records nothing; allowed are {had}"
            raise InvalidParameters(msg, field="group_by", value=name, allowed=had)


def _recorded_groups(records: Records, parameters: SharedParameters) -> list[str]:
    """Name the groups that the type takes and of which something is recorded."""
    annotation: Any = type(parameters).model_fields["group_by"].annotation
    taken: TypeAdapter[object] = TypeAdapter(annotation)
    counted = records.sales.with_columns(area_of(records.profile)).select(pl.col(columns_of(GROUPABLE)).count())
    counts = counted.collect().row(0, named=True)
    return [name for name in GROUPABLE if counts.get(name, 1) and _takes(taken, name)]


def _takes(group_by: TypeAdapter[object], name: str) -> bool:
    try:
        group_by.validate_python((name,))
    except ValidationError:
        return False
    return True


def refuse_fine_periods(sales: pl.DataFrame, parameters: SharedParameters) -> None:
    """Raise InvalidParameters where periods are shorter than what is known of the dates of the sales asked for."""
    if parameters.period in {"year", "auto"}:
        return
    if of_year_only(sales, parameters):
        msg = f"period is {parameters.period!r}, but of some sales only the year is known; allowed are year, auto"
        raise InvalidParameters(msg, field="period", value=parameters.period, allowed="year, auto")


def refuse_fine_groups(sales: pl.DataFrame, parameters: SharedParameters) -> None:
    """Raise InvalidParameters where ``group_by`` is finer than what is known of the dates of the sales asked for."""
    fine = [name for name in parameters.group_by if name in {"sale_quarter", "sale_month"}]
    if fine and of_year_only(sales, parameters):
        msg = f"group_by is {fine[0]!r}, but of some sales only the year is known; allowed is sale_year"
        raise InvalidParameters(msg, field="group_by", value=fine[0], allowed="sale_year")


def of_year_only(sales: pl.DataFrame, parameters: SharedParameters) -> bool:
    """Say whether only the year is known of a sale that dates, places and types ask for."""
    vague = pl.col("year_only").fill_null(value=False) & asked_for(parameters)
    days = sales.select(pl.col("sale_date").filter(vague)).to_series()
    begin, end = parameters.start_date or days.min(), parameters.end_date or days.max()
    return bool(days.is_between(begin, end).any()) if len(days) else False
