"""Why a row cannot be used: one row, one reason, the first that applies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

import polars as pl

from terrafusion.ingest import cells
from terrafusion.ingest.files import Given
from terrafusion.ingest.kinds import REASONS, Kind

FIRST_DAY, LAST_DAY = date(1800, 1, 1), date(2199, 12, 31)
STOOD: Final = "what stood there"
REJECTED_SCHEMA: Final[dict[str, pl.DataType]] = {
    "row": pl.UInt32(),
    "column": pl.String(),
    "reason": pl.String(),
    "value": pl.String(),
    "message": pl.String(),
}


class Rule(NamedTuple):
    """A reason by its stable code, the column to blame (None: the row), and where it holds."""

    reason: str
    column: str | None
    broken: pl.Series


def faults_of(found: Given, values: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Return ``column`` and ``reason`` of the first rule that each row breaks; null where it breaks none."""
    rules = [rule for rule in _rules(found, values, kind) if rule.broken.any()]
    broken = {str(number): rule.broken for number, rule in enumerate(rules)}
    nothing = pl.lit(None, pl.String)
    frame = pl.DataFrame({"row": pl.int_range(found.rows.height, eager=True)} | broken).rechunk()
    first = pl.coalesce(*(pl.when(name).then(pl.lit(int(name))) for name in broken), pl.lit(None, pl.Int32))
    columns, reasons = [rule.column for rule in rules], [rule.reason for rule in rules]
    return frame.with_columns(rule=first).select(
        column=pl.col("rule").replace_strict(range(len(rules)), columns, default=nothing, return_dtype=pl.String),
        reason=pl.col("rule").replace_strict(range(len(rules)), reasons, default=nothing, return_dtype=pl.String),
    )


def rejected_rows(given: pl.DataFrame, faults: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """Tell each rejected row's number, column, reason, what stood there, and a sentence."""
    blamed = [name for name in faults["column"].unique() if name in given.columns]
    stood = [pl.when(faults["column"] == name).then(pl.col(name).cast(pl.String)) for name in blamed]
    told = given.with_columns(pl.coalesce(*stood, pl.lit(None, pl.String)).alias(STOOD))
    message = pl.concat_str(
        pl.coalesce("column", pl.lit("row")),
        pl.lit(": "),
        pl.col("reason").replace_strict(dict(REASONS), default="", return_dtype=pl.String),
    )
    return faults.with_columns(row=numbers, value=told[STOOD], message=message).select(*REJECTED_SCHEMA)


def _rules(found: Given, values: pl.DataFrame, kind: Kind) -> Iterator[Rule]:
    """Yield the rules in the order in which a row is told of them."""
    yield from _of_the_file(found)
    for name, noun in kind.required.items():
        if kind.schema[name] == pl.Date:
            yield from _of_a_date(found.rows, values[name], noun, kind.year)
        else:
            yield Rule(f"missing_{noun}", name, found.rows[name].is_null())
        if kind.schema[name] == pl.Float64:
            yield Rule(f"{noun}_not_in_dollars", name, cells.is_foreign(found.rows[name]))
            yield Rule(f"{noun}_not_a_number", name, values[name].is_null())
            yield Rule(f"{noun}_not_positive", name, values[name] <= 0)
    for check in kind.checks:
        yield Rule(check.reason, check.column, values.select(check.broken).to_series())


def _of_the_file(found: Given) -> Iterator[Rule]:
    texts = [column for column in found.rows if column.dtype == pl.String]
    if found.cells is not None:
        yield Rule("too_few_cells", None, found.cells.is_between(1, found.width - 1))
        yield Rule("too_many_cells", None, found.cells > found.width)
    if found.is_lossy:
        yield from (Rule("not_utf8", text.name, text.str.contains("\ufffd", literal=True)) for text in texts)
    yield from (Rule("nul_character", text.name, text.str.contains("\0", literal=True)) for text in texts)


def _of_a_date(given: pl.DataFrame, read: pl.Series, noun: str, year: str | None) -> Iterator[Rule]:
    """Yield what may be wrong with a date, for which a year may stand."""
    said = {name: given[name].is_not_null() for name in (read.name, year) if name in given.columns}
    has_day = said.get(read.name, pl.Series([False]).new_from_index(0, given.height))
    has_any = has_day | said[year] if year in said else has_day
    blamed = read.name if read.name in given.columns else year
    yield Rule(f"missing_{noun}", blamed, ~has_any)
    unread = read.is_null() & has_day
    if unread.any():
        ambiguous = unread & cells.is_ambiguous(given[read.name])
        yield Rule(f"ambiguous_{noun}", read.name, ambiguous)
        if year is not None:
            yield Rule("year_alone", read.name, unread & cells.is_year(given[read.name]))
        yield Rule(f"bad_{noun}", read.name, unread)
    yield Rule("bad_year", year, read.is_null() & has_any)
    yield Rule(f"{noun}_out_of_range", blamed, ~read.is_between(FIRST_DAY, LAST_DAY))
