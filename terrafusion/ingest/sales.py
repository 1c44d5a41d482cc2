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
    broken: pl.Expr


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
    """Read a file of sales; repeated rows stay. Raises UnreadableFile where no row can be used for want of columns."""
    table = open_table(path)
    _check_columns(path, table.schema)
    rules = _rules(table.schema)
    read = table.lazy().select(*_columns(table.schema, rules)).filter(~pl.col("blank")).drop("blank").collect()
    good = read.filter(pl.col("fault").is_null())
    sales = derive_ids(good).select(*SALES_SCHEMA, "attributes", "row")
    return SalesFile(read.height, sales, _rejected(table, read, rules), _warnings(good))


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


def _columns(given: Mapping[str, pl.DataType], rules: Sequence[Rule]) -> list[pl.Expr]:
    """Every column of the schema, what else the row says, and the first rule that it breaks."""
    values = {name: _value(name, given).alias(name) for name in SALES_SCHEMA}
    broken = [pl.when(rule.broken).then(pl.lit(number, pl.UInt8)) for number, rule in enumerate(rules)]
    return [
        *values.values(),
        *(lost.alias(f"lost_{name}") for name, lost in _lost(given).items()),
        _attributes(given).alias("attributes"),
        pl.coalesce(broken).alias("fault"),
        pl.all_horizontal(pl.all().is_null()).alias("blank"),
        pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias("row"),
    ]


def _value(name: str, given: Mapping[str, pl.DataType]) -> pl.Expr:
    if name == "sale_date":
        return _date(given)
    if name == "year_only":
        stated = _read(name, given).fill_null(value=False)
        return stated | (_written("sale_date", given).is_null() & _date(given).is_not_null())
    return _read(name, given)


def _read(name: str, given: Mapping[str, pl.DataType]) -> pl.Expr:
    wanted = SALES_SCHEMA[name]
    return cells.cell(name, given[name], wanted) if name in given else pl.lit(None, wanted)


def _written(name: str, given: Mapping[str, pl.DataType]) -> pl.Expr:
    return cells.text(name, given[name]) if name in given else pl.lit(None, pl.String)


def _date(given: Mapping[str, pl.DataType]) -> pl.Expr:
    if YEAR not in given:
        return _read("sale_date", given)
    year = cells.middle_of_year(cells.number(YEAR, given[YEAR]))
    return pl.coalesce(_read("sale_date", given), pl.when(_written("sale_date", given).is_null()).then(year))


def _rules(given: Mapping[str, pl.DataType]) -> list[Rule]:
    """Return the rules in the order in which a row is told of them: one row, one reason."""
    price, written_price = _read("sale_price", given), _written("sale_price", given)
    dated, written_date, written_year = _date(given), _written("sale_date", given), _written(YEAR, given)
    when = "sale_date" if "sale_date" in given else YEAR
    texts = [name for name, kind in given.items() if kind == pl.String]
    return [
        *(Rule("nul_character", name, pl.col(name).str.contains("\0", literal=True)) for name in texts),
        Rule("missing_parcel", "parcel_number", _read("parcel_number", given).is_null()),
        Rule("missing_date", when, written_date.is_null() & written_year.is_null()),
        Rule("bad_date", "sale_date", written_date.is_not_null() & dated.is_null()),
        Rule("bad_year", YEAR, dated.is_null()),
        Rule("date_out_of_range", when, ~dated.is_between(FIRST_DAY, LAST_DAY)),
        Rule("missing_price", "sale_price", written_price.is_null()),
        Rule("price_not_a_number", "sale_price", price.is_null()),
        Rule("price_not_positive", "sale_price", price <= 0),
    ]


def _rejected(table: pl.DataFrame, read: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    names = pl.DataFrame(
        {"fault": range(len(rules)), "column": [r.column for r in rules], "reason": [r.reason for r in rules]},
        schema={"fault": pl.UInt8, "column": pl.String, "reason": pl.String},
    )
    faults = read.select("row", "fault").drop_nulls("fault").join(names, on="fault", how="left", maintain_order="left")
    given = (
        table[(faults["row"] - 1).to_list()].with_columns(faults["column"].alias("told of")) if faults.height else None
    )
    if given is None:
        return pl.DataFrame(schema=REJECTED_SCHEMA)
    blamed = [name for name in dict.fromkeys(faults["column"]) if name in table.columns]
    value = [pl.when(pl.col("told of") == name).then(pl.col(name).cast(pl.String, strict=False)) for name in blamed]
    return faults.with_columns(given.select(pl.coalesce(value)).to_series().alias("value")).select(*REJECTED_SCHEMA)


def _lost(given: Mapping[str, pl.DataType]) -> dict[str, pl.Expr]:
    """Return the text of optional cells that say something which cannot be read."""
    optional = [name for name in SALES_SCHEMA if name in given and SALES_SCHEMA[name] != pl.String]
    return {
        name: pl.when(_read(name, given).is_null()).then(_written(name, given))
        for name in optional
        if name not in ("sale_date", "sale_price")
    }


def _attributes(given: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return, as JSON, the columns that nobody knows and the cells that could not be read; null for neither."""
    others = {name: _plain(name, kind) for name, kind in given.items() if name not in KNOWN} | _lost(given)
    if not others:
        return pl.lit(None, pl.String)
    members = [
        pl.when(value.is_not_null()).then(pl.struct(value.alias(name)).struct.json_encode().str.slice(1).str.head(-1))
        for name, value in others.items()
    ]
    joined = pl.concat_str(members, separator=",", ignore_nulls=True)
    return pl.when(joined != "").then(pl.concat_str(pl.lit("{"), joined, pl.lit("}")))


def _plain(name: str, kind: pl.DataType) -> pl.Expr:
    value = pl.col(name)
    if kind == pl.String:
        return cells.text(name, kind)
    if kind.is_float():
        return pl.when(value.is_finite()).then(value)
    return value if kind.is_integer() or kind == pl.Boolean or kind.is_nested() else value.cast(pl.String, strict=False)


def _warnings(good: pl.DataFrame) -> list[Caution]:
    found = []
    years = int(good["year_only"].sum())
    if years:
        found.append(Caution("year_only_dates", f"Of {years:,} sales only the year is known; they count as of 1 July."))
    for name in good.columns:
        lost = good.height - good[name].null_count() if name.startswith("lost_") else 0
        if lost:
            column = name.removeprefix("lost_")
            found.append(Caution("unreadable_cells", f"{column} cannot be read in {lost:,} rows; it is missing there."))
    return found
