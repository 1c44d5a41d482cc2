"""From values to places: round marks, and linear, logarithmic and calendar axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from terrafusion.wording import dollars

Numbers = Sequence[float | None]
Words = Callable[[float], str]

MOST_LABELS: Final = 9
MIN_YEARS: Final = 4
"""From so many years on, a time axis is marked where each year begins."""
MIN_SPREAD: Final = 1e-9
LARGEST: Final = 1e300
FAR: Final = 8.0
"""Between values so many times apart, a logarithmic axis is marked by powers of ten."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, in user units, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from values to user units, linear in the values or in their logarithms."""

    low: float
    high: float
    start: float
    end: float
    logs: bool = False

    def __call__(self, value: float) -> float:
        """Return where a value lies."""
        low, high = self._on(self.low), self._on(self.high)
        return round(self.start + (self._on(value) - low) / (high - low) * (self.end - self.start), 1)

    def _on(self, value: float) -> float:
        return math.log(max(value, MIN_SPREAD)) if self.logs else value


@dataclass(frozen=True, slots=True)
class Marked:
    """An axis with its marks."""

    axis: Axis
    ticks: Sequence[Tick]


def known(*columns: Numbers) -> list[float]:
    """Return the numbers of columns that are known."""
    return [value for column in columns for value in column if value is not None]


def number(value: Any) -> float | None:
    """Return a number; None for what is none, and for one so large that its axis would have no end."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    return float(value) if usable else None


def column(rows: Sequence[Mapping[str, Any]], name: str) -> Numbers:
    """Return a column of rows; None where a row has no finite number."""
    return [number(row.get(name)) for row in rows]


def nice_marks(low: float, high: float, *, wanted: int = 5) -> Sequence[float]:
    """Return round, evenly spaced marks that cover ``low`` to ``high``."""
    spread = max(high - low, abs(high) * MIN_SPREAD, MIN_SPREAD)
    rough = spread / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * mark for mark in range(first, max(last, first + 1) + 1)]


def log_marks(low: float, high: float) -> Sequence[float]:
    """Return marks of one, two or five times a power of ten that cover ``low`` to ``high``, both above 0."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    marks = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    first = max(place for place, mark in enumerate(marks) if mark <= low)
    last = min((place for place, mark in enumerate(marks) if mark >= high), default=len(marks) - 1)
    return marks[first : max(last, first + 1) + 1]


def linear(values: Sequence[float], start: float, end: float, words: Words, *, wanted: int = 5) -> Marked:
    """Make an axis that holds ``values``, of which there is one at least."""
    marks = nice_marks(min(values), max(values), wanted=wanted)
    return _marked(Axis(marks[0], marks[-1], start, end), marks, words)


def exact(low: float, high: float, start: float, end: float, words: Words, *, logs: bool = False) -> Marked:
    """Make an axis from ``low`` to ``high``, which differ, with the round marks between them."""
    axis = Axis(low, high, start, end, logs=logs)
    marks = log_marks(low, high) if logs and high > FAR * low else nice_marks(low, high, wanted=5 if logs else 8)
    return _marked(axis, [mark for mark in marks if low <= mark <= high], words)


def logarithmic(values: Sequence[float], start: float, end: float, words: Words) -> Marked:
    """Make a logarithmic axis that holds ``values``, all above 0."""
    return exact(min(values) / 1.05, max(values) * 1.05, start, end, words, logs=True)


def _marked(axis: Axis, marks: Sequence[float], words: Words) -> Marked:
    return Marked(axis, [Tick(axis(mark), words(mark)) for mark in marks])


def calendar(days: Sequence[int], names: Sequence[str], start: float, end: float) -> Marked:
    """Make an axis of days, numbered as `date.toordinal` does, marked where named periods begin; an empty name marks nothing."""
    axis = Axis(min(days), max(*days, min(days) + 1), start, end)
    named = [Tick(axis(day), name) for day, name in sorted(set(zip(days, names, strict=True))) if name]
    years = [next(ticks) for _, ticks in groupby(named, key=lambda tick: tick.text[:4])]
    shown = [Tick(tick.at, tick.text[:4]) for tick in years] if len(years) >= MIN_YEARS else named
    return Marked(axis, shown[:: max(1, math.ceil(len(shown) / MOST_LABELS))])


def day_of(value: Any) -> int | None:
    """Return the number of a date, or of ISO text of one; None for what is neither."""
    try:
        day = value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
    return day.toordinal()


def short_dollars(value: float) -> str:
    """Write an amount of dollars on an axis, in thousands, millions or billions where it is large."""
    for unit, size in (("bn", 1e9), ("m", 1e6), ("k", 1e3)):
        if abs(value) >= 10 * size or (abs(value) >= size and unit != "k"):
            return f"{'-' if value < 0 else ''}${abs(value) / size:,.4g}{unit}"
    return dollars(value)


def plain(value: float) -> str:
    """Write a mark of an axis without a unit."""
    return f"{value + 0.0:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"  # noqa: PLR2004
