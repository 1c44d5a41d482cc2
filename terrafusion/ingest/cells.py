"""Reading cells: text as counties write it into numbers, dates and flags. What cannot be read is null."""

from __future__ import annotations

from typing import Final

import polars as pl

NUMBER: Final = r"^-?[$€£]?-?(\d{1,3}([, \x{a0}]\d{3})+|\d+)(\.\d*)?$"
"""A number with a currency sign or thousands separators; `1,5` is none, for nobody knows what it means."""
ISO_DATE: Final = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
FLAGS: Final = {"true": True, "t": True, "yes": True, "y": True, "1": True} | {
    "false": False, "f": False, "no": False, "n": False, "0": False,
}  # fmt: skip
STORIES: Final = {
    "one": 1.0, "one+half": 1.5, "two": 2.0, "two+half": 2.5, "three": 3.0, "three+half": 3.5, "four": 4.0,
}  # fmt: skip
PLAUSIBLE: Final[dict[str, tuple[float, float]]] = {
    "assessed_value": (0, 1e12),
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
"""Bounds, inclusive, outside which a number cannot be what its column says: it is read as unreadable."""
READABLE: Final = "text, numbers, dates or true and false"


def is_readable(given: pl.DataType) -> bool:
    """Say whether a column of this type holds what a cell can be: no lists, structs, bytes or spans of time."""
    return not (given.is_nested() or given in (pl.Binary, pl.Object, pl.Duration, pl.Time))


def cell(column: str, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """Read a column of type ``given`` as ``wanted``."""
    if wanted == pl.String:
        return zip_code(text(column, given)) if column == "zip_code" else text(column, given)
    if wanted == pl.Date:
        return day(column, given)
    if wanted == pl.Boolean:
        return text(column, given).str.to_lowercase().replace_strict(FLAGS, default=None, return_dtype=pl.Boolean)
    value = number(column, given)
    if column == "stories" and given == pl.String:
        words = text(column, given).str.to_lowercase()
        value = pl.coalesce(value, words.replace_strict(STORIES, default=None, return_dtype=pl.Float64))
    return _plausible(column, value, wanted)


def _plausible(column: str, value: pl.Expr, wanted: pl.DataType) -> pl.Expr:
    if column in PLAUSIBLE:
        value = pl.when(value.is_between(*PLAUSIBLE[column])).then(value)
    if wanted.is_integer():
        return pl.when(value == value.round()).then(value).cast(wanted, strict=False)
    return value


def text(column: str, given: pl.DataType) -> pl.Expr:
    """Read any column as text, trimmed; blank is null, and a whole number has no decimal point."""
    value = pl.col(column)
    if given.is_float():
        value = pl.when(value == value.round()).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(
            value.fill_nan(None).cast(pl.String)
        )  # fmt: skip
    trimmed = value.cast(pl.String).str.strip_chars()
    return pl.when(trimmed != "").then(trimmed)


def number(column: str, given: pl.DataType) -> pl.Expr:
    """Read a number; currency signs and thousands separators are understood, infinity and NaN are none."""
    if given.is_numeric():
        value = pl.col(column).cast(pl.Float64)
    else:
        written = text(column, given)
        bare = pl.when(written.str.contains(NUMBER)).then(written.str.replace_all(r"[^0-9.-]", ""))
        value = pl.coalesce(written.cast(pl.Float64, strict=False), bare.cast(pl.Float64, strict=False))
    return pl.when(value.is_finite()).then(value)


def day(column: str, given: pl.DataType) -> pl.Expr:
    """Read a date: ISO 8601 text, with or without a time of day, or a column of dates."""
    if given == pl.Date:
        return pl.col(column)
    if isinstance(given, pl.Datetime):
        return pl.col(column).dt.date()
    written = text(column, given)
    iso = pl.when(written.str.contains(ISO_DATE)).then(written.str.slice(0, 10))
    return iso.str.to_date("%Y-%m-%d", strict=False)


def middle_of_year(year: pl.Expr) -> pl.Expr:
    """Return 1 July, the day of a sale of which only the year is known."""
    whole = pl.when(year.is_between(1, 9999) & (year == year.round())).then(year)
    return pl.when(whole.is_not_null()).then(pl.date(whole.cast(pl.Int32), 7, 1))


def zip_code(written: pl.Expr) -> pl.Expr:
    """Cut ZIP+4 to five digits, and give back the leading zeros that spreadsheets drop."""
    plain = written.str.replace(r"^(\d{5})-?\d{4}$", "$1")
    return pl.when(plain.str.contains(r"^\d{3,4}$")).then(plain.str.zfill(5)).otherwise(plain)
