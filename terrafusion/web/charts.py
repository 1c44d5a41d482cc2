"""Trend points as the geometry of a chart: numbers in, paths and labels out. The template draws them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final

from terrafusion.wording import dollars

Point = Mapping[str, Any]
Numbers = Sequence[float | None]
Words = Callable[[float], str]

WIDTH: Final = 760.0
LEFT: Final = 64.0
RIGHT: Final = 14.0
GAP: Final = 34.0
MOST_DOTS: Final = 60
MOST_LABELS: Final = 9
MIN_YEARS: Final = 4
"""From so many years on, the time axis is marked where each year begins."""
MIN_SPREAD: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, in user units, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A drawn series: its class and its path, broken where a value is missing."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point with what it stands for."""

    x: float
    y: float
    text: str
    partial: bool
    """The period was not over."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A column from the panel's floor."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One of the charts that share the time axis."""

    title: str
    top: float
    bottom: float
    ticks: Sequence[Tick]
    bands: Sequence[str] = ()
    lines: Sequence[Line] = ()
    dots: Sequence[Dot] = ()
    bars: Sequence[Bar] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels over one time axis."""

    width: float
    height: float
    left: float
    right: float
    panels: Sequence[Panel]
    periods: Sequence[Tick]
    has_index: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from values to user units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where a value lies."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one group in order of time, and where each lies; an empty one where periods are left out."""

    rows: Sequence[Point]
    xs: Sequence[float]

    def numbers(self, name: str) -> Numbers:
        """Return a column; None where a point has no finite number."""
        return [_number(row.get(name)) for row in self.rows]

    def names(self) -> Sequence[str]:
        """Return what each period is called."""
        return [str(row.get("period", "")) for row in self.rows]


def price_chart(rows: Sequence[Point]) -> Chart | None:
    """Lay out a group's medians with their interval, its constant-quality index and its volume.

    None where fewer than two points have a median to draw.
    """
    points = _placed(rows)
    if sum(value is not None for value in points.numbers("median_price")) < 2:  # noqa: PLR2004
        return None
    prices = _prices(points, top=24)
    index = _index(points, top=prices.bottom + GAP)
    volume = _volume(points, top=(index or prices).bottom + GAP)
    panels = [panel for panel in (prices, index, volume) if panel is not None]
    return Chart(WIDTH, panels[-1].bottom + 26, LEFT, WIDTH - RIGHT, panels, _periods(points), index is not None)


def _placed(rows: Sequence[Point]) -> Points:
    dated = [(start, row) for row in rows if (start := _date(row.get("period_start")))]
    days = [start.toordinal() for start, _ in dated]
    if not days:
        return Points([], [])
    axis = Axis(min(days), max(*days, min(days) + 1), LEFT + 10, WIDTH - RIGHT - 10)
    placed = list(_with_gaps(sorted(dated, key=lambda pair: pair[0])))
    return Points([row for _, row in placed], [axis(start.toordinal()) for start, _ in placed])


def _with_gaps(dated: Sequence[tuple[date, Point]]) -> Iterator[tuple[date, Point]]:
    ended: date | None = None
    for start, row in dated:
        if ended and start > ended + timedelta(days=1):
            yield ended, {}
        yield start, row
        ended = _date(row.get("period_end"))


def _prices(points: Points, *, top: float) -> Panel:
    median = points.numbers("median_price")
    low, high = points.numbers("median_ci_low"), points.numbers("median_ci_high")
    axis, ticks = _axis([*median, *low, *high], top, top + 190, dollars)
    return Panel(
        title="Median price, with its interval",
        top=top,
        bottom=top + 190,
        ticks=ticks,
        bands=list(_bands(points.xs, low, high, axis)),
        lines=[Line("median", _path(points.xs, median, axis))],
        dots=list(_dots(points, median, axis, dollars)),
    )


def _index(points: Points, *, top: float) -> Panel | None:
    index = points.numbers("index")
    if sum(value is not None for value in index) < 2:  # noqa: PLR2004
        return None
    low, high = points.numbers("index_ci_low"), points.numbers("index_ci_high")
    raw = rebased(points.numbers("median_price"), index)
    axis, ticks = _axis([*index, *low, *high, *raw], top, top + 150, _plain)
    return Panel(
        title="Constant-quality index beside the raw median, 100 at the start",
        top=top,
        bottom=top + 150,
        ticks=ticks,
        bands=list(_bands(points.xs, low, high, axis)),
        lines=[Line("raw", _path(points.xs, raw, axis)), Line("index", _path(points.xs, index, axis))],
        dots=list(_dots(points, index, axis, "{:.1f}".format)),
    )


def _volume(points: Points, *, top: float) -> Panel | None:
    sales = points.numbers("sales_volume")
    if not any(sales):
        return None
    bottom = top + 60
    axis, ticks = _axis([0.0, *sales], top, bottom, _plain)
    width = max(1.5, min(14.0, (WIDTH - LEFT - RIGHT) / len(sales) * 0.7))
    bars = [
        Bar(round(x - width / 2, 1), axis(n), round(width, 1), round(bottom - axis(n), 1), f"{name}: {n:,.0f} sales")
        for x, n, name in zip(points.xs, sales, points.names(), strict=True)
        if n
    ]
    return Panel(title="Sales", top=top, bottom=bottom, ticks=[ticks[0], ticks[-1]], bars=bars)


def rebased(values: Numbers, base: Numbers) -> Numbers:
    """Scale ``values`` so that they meet ``base`` at the first period where both are known."""
    both = ((value, level) for value, level in zip(values, base, strict=True) if value and level)
    first = next(both, None)
    if first is None:
        return [None] * len(values)
    return [None if value is None else value / first[0] * first[1] for value in values]


def _axis(values: Numbers, top: float, bottom: float, words: Words) -> tuple[Axis, Sequence[Tick]]:
    known = [value for value in values if value is not None]
    marks = nice_marks(min(known), max(known))
    axis = Axis(marks[0], marks[-1], bottom, top)
    return axis, [Tick(axis(mark), words(mark)) for mark in marks]


def nice_marks(low: float, high: float, *, wanted: int = 5) -> Sequence[float]:
    """Return round, evenly spaced marks that cover ``low`` to ``high``."""
    spread = max(high - low, abs(high) * MIN_SPREAD, MIN_SPREAD)
    rough = spread / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * mark for mark in range(first, max(last, first + 1) + 1)]


def _runs(xs: Sequence[float], *columns: Numbers) -> Iterator[Sequence[tuple[float, ...]]]:
    run: list[tuple[float, ...]] = []
    for x, *values in zip(xs, *columns, strict=True):
        known = tuple(value for value in values if value is not None)
        if len(known) == len(columns):
            run.append((x, *known))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _path(xs: Sequence[float], values: Numbers, axis: Axis) -> str:
    return " ".join(
        "M" + " L".join(f"{x:g} {axis(value):g}" for x, value in run) for run in _runs(xs, values) if len(run) > 1
    )


def _bands(xs: Sequence[float], low: Numbers, high: Numbers, axis: Axis) -> Iterator[str]:
    for run in _runs(xs, low, high):
        upper = [f"{x:g} {axis(top):g}" for x, _, top in run]
        lower = [f"{x:g} {axis(bottom):g}" for x, bottom, _ in reversed(run)]
        yield "M" + " L".join([*upper, *lower]) + " Z"


def _dots(points: Points, values: Numbers, axis: Axis, words: Words) -> Iterator[Dot]:
    lonely = {run[0][0] for run in _runs(points.xs, values) if len(run) == 1}
    for x, value, row in zip(points.xs, values, points.rows, strict=True):
        partial = bool(row.get("partial"))
        if value is not None and (len(values) <= MOST_DOTS or x in lonely or partial):
            yield Dot(x, axis(value), f"{row.get('period')}: {words(value)}", partial)


def _periods(points: Points) -> Sequence[Tick]:
    named = [Tick(x, name) for x, name in zip(points.xs, points.names(), strict=True) if name]
    years = [next(ticks) for _, ticks in groupby(named, key=lambda tick: tick.text[:4])]
    shown = [Tick(tick.at, tick.text[:4]) for tick in years] if len(years) >= MIN_YEARS else named
    return shown[:: max(1, math.ceil(len(shown) / MOST_LABELS))]


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None


def _date(value: Any) -> date | None:
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _plain(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"  # noqa: PLR2004
