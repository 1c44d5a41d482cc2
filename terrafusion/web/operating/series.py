"""Series over time as the geometry of a small chart; the template draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from terrafusion.web.charts.panel import runs
from terrafusion.web.charts.room import Room
from terrafusion.web.charts.scale import Numbers, Tick, Words

WIDE: Final = Room(width=572.0, left=64.0, right=26.0)
NARROW: Final = Room(width=300.0, left=62.0, right=26.0)
TOP: Final = 10.0
BOTTOM: Final = 164.0
A_MARK: Final = 65.0
MARKS: Final = 4
SPARK_WIDTH: Final = 120.0
SPARK_HEIGHT: Final = 24.0
"""Across, so much there is of an axis for each of its marks."""
FEW: Final = 1e-9
LONG: Final = timedelta(days=60)
"""Over so long a time moments are told by their month."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line: what it is called, how it is drawn, and its value at each moment; None where there is none."""

    name: str
    kind: str
    values: Numbers


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line as it is drawn, a lone point as a dot, and its last value in words."""

    name: str
    kind: str
    path: str
    dots: Sequence[tuple[float, float]]
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """Lines, and the marks of both axes, in one width."""

    width: float
    left: float
    end: float
    lines: Sequence[Drawn]
    ticks: Sequence[Tick]
    moments: Sequence[Tick]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A chart, and the same figures as a table."""

    name: str
    title: str
    wide: Sketch
    narrow: Sketch
    heads: Sequence[str]
    rows: Sequence[tuple[datetime, Sequence[str]]]
    """Newest first."""

    @property
    def is_long(self) -> bool:
        """Whether its moments are days rather than times of one."""
        return bool(self.rows) and _is_long(self.rows[-1][0], self.rows[0][0])

    @property
    def is_empty(self) -> bool:
        """Whether no line has a value."""
        return not any(line.path or line.dots for line in self.wide.lines)


def plot(
    name: str,
    title: str,
    moments: Sequence[datetime],
    series: Sequence[Series],
    *,
    words: Words | None = None,
    from_zero: bool = True,
) -> Plot:
    """Lay out series over the same moments; ``words`` writes their values, which are whole numbers without it."""
    known = [value for one in series for value in one.values if value is not None]
    low = 0.0 if from_zero else min(known, default=0.0)
    marks, words = _marks(low, max(known, default=0.0), least=0.0 if words else 1.0), words or "{:,.0f}".format
    wide, narrow = (_sketch(room, moments, series, marks, words) for room in (WIDE, NARROW))
    return Plot(
        name=name,
        title=title,
        wide=wide,
        narrow=narrow,
        heads=[one.name for one in series],
        rows=[
            (at, [_said(one.values[number], words) for one in series])
            for number, at in reversed(list(enumerate(moments)))
        ],
    )


def _sketch(
    room: Room, moments: Sequence[datetime], series: Sequence[Series], marks: Sequence[float], words: Words
) -> Sketch:
    xs, ends = _spread(len(moments), room.left, room.end), (marks[0], marks[-1])
    return Sketch(
        width=room.width,
        left=room.left,
        end=room.end,
        lines=[_drawn(one, xs, ends, words) for one in series],
        ticks=[Tick(_y(mark, ends), words(mark)) for mark in marks],
        moments=_times(moments, xs, most=int((room.end - room.left) / A_MARK)),
    )


def sparkline(values: Numbers) -> str:
    """Return the path of a line without axes, from 0 at the bottom; empty where there are fewer than two values."""
    known = [value for value in values if value is not None]
    most = max(known, default=0.0)
    xs = _spread(len(values), 1.0, SPARK_WIDTH - 1.0)
    points = [
        f"{x:g} {SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * value / max(most, 1.0):.1f}"
        for x, value in zip(xs, values, strict=True)
        if value is not None
    ]
    return "M" + " L".join(points) if len(points) > 1 else ""


def _spread(many: int, low: float, high: float) -> Sequence[float]:
    return [round(low + (high - low) * number / max(many - 1, 1), 1) for number in range(many)]


def _marks(low: float, high: float, *, least: float) -> Sequence[float]:
    """Return round marks from no more than ``low`` to no less than ``high``, no nearer to each other than ``least``."""
    if high <= low:
        return [low, low + 1.0]
    rough = max((high - low) / MARKS, least, FEW)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * (1 - FEW))
    first = math.floor(low / step + FEW)
    return [step * number for number in range(first, max(first + 1, math.ceil(high / step - FEW)) + 1)]


def _y(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return round(BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low), 1)


def _drawn(one: Series, xs: Sequence[float], ends: tuple[float, float], words: Words) -> Drawn:
    stretches = [[(x, _y(value, ends)) for x, value in run] for run in runs(xs, one.values)]
    path = " ".join("M" + " L".join(f"{x:g} {y:g}" for x, y in run) for run in stretches if len(run) > 1)
    last = next((value for value in reversed(one.values) if value is not None), None)
    return Drawn(one.name, one.kind, path, [run[0] for run in stretches if len(run) == 1], _said(last, words))


def _times(moments: Sequence[datetime], xs: Sequence[float], *, most: int) -> Sequence[Tick]:
    """Mark some moments, so that the last one is among them."""
    every = max(1, math.ceil(len(moments) / most))
    chosen = range((len(moments) - 1) % every, len(moments), every)
    written = "%Y-%m" if moments and _is_long(moments[0], moments[-1]) else "%H:%M"
    return [Tick(xs[number], moments[number].strftime(written)) for number in chosen]


def _is_long(first: datetime, last: datetime) -> bool:
    return last - first > LONG


def _said(value: float | None, words: Words) -> str:
    return "\N{EN DASH}" if value is None else words(value)
