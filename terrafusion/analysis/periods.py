"""Periods: weeks as ISO counts them, months, quarters, years. Each has a number; neighbours differ by one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import polars as pl

PERIODS: Final = ("week", "month", "quarter", "year")
"""From the finest to the widest."""

PER_YEAR: Final = {"week": 52, "month": 12, "quarter": 4, "year": 1}
"""How many periods back «the same period a year before» lies."""

_MONDAY_BEFORE_EPOCH: Final = 3  # 1970-01-01 was a Thursday
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


def numbers(days: pl.Series, period: str) -> pl.Series:
    """Return the number of the period that each date lies in (Int32).

    Looked up in a table of all days from the first to the last: there are far fewer days than sales.
    """
    since = days.cast(pl.Int32)
    first, last = since.min(), since.max()
    if not isinstance(first, int) or not isinstance(last, int):
        return since
    table = pl.int_range(first, last + 1, dtype=pl.Int32, eager=True).cast(pl.Date).alias("day").to_frame()
    return table.select(_number(pl.col("day"), period)).to_series().gather(since - first)


def _number(day: pl.Expr, period: str) -> pl.Expr:
    if period == "week":
        return (day.cast(pl.Int32) + _MONDAY_BEFORE_EPOCH).floordiv(7)
    months = day.dt.year().cast(pl.Int32) * 12 + day.dt.month().cast(pl.Int32) - 1
    return months.floordiv(_MONTHS[period])


def start(ordinal: int, period: str) -> date:
    """Return the first day of the period of that number."""
    if period == "week":
        return date(1970, 1, 1) + timedelta(days=7 * ordinal - _MONDAY_BEFORE_EPOCH)
    year, month = divmod(ordinal * _MONTHS[period], 12)
    return date(year, month + 1, 1)


def label(ordinal: int, period: str) -> str:
    """Return the period's name: ``2014-W07``, ``2014-07``, ``2014-Q3``, ``2014``."""
    first = start(ordinal, period)
    if period == "week":
        iso = first.isocalendar()
        return f"{iso.year}-W{iso.week:02d}"
    if period == "quarter":
        return f"{first.year}-Q{(first.month + 2) // 3}"
    return f"{first:%Y-%m}" if period == "month" else f"{first:%Y}"


def calendar(first: int, last: int, period: str, *, covered: tuple[date, date]) -> pl.DataFrame:
    """List the periods from ``first`` to ``last``: number, name, first and last day, and whether it is partial.

    A period is partial when it is not wholly inside ``covered``, the days that the records speak of.
    """
    numbers = range(first, last + 1)
    starts = [start(ordinal, period) for ordinal in numbers]
    ends = [start(ordinal + 1, period) - timedelta(days=1) for ordinal in numbers]
    columns = {
        "ordinal": pl.Series(numbers, dtype=pl.Int32),
        "period": pl.Series([label(ordinal, period) for ordinal in numbers], dtype=pl.String),
        "period_start": pl.Series(starts, dtype=pl.Date),
        "period_end": pl.Series(ends, dtype=pl.Date),
    }
    inside = (pl.col("period_start") >= covered[0]) & (pl.col("period_end") <= covered[1])
    return pl.DataFrame(columns).with_columns(partial=~inside)


PAUSE_DAYS: Final = 366  # sales of which only the year is known lie so far apart across a 29 February
_STRAY_SHARE: Final = 0.01


def coverage(days: pl.Series) -> tuple[date, date] | None:
    """Say from when to when sales were recorded, given the days with sales; None without any.

    The last day is stretched by the longest pause between sale days within a year of it (weekends,
    holidays, quiet weeks of a small county), and likewise the first: only a longer silence says that
    recording had not begun or has not gone on. Days long before or after all others do not count.
    """
    known = days.drop_nulls().unique().sort()
    begin, end = _strays(days, known)
    known = known.filter((known >= (begin or date.min)) & (known < (end or date.max)))
    if known.is_empty():
        return None
    first, last = known[0], known[-1]
    year = timedelta(days=366)
    return first - _pause(known.filter(known <= first + year)), last + _pause(known.filter(known >= last - year))


def strays(days: pl.Series) -> tuple[date | None, date | None]:
    """Return the day before which, and the day from which on, lie less than a hundredth of the sales.

    Each follows a pause of more than a year: the last such day of the first kind, the first of the second; None without.
    """
    return _strays(days, days.unique().sort())


def _strays(days: pl.Series, known: pl.Series) -> tuple[date | None, date | None]:
    begins = known.filter((known.diff().dt.total_days() > PAUSE_DAYS).fill_null(value=False))
    few = _STRAY_SHARE * len(days)
    early = (day for day in reversed(begins.to_list()) if (days < day).sum() < few)
    late = (day for day in begins if (days >= day).sum() < few)
    return next(early, None), next(late, None)


def _pause(days: pl.Series) -> timedelta:
    gap = days.diff().max()
    return gap if isinstance(gap, timedelta) else timedelta(0)
