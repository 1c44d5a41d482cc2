"""Charts over time: lines with the bands of their intervals, and columns, in panels over one axis of days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from terrafusion.web.charts.panel import Panel, runs
from terrafusion.web.charts.room import Room, in_both
from terrafusion.web.charts.scale import (
    Marked,
    Numbers,
    Words,
    calendar,
    column,
    day_of,
    known,
    linear,
    logarithmic,
    number,
    plain,
)
from terrafusion.web.charts.shapes import Drawing, Key, Shape

GAP: Final = 10.0
"""Below a panel, before the heading of the next."""
A_DOT: Final = 11.0
"""Across, below which points of a line are not marked."""
WIDEST: Final = 1.0
"""Of the span of a line's values, so much room there is for its interval on either side."""
FEW_LINES: Final = 2
"""Of more lines the points are not marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: its periods, in order, with an empty place where periods are left out, and its values with their interval."""

    kind: str
    name: str
    days: Sequence[int]
    periods: Sequence[str]
    values: Numbers
    low: Numbers = ()
    high: Numbers = ()
    partial: Sequence[bool] = ()

    @property
    def is_line(self) -> bool:
        """Whether there are two values at least."""
        return len(known(self.values)) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One of the panels over the time axis."""

    title: str
    series: Sequence[Series]
    words: Words = plain
    marks: Words | None = None
    """How the axis is written, where not as values are."""
    height: float = 170.0
    logs: bool = False
    as_columns: bool = False
    level: float | None = None
    """A value to draw a line across at."""
    unit: str = ""
    """What follows a value in words."""


def series_of(
    rows: Sequence[Mapping[str, Any]],
    name: str,
    *,
    kind: str,
    says: str,
    ends: tuple[str, str] | None = None,
) -> Series:
    """Take a column of rows that have ``period``, ``period_start`` and perhaps ``period_end``, and its interval's ``ends``."""
    placed = list(_with_gaps(sorted(_dated(rows), key=lambda pair: pair[0])))
    there = [row for _, row in placed]
    return Series(
        kind=kind,
        name=says,
        days=[day for day, _ in placed],
        periods=[str(row.get("period", "")) for row in there],
        values=column(there, name),
        low=column(there, ends[0]) if ends else (),
        high=column(there, ends[1]) if ends else (),
        partial=[bool(row.get("partial")) for row in there],
    )


def _dated(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for row in rows:
        day = day_of(row.get("period_start"))
        if day is not None:
            yield day, row


def _with_gaps(dated: Sequence[tuple[int, Mapping[str, Any]]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    ended: int | None = None
    for start, row in dated:
        if ended is not None and start > ended + 1:
            yield ended, {}
        yield start, row
        ended = day_of(row.get("period_end"))


def rebased(values: Numbers, base: Numbers) -> Numbers:
    """Scale ``values`` so that they meet ``base`` at the first period where both are known."""
    both = ((value, level) for value, level in zip(values, base, strict=True) if value and level)
    first = next(both, None)
    if first is None:
        return [None] * len(values)
    return [None if value is None else value / first[0] * first[1] for value in values]


@in_both
def over_time(room: Room, title: str, strips: Sequence[Strip], *, also: Sequence[Key] = ()) -> Drawing | None:
    """Lay out panels over one time axis; None where the first has fewer than two values to draw."""
    shown = [strip for strip in strips if any(one.is_line for one in strip.series)]
    if not shown or shown[0] is not strips[0]:
        return None
    days = [
        (day, name) for strip in shown for one in strip.series for day, name in zip(one.days, one.periods, strict=True)
    ]
    times = calendar([day for day, _ in days], [name for _, name in days], room.left + 10, room.end - 10)
    shapes, top = [], room.top
    for strip in shown:
        panel = Panel(x=times, y=_upright(strip, top), title=strip.title)
        shapes += [*panel.grid(room), *_drawn(panel, strip)]
        top += strip.height + GAP + room.top
    shapes += panel.across(room)
    about = ". ".join(strip.title for strip in shown)
    legend = [*_legend(shown), *also]
    return Drawing(
        title=title,
        about=about,
        width=room.width,
        height=top - GAP - room.top + 26,
        shapes=shapes,
        legend=legend if len(legend) > 1 else (),
    )


def _upright(strip: Strip, top: float) -> Marked:
    values = [*_held(strip)]
    if strip.level is not None:
        values.append(strip.level)
    if strip.as_columns:
        values.append(0.0)
    words = strip.marks or strip.words
    if strip.logs and min(values) > 0:
        return logarithmic(values, top + strip.height, top, words)
    wanted = 2 if strip.height < 100 else 5  # noqa: PLR2004 - a low panel has room for few
    return linear(values, top + strip.height, top, words, wanted=wanted)


def _held(strip: Strip) -> Iterator[float]:
    """Yield what the axis is to hold: all values, and of wide intervals as much as leaves a line's moves to be seen."""
    values = known(*(one.values for one in strip.series))
    ends = known(*(end for one in strip.series for end in (one.low, one.high)))
    if not values:
        yield from ends
        return
    reach = WIDEST * max(max(values) - min(values), abs(max(values)) / 10)
    yield from values
    yield from (min(max(end, min(values) - reach), max(values) + reach) for end in ends)


def _drawn(panel: Panel, strip: Strip) -> Iterator[Shape]:
    if strip.level is not None:
        yield from panel.level("even", strip.level)
    placed = [(one, [panel.x.axis(day) for day in one.days]) for one in strip.series]
    if strip.as_columns:
        for one, xs in placed:
            width = max(1.5, min(14.0, (panel.right - panel.left) / len(xs) * 0.7))
            yield from panel.columns(one.kind, xs, one.values, _texts(one, strip), width=width)
        return
    for one, xs in placed:
        if one.low and one.high:
            yield from panel.band(one.kind, xs, one.low, one.high)
    for one, xs in placed:
        yield from panel.line(one.kind, xs, one.values, one.name)
        yield from _dots(panel, strip, one, xs)


def _dots(panel: Panel, strip: Strip, one: Series, xs: Sequence[float]) -> Iterator[Shape]:
    """Mark points where there is room, and always those of no line and those of periods that are not over."""
    lonely = {run[0][0] for run in runs(xs, one.values) if len(run) == 1}
    roomy = A_DOT * len(one.values) <= panel.right - panel.left and len(strip.series) <= FEW_LINES
    texts = _texts(one, strip)
    for partial, wanted in ((False, roomy), (True, True)):
        for place, x in enumerate(xs):
            is_partial = bool(one.partial and one.partial[place])
            if is_partial is partial and (wanted or x in lonely):
                kind = f"{one.kind} partial" if partial else one.kind
                yield from panel.dots(kind, [x], [one.values[place]], [texts[place]])


def _texts(one: Series, strip: Strip) -> Sequence[str]:
    """Say what each point stands for."""
    said = []
    for place, (period, value) in enumerate(zip(one.periods, one.values, strict=True)):
        low, high = (ends[place] if ends else None for ends in (one.low, one.high))
        words = "" if value is None else f"{period}: {strip.words(value)}{strip.unit}"
        said.append(words if low is None or high is None else f"{words} ({strip.words(low)} to {strip.words(high)})")
    return said


def _legend(strips: Sequence[Strip]) -> Iterator[Key]:
    named = {
        (f"{'column' if strip.as_columns else 'line'} {one.kind}", one.name): one
        for strip in strips
        for one in strip.series
        if one.name and one.is_line and not strip.as_columns
    }
    for kind, name in named:
        yield Key(kind, name)
    banded = {one.kind for one in named.values() if known(one.low)}
    if banded:
        yield Key(f"band {min(banded)}", "its interval")


def by_name(rows: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Part rows by a field, in order of its text."""
    ordered = sorted(rows, key=lambda row: str(row.get(name, "")))
    return {key: list(part) for key, part in groupby(ordered, key=lambda row: str(row.get(name, "")))}


def has_numbers(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Say whether any row has a number there."""
    return any(number(row.get(name)) is not None for row in rows)
