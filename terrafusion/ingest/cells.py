"""Reading columns: text as counties write it into numbers, dates and flags. What cannot be read is null."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import polars as pl

NUMBER: Final = r"^-?\$? ?-?(\d{1,3}([, \x{a0}]\d{3})+|\d+)(\.\d*)?$"
"""A number with a dollar sign or thousands separators; `1,5` is none, for nobody knows what it means."""
FOREIGN: Final = r"[\p{Sc}--\$]"
"""The sign of a currency other than dollars."""
WRITTEN: Final = (
    r"^(\d{8}|\d{4}(?:-\d{1,2}-|/\d{1,2}/|\.\d{1,2}\.)\d{1,2}|\d{1,2}(?:-\d{1,2}-|/\d{1,2}/|\.\d{1,2}\.)\d{4})"
    r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?(?:Z|[+-]\d{2}:?\d{2})?)?$"
)
"""A date of three numbers, the year of four digits; a time of day behind it is dropped."""
ZONE: Final = r":\d{2}(?:\.\d+)?(?: ?[AaPp][Mm])?(Z|[+-]\d{2}:?\d{2})$"
"""The zone of a time of day."""
YEAR: Final = r"^(?:1[89]|2[01])\d{2}$"
"""A year in place of a date."""
YEAR_FIRST: Final = r"^(\d{4})(?:\D(\d{1,2})\D|(\d{2}))(\d{1,2})$"
YEAR_LAST: Final = r"^(\d{1,2})\D(\d{1,2})\D(\d{4})$"
FLAGS: Final = {"true": True, "t": True, "yes": True, "y": True, "1": True} | {
    "false": False, "f": False, "no": False, "n": False, "0": False,
}  # fmt: skip
STORIES: Final = {
    "one": 1.0, "one+half": 1.5, "two": 2.0, "two+half": 2.5, "three": 3.0, "three+half": 3.5, "four": 4.0,
}  # fmt: skip
PLAUSIBLE: Final[dict[str, tuple[float, float]]] = {
    "assessed_value": (0, 1e12),
    "market_value": (0, 1e12),
    "land_value": (0, 1e12),
    "improvement_value": (0, 1e12),
    "last_sale_price": (0, 1e12),
    "assessment_year": (1800, 2200),
    "latitude": (-90, 90),
    "longitude": (-180, 180),
    "building_size_sqft": (0, 1e9),
    "lot_size_sqft": (0, 1e12),
    "year_built": (1600, 2200),
    "bedrooms": (0, 1e5),
    "bathrooms": (0, 1e5),
    "stories": (0, 200),
    "parcels_in_deed": (1, 1e6),
}
"""Bounds, inclusive, outside which a number cannot be what its column says; it is null then."""
READABLE: Final = "text, numbers, dates or true and false"


class DateOrder(StrEnum):
    """What stands first in dates such as 03/04/2014, where a file does not say it by itself."""

    MONTH_FIRST = "month-first"
    DAY_FIRST = "day-first"


def is_readable(given: pl.DataType) -> bool:
    """Say whether a column of this type holds what a cell can be: no lists, structs, bytes or spans of time."""
    return not (given.is_nested() or given in (pl.Binary, pl.Object, pl.Duration, pl.Time))


def tidy(column: pl.Series) -> pl.Series:
    """Trim text; blank text and NaN are null."""
    if column.dtype.is_float():
        return column.fill_nan(None)
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype != pl.String:
        return column
    trimmed = column.str.strip_chars()
    return trimmed.set(trimmed == "", None)


def read(name: str, column: pl.Series, wanted: pl.DataType, order: DateOrder | None = None) -> pl.Series:
    """Read a tidy column as the type that the schema wants of a column of this name."""
    if wanted == pl.String:
        return zip_code(text(column)) if name == "zip_code" else text(column)
    if wanted == pl.Date:
        return day(column, order)
    if wanted == pl.Boolean:
        return text(column).str.to_lowercase().replace_strict(FLAGS, default=None, return_dtype=pl.Boolean)
    value = number(column)
    if name == "stories" and column.dtype == pl.String:
        words = column.str.to_lowercase()
        value = value.fill_null(words.replace_strict(STORIES, default=None, return_dtype=pl.Float64))
    return _plausible(name, value, wanted)


def _plausible(name: str, value: pl.Series, wanted: pl.DataType) -> pl.Series:
    if name in PLAUSIBLE:
        value = value.set(~value.is_between(*PLAUSIBLE[name]), None)
    if wanted.is_integer():
        return value.set(value != value.round(), None).cast(wanted, strict=False)
    return value


def text(column: pl.Series) -> pl.Series:
    """Read any column as text; a whole number has no decimal point."""
    if not column.dtype.is_float():
        return column.cast(pl.String)
    whole = (column == column.round()) & (column.abs() < 2**53)
    return (
        column.cast(pl.Int64, strict=False)
        .cast(pl.String)
        .zip_with(whole.fill_null(value=False), column.cast(pl.String))
    )


def number(column: pl.Series) -> pl.Series:
    """Read a number; dollar signs and thousands separators are understood, infinity is none."""
    value = column.cast(pl.Float64, strict=False)
    odd = value.is_null() & column.is_not_null()
    if column.dtype == pl.String and odd.any():
        written = column.set(~odd, None)
        bare = written.set(~written.str.contains(NUMBER), None).str.replace_all(r"[^0-9.-]", "")
        value = value.fill_null(bare.cast(pl.Float64, strict=False))
    return value.set(~value.is_finite(), None) + 0.0  # so that there is one zero, not two


def is_foreign(column: pl.Series) -> pl.Series:
    """Say which cells are in another currency than dollars."""
    if column.dtype != pl.String:
        return pl.Series([False]).new_from_index(0, column.len())
    return column.str.contains(FOREIGN).fill_null(value=False)


def day(column: pl.Series, order: DateOrder | None = None) -> pl.Series:
    """Read a date: ISO 8601, year first, or with the year last in the one order that it can have or ``order`` says.

    `03/04/2014` without an order is null, for it may be either. A time of day is dropped: the date is that of its `zones`.
    """
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.date()
    if column.dtype == pl.Date:
        return column
    if not (column.dtype == pl.String or column.dtype.is_numeric()):
        return _none(column, pl.Date())
    value = _iso(written := text(column))
    odd = value.is_null() & written.is_not_null()
    return value.fill_null(_otherwise(written.set(~odd, None), order)) if odd.any() else value


def zones(column: pl.Series) -> pl.Series:
    """Return the zones of the times of day in a tidy column of dates, one for each cell that has one."""
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        return pl.Series([column.dtype.time_zone]).new_from_index(0, column.count())
    if column.dtype != pl.String:
        return pl.Series(dtype=pl.String)
    timed = column.filter(column.str.len_bytes() > len("2014-05-31"))
    return timed.str.extract(ZONE).drop_nulls().replace("Z", "UTC")


def is_ambiguous(column: pl.Series) -> pl.Series:
    """Say which dates have two readings that differ."""
    if column.dtype != pl.String:
        return pl.Series([False]).new_from_index(0, column.len())
    by_month, by_day = _readings(column)
    return (by_month != by_day).fill_null(value=False)


def is_year(column: pl.Series) -> pl.Series:
    """Say which cells are no date but a year."""
    return text(column).str.contains(YEAR).fill_null(value=False)


def _otherwise(written: pl.Series, order: DateOrder | None) -> pl.Series:
    by_month, by_day = _readings(written)
    if order is not None:
        return by_month if order is DateOrder.MONTH_FIRST else by_day
    return by_month.fill_null(by_day).set((by_month != by_day).fill_null(value=False), None)


def _readings(written: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Read dates with the month before the day, and with the day before the month; the year first is one reading."""
    known = written.str.extract(WRITTEN)
    iso = known.str.replace(YEAR_FIRST, "$1-$2$3-$4")
    return _calendar(iso.str.replace(YEAR_LAST, "$3-$1-$2")), _calendar(iso.str.replace(YEAR_LAST, "$3-$2-$1"))


def _calendar(written: pl.Series) -> pl.Series:
    return written.str.to_date("%Y-%m-%d", strict=False)


def _iso(column: pl.Series) -> pl.Series:
    return _calendar(column.set(column.str.len_bytes() != len("2014-05-31"), None))


def _none(column: pl.Series, kind: pl.DataType) -> pl.Series:
    return pl.Series(column.name, [None], kind).new_from_index(0, column.len())


def middle_of_year(year: pl.Series) -> pl.Series:
    """Return 1 July, the day of a sale of which only the year is known."""
    whole = year.set(~year.is_between(1, 9999) | (year != year.round()), None).cast(pl.Int32)
    return whole.to_frame("year").select(pl.when(whole.is_not_null()).then(pl.date("year", 7, 1))).to_series()


def zip_code(written: pl.Series) -> pl.Series:
    """Cut ZIP+4 to five digits, and give back the leading zeros that spreadsheets drop."""
    plain = written.str.replace(r"^(\d{5})-?\d{4}$", "$1")
    return plain.str.zfill(5).zip_with(plain.str.contains(r"^\d{3,4}$").fill_null(value=False), plain)
