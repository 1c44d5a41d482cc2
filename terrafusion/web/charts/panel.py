"""One panel of a chart: two axes, and the shapes that are laid on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from terrafusion.web.charts.room import A_LETTER, Room
from terrafusion.web.charts.scale import Axis, Marked, Numbers, Tick
from terrafusion.web.charts.shapes import Box, Dot, Label, Path, Rule, Shape

A_HEADINGS: Final = 7.0
"""What a letter of a heading takes."""
LINE: Final = 14.0
"""From one line of a heading to the next."""
APART: Final = 8.0
"""Between the words of two marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Where the axes lie, and what is drawn between them."""

    x: Marked
    y: Marked
    title: str = ""

    @property
    def left(self) -> float:
        """Where the axis across begins."""
        return _ends(self.x.axis)[0]

    @property
    def right(self) -> float:
        """Where it ends."""
        return _ends(self.x.axis)[1]

    @property
    def top(self) -> float:
        """Where the axis up ends."""
        return _ends(self.y.axis)[0]

    @property
    def bottom(self) -> float:
        """Where it begins."""
        return _ends(self.y.axis)[1]

    def grid(self, room: Room) -> Iterator[Shape]:
        """Draw the title and the marks of the axis up."""
        if self.title:
            lines = wrap(self.title, int(room.width / A_HEADINGS))
            start = max(0.0, min(room.left, room.end - A_HEADINGS * max(map(len, lines))))
            for place, line in enumerate(reversed(lines)):
                yield Label("panel", start, self.top - 9 - LINE * place, line)
        for tick in self.y.ticks:
            yield Rule("grid", room.left, tick.at, room.end, tick.at)
            yield Label("end", room.left - 8, tick.at + 4, tick.text)

    def across(self, room: Room, *, lines: bool = False) -> Iterator[Shape]:
        """Draw the marks of the axis across, below the panel."""
        for tick in self.x.ticks:
            if lines:
                yield Rule("grid", tick.at, self.top, tick.at, self.bottom)
        for tick in _apart(self.x.ticks, room.width):
            yield Label("middle", tick.at, self.bottom + 18, tick.text)

    def line(self, kind: str, xs: Sequence[float], ys: Numbers, text: str = "") -> Iterator[Shape]:
        """Draw a line, broken where a value is missing; ``xs`` are places already."""
        path = " ".join("M" + " L".join(_at(x, self.y.axis(y)) for x, y in run) for run in runs(xs, ys) if len(run) > 1)
        if path:
            yield Path(f"line {kind}", path, text)

    def band(self, kind: str, xs: Sequence[float], low: Numbers, high: Numbers) -> Iterator[Shape]:
        """Fill between two lines, broken where either is missing; what lies beyond the axis is cut off."""
        for run in runs(xs, low, high):
            upper = [_at(x, self._inside(top)) for x, _, top in run]
            lower = [_at(x, self._inside(bottom)) for x, bottom, _ in reversed(run)]
            yield Path(f"band {kind}", "M" + " L".join([*upper, *lower]) + " Z")

    def dots(
        self, kind: str, xs: Sequence[float], ys: Numbers, texts: Sequence[str], *, radius: float = 2.6
    ) -> Iterator[Shape]:
        """Draw a point for each known value."""
        for x, y, text in zip(xs, ys, texts, strict=True):
            if y is not None:
                yield Dot(f"dot {kind}", x, self.y.axis(y), radius, text)

    def whiskers(self, kind: str, xs: Sequence[float], low: Numbers, high: Numbers) -> Iterator[Shape]:
        """Draw upright intervals."""
        for x, below, above in zip(xs, low, high, strict=True):
            if below is not None and above is not None:
                yield Rule(f"whisker {kind}", x, self._inside(below), x, self._inside(above))

    def columns(
        self, kind: str, xs: Sequence[float], ys: Numbers, texts: Sequence[str], *, width: float
    ) -> Iterator[Shape]:
        """Draw a column from the panel's floor, or from 0 where the axis holds it."""
        floor = self.y.axis(0) if self.y.axis.low <= 0 <= self.y.axis.high else self.bottom
        for x, y, text in zip(xs, ys, texts, strict=True):
            if y:
                top, foot = sorted((self.y.axis(y), floor))
                yield Box(f"column {kind}", round(x - width / 2, 1), top, round(width, 1), round(foot - top, 1), text)

    def level(self, kind: str, value: float, text: str = "") -> Iterator[Shape]:
        """Draw a line across at a value that the axis holds."""
        if self.y.axis.low <= value <= self.y.axis.high:
            yield Rule(f"level {kind}", self.left, self.y.axis(value), self.right, self.y.axis(value), text)

    def zone(self, kind: str, low: float, high: float) -> Iterator[Shape]:
        """Shade what lies between two values, as far as the axis goes."""
        top, foot = self._inside(high), self._inside(low)
        yield Box(f"zone {kind}", self.left, top, round(self.right - self.left, 1), round(foot - top, 1))

    def _inside(self, value: float) -> float:
        return self.y.axis(min(max(value, self.y.axis.low), self.y.axis.high))


def runs(xs: Sequence[float], *columns: Numbers) -> Iterator[Sequence[tuple[float, ...]]]:
    """Yield the stretches in which all columns are known."""
    run: list[tuple[float, ...]] = []
    for x, *values in zip(xs, *columns, strict=True):
        there = tuple(value for value in values if value is not None)
        if len(there) == len(columns):
            run.append((x, *there))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _apart(ticks: Sequence[Tick], width: float) -> Iterator[Tick]:
    """Keep words from beyond the edges, and leave out those that would run into the ones before them."""
    end = -math.inf
    for tick in ticks:
        half = A_LETTER * len(tick.text) / 2
        at = max(half, min(tick.at, width - half))
        if at - half >= end:
            yield Tick(at, tick.text)
            end = at + half + APART


def _at(x: float, y: float) -> str:
    return f"{x:g} {y:g}"


def _ends(axis: Axis) -> tuple[float, float]:
    return min(axis.start, axis.end), max(axis.start, axis.end)
