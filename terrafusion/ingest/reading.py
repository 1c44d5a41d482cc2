"""A file of sales becomes the frame that analyses read, and a list of the rows that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.ingest import cells
from terrafusion.ingest.files import open_table, refuse
from terrafusion.ingest.identity import derive_ids

YEAR: Final = "sale_year"
KNOWN: Final = (*SALES_SCHEMA, YEAR)
REQUIRED: Final = ("parcel_number", "sale_date", "sale_price")
ROW: Final = "number of the row"
FIRST_DAY, LAST_DAY = date(1800, 1, 1), date(2199, 12, 31)
REJECTED_SCHEMA: Final[dict[str, pl.DataType]] = {
    "row": pl.UInt32(),
    "column": pl.String(),
    "reason": pl.String(),
    "value": pl.String(),
}


class Rule(NamedTuple):
    """Why a row cannot be used: a stable code, the column to blame, and when it holds."""

    reason: str
    column: str
    broken: pl.Series


@dataclass(frozen=True, slots=True)
class SalesFile:
    """What a file of sales held: ``read`` rows, each of them in ``sales`` or in ``rejected``."""

    read: int
    sales: pl.DataFrame
    """`SALES_SCHEMA`, then ``attributes`` (JSON of all other columns, null where empty) and ``row``."""
    rejected: pl.DataFrame
    """``row`` (from 1, the line of names not counted), ``column``, ``reason``, ``value``."""
    warnings: Sequence[Caution]

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows were rejected for which reason, by reason."""
        return dict(self.rejected["reason"].value_counts().sort("reason").iter_rows())


def read_sales(path: Path) -> SalesFile:
    """Read a file of sales; repeated rows stay. Raises UnreadableFile where it lacks a column, or is none of sales."""
    table = open_table(path)
    _check_columns(path, table.schema)
    given = table.select(cells.tidy(column) for column in table).with_row_index(ROW, offset=1)
    given = given.filter(~pl.all_horizontal(pl.exclude(ROW).is_null())).rechunk()
    values = _values(given)
    faults = _faults(given, values)
    good = faults["reason"].is_null()
    read = values.with_columns(_attributes(given, values), given[ROW].alias("row")).filter(good).rechunk()
    rejected = _rejected(given.filter(~good), faults.filter(~good))
    return SalesFile(given.height, derive_ids(read), rejected, _warnings(given.filter(good), read))


def without_repeats(file: SalesFile) -> SalesFile:
    """Reject the rows whose ``sale_id`` stands in an earlier row: a county's records hold a sale once."""
    repeated = ~pl.col("sale_id").is_first_distinct()
    rejected = file.sales.filter(repeated).select(
        "row",
        column=pl.lit("sale_id"),
        reason=pl.lit("duplicate_sale_id"),
        value=pl.col("sale_id"),
    )
    return replace(
        file,
        sales=file.sales.filter(~repeated),
        rejected=pl.concat([file.rejected, rejected]).sort("row"),
    )


def _check_columns(path: Path, given: Mapping[str, pl.DataType]) -> None:
    found = f"it must have parcel_number, sale_price, and sale_date or {YEAR}; it has {', '.join(given)}"
    missing = [name for name in ("parcel_number", "sale_price") if name not in given]
    if "sale_date" not in given and YEAR not in given:
        missing.append("sale_date")
    if missing:
        raise refuse(path, f"{' and '.join(missing)} is missing", allowed=found, column=missing[0])
    for name in KNOWN:
        if name in given and not cells.is_readable(given[name]):
            raise refuse(
                path, f"{name} is of type {given[name]}", allowed=f"it must hold {cells.READABLE}", column=name
            )


def _values(given: pl.DataFrame) -> pl.DataFrame:
    """Read every column of the schema; null is what is not there or cannot be read."""
    values = {name: _value(given, name) for name in SALES_SCHEMA}
    if YEAR in given.columns:
        year = cells.middle_of_year(cells.number(given[YEAR]))
        from_year = _missing(given, "sale_date") & year.is_not_null()
        values["sale_date"] = values["sale_date"].zip_with(~from_year, year)
        values["year_only"] = values["year_only"].fill_null(value=False) | from_year
    values["year_only"] = values["year_only"].fill_null(value=False)
    return pl.DataFrame(values).rechunk()


def _value(given: pl.DataFrame, name: str) -> pl.Series:
    if name in given.columns:
        return cells.read(name, given[name], SALES_SCHEMA[name])
    return pl.Series([None], dtype=SALES_SCHEMA[name]).new_from_index(0, given.height)


def _missing(given: pl.DataFrame, name: str) -> pl.Series:
    absent = pl.Series([True]).new_from_index(0, given.height)
    return given[name].is_null() if name in given.columns else absent


def _faults(given: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Return ``column`` and ``reason`` of the first rule that each row breaks; null where it breaks none."""
    rules = [rule for rule in _rules(given, values) if rule.broken.any()]
    broken = {str(number): rule.broken for number, rule in enumerate(rules)}
    nothing = pl.lit(None, pl.String)
    frame = (
        pl.DataFrame({ROW: given[ROW]} | broken)
        .rechunk()
        .with_columns(
            column=pl.coalesce(*(pl.when(str(n)).then(pl.lit(rule.column)) for n, rule in enumerate(rules)), nothing),
            reason=pl.coalesce(*(pl.when(str(n)).then(pl.lit(rule.reason)) for n, rule in enumerate(rules)), nothing),
        )
    )
    return frame.select("column", "reason")


def _rules(given: pl.DataFrame, values: pl.DataFrame) -> list[Rule]:
    """Return the rules in the order in which a row is told of them: one row, one reason."""
    when = "sale_date" if "sale_date" in given.columns else YEAR
    no_date = _missing(given, "sale_date") & _missing(given, YEAR)
    date_, price = values["sale_date"], values["sale_price"]
    return [
        *(
            Rule("nul_character", text.name, text.str.contains("\0", literal=True))
            for text in given.select(pl.col(pl.String))
        ),
        Rule("missing_parcel", "parcel_number", values["parcel_number"].is_null()),
        Rule("missing_date", when, no_date),
        Rule("bad_date", "sale_date", date_.is_null() & ~_missing(given, "sale_date")),
        Rule("bad_year", YEAR, date_.is_null() & ~no_date),
        Rule("date_out_of_range", when, ~date_.is_between(FIRST_DAY, LAST_DAY)),
        Rule("missing_price", "sale_price", given["sale_price"].is_null()),
        Rule("price_not_a_number", "sale_price", price.is_null()),
        Rule("price_not_positive", "sale_price", price <= 0),
    ]


def _rejected(given: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    """Tell each rejected row's number, column, reason and what stood there."""
    blamed = [name for name in faults["column"].unique() if name in given.columns]
    stood = [pl.when(faults["column"] == name).then(pl.col(name).cast(pl.String)) for name in blamed]
    told = given.with_columns(pl.coalesce(*stood, pl.lit(None, pl.String)).alias(ROW + " told"))
    return faults.with_columns(row=given[ROW], value=told[ROW + " told"]).select(*REJECTED_SCHEMA)


def _lost(given: pl.DataFrame, values: pl.DataFrame) -> dict[str, pl.Series]:
    """Return the cells of optional columns that say something which cannot be read."""
    optional = [name for name in given.columns if name in SALES_SCHEMA and name not in REQUIRED]
    lost = {name: cells.text(given[name]).set(values[name].is_not_null(), None) for name in optional}
    return {name: cell for name, cell in lost.items() if cell.null_count() < cell.len()}


def _attributes(given: pl.DataFrame, values: pl.DataFrame) -> pl.Series:
    """Return, as JSON, the columns that nobody knows and the cells that could not be read; null for neither."""
    others = {name: _plain(given[name]) for name in given.columns if name not in (*KNOWN, ROW)} | _lost(given, values)
    members = [
        pl.when(pl.col(name).is_not_null()).then(pl.struct(name).struct.json_encode().str.slice(1).str.head(-1))
        for name in others
    ]
    joined = pl.concat_str(members, separator=",", ignore_nulls=True) if members else pl.lit("")
    frame = pl.DataFrame({ROW: given[ROW]} | others).rechunk().select(ROW, joined=joined)
    return frame.select(
        attributes=pl.when(pl.col("joined") != "").then(pl.concat_str(pl.lit("{"), "joined", pl.lit("}")))
    ).to_series()


def _plain(column: pl.Series) -> pl.Series:
    """Return a column as JSON can say it."""
    if column.dtype.is_float():
        return column.set(column.is_infinite(), None)
    sayable = column.dtype.is_integer() or column.dtype.is_nested() or column.dtype in (pl.Boolean, pl.String)
    return column if sayable else column.cast(pl.String, strict=False)


def _warnings(given: pl.DataFrame, values: pl.DataFrame) -> list[Caution]:
    found = []
    years = int(values["year_only"].sum())
    if years:
        found.append(Caution("year_only_dates", f"Of {years:,} sales only the year is known; they count as of 1 July."))
    for name, lost in _lost(given, values).items():
        rows = lost.len() - lost.null_count()
        found.append(Caution("unreadable_cells", f"{name} cannot be read in {rows:,} rows; it is missing there."))
    return found
