"""A county's file becomes the frame that analyses read, and a list of the rows that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.findings import counted
from terrafusion.ingest import cells
from terrafusion.ingest.attributes import attributes_of, lost_cells
from terrafusion.ingest.cells import DateOrder
from terrafusion.ingest.faults import FIRST_DAY, LAST_DAY, faults_of, rejected_rows
from terrafusion.ingest.files import open_table, refuse
from terrafusion.ingest.identity import derive_keys
from terrafusion.ingest.kinds import Kind

ROW: Final = "number of the row"
_NAMED: Final = 3
"""Zones that a warning names."""
_STAND_INS: Final = ((1, "1 January"), (7, "1 July"))
"""Months on whose first day offices put a sale of which they know the year alone."""
_MANY: Final = 0.05
"""Of sales in King and Lucas County none in a thousand is of 1 January, and at most nine of 1 July."""
_APART: Final = 2
"""A file that knows months alone has all of its sales on their first days: there such a day is no more than others."""
_LEAST: Final = 10


@dataclass(frozen=True, slots=True)
class RecordsFile:
    """What a county's file held: ``read`` rows, each of them in ``records`` or in ``rejected``."""

    kind: Kind
    read: int
    records: pl.DataFrame
    """The kind's schema, then ``attributes`` (JSON of all other columns, null where empty) and ``row``."""
    rejected: pl.DataFrame
    """``row`` (from 1, the line of names not counted), ``column``, ``reason``, ``value``, ``message``."""
    warnings: Sequence[Caution]

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows were rejected for which reason, by reason."""
        return dict(self.rejected["reason"].value_counts().sort("reason").iter_rows())


def read_records(path: Path, kind: Kind, order: DateOrder | None = None) -> RecordsFile:
    """Read a file of records of one kind; repeated rows stay.

    ``order`` says what stands first in its dates, where they may be read in two ways. Raises UnreadableFile
    where it lacks a column, or is none of such records.
    """
    found = open_table(path)
    _check_columns(path, kind, found.rows.schema)
    given = found.rows.select(cells.tidy(column) for column in found.rows).with_row_index(ROW, offset=1)
    there = ~given.select(pl.all_horizontal(pl.exclude(ROW).is_null())).to_series()
    given = given.filter(there).rechunk()
    found = replace(found, rows=given.drop(ROW), cells=None if found.cells is None else found.cells.filter(there))
    values = _values(found.rows, kind, order)
    faults = faults_of(found, values, kind)
    good = faults["reason"].is_null()
    attributes = attributes_of(found.rows, values, kind)
    read = values.with_columns(attributes, given[ROW].alias("row")).filter(good).rechunk()
    rejected = rejected_rows(given.filter(~good), faults.filter(~good), given[ROW].filter(~good))
    warnings = _warnings(found.rows.filter(good), read, kind)
    return RecordsFile(kind, given.height, derive_keys(read, kind), rejected, warnings)


def _check_columns(path: Path, kind: Kind, given: Mapping[str, pl.DataType]) -> None:
    stand_ins = {kind.date: kind.year} if kind.year else {}
    missing = [name for name in kind.required if name not in given and stand_ins.get(name) not in given]
    if missing:
        needed = [f"{name} or {stand_ins[name]}" if name in stand_ins else name for name in kind.required]
        found = f"{kind.name} must have {', '.join(needed)}; it has {', '.join(given)}"
        *others, last = missing
        said = f"{', '.join(others)} and {last} are missing" if others else f"{last} is missing"
        raise refuse(path, said, allowed=found, column=missing[0])
    for name in given:
        if name in (*kind.schema, kind.year) and not cells.is_readable(given[name]):
            complaint = f"{name} is of type {given[name]}"
            raise refuse(path, complaint, allowed=f"it must hold {cells.READABLE}", column=name)


def _values(given: pl.DataFrame, kind: Kind, order: DateOrder | None) -> pl.DataFrame:
    """Read every column of the schema; null is what is not there or cannot be read."""
    values = {name: _value(given, name, kind, order) for name in kind.schema}
    if kind.year and kind.date:
        values |= _of_year(given, values, kind.date, kind.year)
    return pl.DataFrame(values).rechunk()


def _value(given: pl.DataFrame, name: str, kind: Kind, order: DateOrder | None) -> pl.Series:
    if name not in given.columns:
        return pl.Series([None], dtype=kind.schema[name]).new_from_index(0, given.height)
    value = cells.read(name, given[name], kind.schema[name], order)
    if kind.schema[name] == pl.Date and name not in kind.required:
        value = value.set(~value.is_between(FIRST_DAY, LAST_DAY), None)
    return value


def _of_year(given: pl.DataFrame, values: Mapping[str, pl.Series], day: str, year: str) -> dict[str, pl.Series]:
    """Take the middle of the year for the date, where a row tells no more."""
    year_only = values["year_only"].fill_null(value=False)
    if year not in given.columns:
        return {"year_only": year_only}
    middle = cells.middle_of_year(cells.number(given[year]))
    unsaid = given[day].is_null() if day in given.columns else pl.Series([True]).new_from_index(0, given.height)
    from_year = unsaid & middle.is_not_null()
    return {day: values[day].zip_with(~from_year, middle), "year_only": year_only | from_year}


def _warnings(given: pl.DataFrame, values: pl.DataFrame, kind: Kind) -> list[Caution]:
    found = []
    years = int(values["year_only"].sum()) if kind.year else 0
    if years:
        message = f"Of {years:,} {kind.name} only the year is known; they count as of 1 July."
        found.append(Caution("year_only_dates", message))
    found += _stand_ins(values, kind)
    found += _zoned(given, values, kind)
    for name, lost in lost_cells(given, values, kind).items():
        rows = lost.len() - lost.null_count()
        found.append(Caution("unreadable_cells", f"{name} cannot be read in {rows:,} rows; it is missing there."))
    return found


def _stand_ins(values: pl.DataFrame, kind: Kind) -> Iterator[Caution]:
    """Tell where so many dates are one day of the year that it may stand for a year without a day."""
    if kind.year is None or kind.date is None:
        return
    days = values.filter(~pl.col("year_only"))[kind.date].drop_nulls()
    firsts = days.filter(days.dt.day() == 1).dt.month()
    usual = (~firsts.is_in([month for month, _ in _STAND_INS])).sum() / (12 - len(_STAND_INS))
    for month, name in _STAND_INS:
        count = int((firsts == month).sum())
        if count >= _LEAST and count > _MANY * len(days) and count > _APART * usual:
            message = (
                f"{count:,} of {len(days):,} {kind.name} are dated {name}. Where that stands for a year of which no day is known, "
                f"leave {kind.date} blank and put the year into {kind.year}: else they count in that month."
            )
            yield Caution("dates_for_years", message)


def _zoned(given: pl.DataFrame, values: pl.DataFrame, kind: Kind) -> Iterator[Caution]:
    """Tell of dates that were cut from times of a zone, which may not be the county's: there the day may be another."""
    for name in (name for name, wanted in kind.schema.items() if wanted == pl.Date and name in given.columns):
        zones = cells.zones(given[name].filter(values[name].is_not_null()))
        if len(zones):
            told = ", ".join(zones.unique().sort().head(_NAMED))
            message = f"{name} has times of {told} in {counted(len(zones), 'row')}; the day there is taken, which may not be the county's."
            yield Caution("dates_of_a_zone", message)
