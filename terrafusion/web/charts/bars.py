"""Bars: how many lie where, how much each of several things comes to, and how parts make up a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from terrafusion.web.charts.panel import Panel
from terrafusion.web.charts.room import A_LETTER, Room, in_both
from terrafusion.web.charts.scale import Axis, Marked, Words, exact, linear, plain
from terrafusion.web.charts.shapes import Box, Drawing, Key, Label, Path, Rule, Shape

TOP: Final = 8.0
BAR: Final = 22.0
"""The height of a line, without what stands above it."""
HEIGHT: Final = 190.0
LONGEST: Final = 32
"""Letters of a name for which there is room at the left."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A place on the axis across that is marked with a line from top to bottom."""

    kind: str
    value: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts between edges; ``zone`` is an acceptable span, ``curve`` the height that each bin is expected to have."""

    edges: Sequence[float]
    counts: Sequence[float]
    words: Words = plain
    zone: tuple[float, float] | None = None
    zone_says: str = ""
    limits: Sequence[Limit] = ()
    curve: Sequence[float] = ()
    curve_says: str = ""


@in_both
def histogram(room: Room, title: str, told: Histogram) -> Drawing | None:
    """Draw how many lie where; None where none does."""
    edges, counts = told.edges, told.counts
    if not any(counts) or len(edges) != len(counts) + 1 or edges[0] >= edges[-1]:
        return None
    across = exact(edges[0], edges[-1], room.left + 4, room.end - 4, told.words)
    up = linear([0.0, *counts, *told.curve], room.top + HEIGHT, room.top, plain)
    panel = Panel(x=across, y=up, title="Number of sales")
    shapes: list[Shape] = [*panel.grid(room), *_zone(panel, told), *_bins(panel, told)]
    middles = [across.axis((one + other) / 2) for one, other in pairwise(edges)]
    shapes += panel.line("raw", middles, told.curve or [None] * len(middles), told.curve_says)
    shapes += [shape for limit in told.limits for shape in _limit(panel, limit)]
    shapes += panel.across(room)
    keys = [("zone ok", told.zone_says if told.zone else ""), ("line raw", told.curve_says if told.curve else "")]
    legend = [Key("column c0", "Sales"), *(Key(kind, text) for kind, text in keys if text)]
    legend += [Key(f"limit {limit.kind}", limit.text) for limit in told.limits if limit.text]
    return Drawing(
        title=title, about=f"{title}.", width=room.width, height=room.top + HEIGHT + 26, shapes=shapes, legend=legend
    )


def _zone(panel: Panel, told: Histogram) -> Iterator[Shape]:
    if told.zone:
        axis = panel.x.axis
        low, high = (axis(min(max(value, axis.low), axis.high)) for value in told.zone)
        yield Box("zone ok", low, panel.top, round(high - low, 1), panel.bottom - panel.top)


def _bins(panel: Panel, told: Histogram) -> Iterator[Shape]:
    for place, count in enumerate(told.counts):
        if count:
            left, right = panel.x.axis(told.edges[place]), panel.x.axis(told.edges[place + 1])
            top = panel.y.axis(count)
            text = f"{told.words(told.edges[place])} to {told.words(told.edges[place + 1])}: {count:,.0f} sales"
            yield Box("column c0", left + 0.5, top, round(right - left - 1, 1), round(panel.bottom - top, 1), text)


def _limit(panel: Panel, limit: Limit) -> Iterator[Shape]:
    axis = panel.x.axis
    if axis.low <= limit.value <= axis.high:
        at = axis(limit.value)
        yield Rule(f"limit {limit.kind}", at, panel.top, at, panel.bottom, limit.text)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a bar."""

    kind: str
    value: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A named bar of parts that lie one after another, and what is written at its end."""

    name: str
    parts: Sequence[Part]
    text: str = ""


def name_of(room: Room, axis: Axis, top: float, name: str, *, kind: str = "") -> Label:
    """Write the name of a line: at its left, or above it."""
    if room.above:
        return Label(f"start {kind}".strip(), axis.start, top + room.above - 3, fitted(name, room.end - axis.start))
    return Label(f"end {kind}".strip(), axis.start - 8, top + 13, name[:LONGEST])


def fitted(name: str, width: float) -> str:
    """Cut a name that is longer than there is room for, and show that it was."""
    most = int(width / A_LETTER)
    return name if len(name) <= most else f"{name[: most - 1]}…"


@in_both
def bars(
    room: Room, title: str, rows: Sequence[Bar], *, words: Words = plain, legend: Sequence[Key] = ()
) -> Drawing | None:
    """Draw bars that lie, one below another; None where all are empty."""
    ends = [sum(part.value for part in row.parts) for row in rows]
    if not any(ends):
        return None
    height = TOP + room.row * len(rows)
    across = linear([0.0, *ends], room.beside([row.name for row in rows]), room.end - 60, words, wanted=6)
    panel = Panel(x=across, y=Marked(Axis(0, 1, height, 4), ()))
    shapes: list[Shape] = [*panel.across(room, lines=True)]
    for place, row in enumerate(rows):
        top = TOP + room.row * place
        shapes += [name_of(room, across.axis, top, row.name), *_bar(across.axis, row, top + room.above)]
    return Drawing(title=title, about=f"{title}.", width=room.width, height=height + 26, shapes=shapes, legend=legend)


def _bar(axis: Axis, row: Bar, top: float) -> Iterator[Shape]:
    begin = 0.0
    for part in row.parts:
        if part.value:
            left, right = axis(begin), axis(begin + part.value)
            yield Box(f"bar {part.kind}", left, top + 2, round(right - left, 1), BAR - 6, part.text)
        begin += part.value
    yield Label("start", axis(begin) + 5, top + 13, row.text)


@dataclass(frozen=True, slots=True)
class Step:
    """One of the amounts that add up: up or down from where the one before ended."""

    name: str
    value: float
    text: str


@in_both
def waterfall(
    room: Room, title: str, steps: Sequence[Step], *, words: Words, span: tuple[float, float] | None = None
) -> Drawing | None:
    """Draw how amounts add up to a total; ``span`` is the range in which the total lies."""
    if not steps:
        return None
    ends = [sum(step.value for step in steps[: place + 1]) for place in range(len(steps))]
    shown = [*ends, *(span or ())]
    height = TOP + room.row * (len(steps) + 1)
    across = linear(shown, room.beside([step.name for step in steps]), room.end - 70, words, wanted=6)
    panel = Panel(x=across, y=Marked(Axis(0, 1, height, 4), ()))
    axis, shapes = across.axis, [*panel.across(room, lines=True)]
    if span:
        low, high = (axis(value) for value in span)
        shapes.append(Box("zone c0", low, 4, round(high - low, 1), height - 4, f"{words(span[0])} to {words(span[1])}"))
    for place, (step, end) in enumerate(zip(steps, ends, strict=True)):
        begin = max(end - step.value, axis.low)
        top = TOP + room.row * place
        shapes += [name_of(room, axis, top, step.name), *_step(axis, step, (begin, end), top + room.above)]
    top, total = TOP + room.row * len(steps), ends[-1]
    shapes += [
        name_of(room, axis, top, "Value", kind="strong"),
        Path("arrow", f"M{axis(total):g} 4 V{height:g}", words(total)),
        Label("start strong", axis(total) + 5, top + room.above + 13, words(total)),
    ]
    legend = [
        Key("bar up", "adds"),
        Key("bar down", "takes away"),
        *([Key("zone c0", "range of the value")] if span else []),
    ]
    shapes.sort(key=lambda shape: isinstance(shape, Label))  # words over what they would lie under
    return Drawing(title=title, about=f"{title}.", width=room.width, height=height + 26, shapes=shapes, legend=legend)


def _step(axis: Axis, step: Step, reach: tuple[float, float], top: float) -> Iterator[Shape]:
    left, right = sorted((axis(reach[0]), axis(reach[1])))
    kind = "up" if step.value >= 0 else "down"
    yield Box(f"bar {kind}", left, top + 2, max(round(right - left, 1), 1.0), BAR - 6, f"{step.name}: {step.text}")
    yield Label("start", right + 5, top + 13, step.text)
