"""Reading columns: text as counties write it into numbers, dates and flags. What cannot be read is null."""

from __future__ import annotations

from typing import Final

import polars as pl

NUMBER: Final = r"^-?[$€£]? ?-?(\d{1,3}([, \x{a0}]\d{3})+|\d+)(\.\d*)?$"
"""A number with a currency sign or thousands separators; `1,5` is none, for nobody knows what it means."""
TIMED: Final = r"^(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$"
"""An ISO date with a time of day, which is dropped."""
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
"""Bounds, inclusive, outside which a number cannot be what its column says; it is null then."""
READABLE: Final = "text, numbers, dates or true and false"


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


def read(name: str, column: pl.Series, wanted: pl.DataType) -> pl.Series:
    """Read a tidy column as the type that the schema wants of a column of this name."""
    if wanted == pl.String:
        return zip_code(text(column)) if name == "zip_code" else text(column)
    if wanted == pl.Date:
        return day(column)
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
    """Read a number; currency signs and thousands separators are understood, infinity is none."""
    value = column.cast(pl.Float64, strict=False)
    odd = value.is_null() & column.is_not_null()
    if column.dtype == pl.String and odd.any():
        written = column.set(~odd, None)
        bare = written.set(~written.str.contains(NUMBER), None).str.replace_all(r"[^0-9.-]", "")
        value = value.fill_null(bare.cast(pl.Float64, strict=False))
    return value.set(~value.is_finite(), None) + 0.0  # so that there is one zero, not two


def day(column: pl.Series) -> pl.Series:
    """Read a date: ISO 8601 text, with or without a time of day, or a column of dates."""
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.date()
    if column.dtype != pl.String:
        return column.cast(pl.Date, strict=False) if column.dtype == pl.Date else _none(column, pl.Date())
    value = _iso(column)
    odd = value.is_null() & column.is_not_null()
    return value.fill_null(_iso(column.set(~odd, None).str.extract(TIMED))) if odd.any() else value


def _iso(column: pl.Series) -> pl.Series:
    full = column.set(column.str.len_bytes() != len("2014-05-31"), None)
    return full.str.to_date("%Y-%m-%d", strict=False)


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
