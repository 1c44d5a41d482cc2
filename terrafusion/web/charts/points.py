"""Estimates with their intervals: one a line, or one a column; and how many sales lie where in a plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from terrafusion.web.charts.bars import BAR, TOP, Limit, name_of
from terrafusion.web.charts.panel import Panel
from terrafusion.web.charts.room import Room, in_both
from terrafusion.web.charts.scale import Axis, Marked, Numbers, Tick, Words, known, linear, plain
from terrafusion.web.charts.shapes import Box, Dot, Drawing, Key, Path, Rule, Shape

HEIGHT: Final = 200.0
DENSE: Final = 260.0
"""The height of a plane."""
SHADES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure of something named; ``beside`` is another figure of it to compare with."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    beside: float | None = None
    kind: str = "c0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How estimates are drawn."""

    words: Words = plain
    zone: tuple[float, float] | None = None
    limits: Sequence[Limit] = ()
    legend: Sequence[Key] = ()
    axis: str = ""
    """What is on the axis, where the title does not say it."""
    reach: tuple[float, float] | None = None
    """What the axis shows at most."""


@in_both
def forest(room: Room, title: str, rows: Sequence[Estimate], look: Look) -> Drawing | None:
    """Draw an estimate a line; None where none has a value."""
    if not known([row.value for row in rows]):
        return None
    height = TOP + room.row * len(rows)
    across = linear(_shown(rows, look), room.beside([row.name for row in rows]), room.end - 30, look.words, wanted=6)
    panel = Panel(x=across, y=Marked(Axis(0, 1, height, 4), ()))
    axis, shapes = across.axis, [*panel.across(room, lines=True)]
    if look.zone:
        low, high = (axis(_within(value, axis)) for value in look.zone)
        shapes.insert(0, Box("zone ok", low, 4, round(high - low, 1), height - 4))
    shapes += [Rule(f"limit {one.kind}", axis(one.value), 4, axis(one.value), height, one.text) for one in look.limits]
    for place, row in enumerate(rows):
        top = TOP + room.row * place
        shapes += [name_of(room, axis, top, row.name), *_row(axis, row, top + room.above + BAR / 2, look.words)]
    about = f"{title}, one line for each of {len(rows)}."
    return Drawing(title=title, about=about, width=room.width, height=height + 26, shapes=shapes, legend=look.legend)


def _shown(rows: Sequence[Estimate], look: Look) -> list[float]:
    values = known(*([getattr(row, name) for row in rows] for name in ("value", "low", "high", "beside")))
    if look.reach:
        values = [min(max(value, look.reach[0]), look.reach[1]) for value in values]
    return [*values, *(look.zone or ()), *(limit.value for limit in look.limits)]


def _within(value: float, axis: Axis) -> float:
    return min(max(value, axis.low), axis.high)


def _row(axis: Axis, row: Estimate, y: float, words: Words) -> Iterator[Shape]:
    if row.low is not None and row.high is not None:
        yield Rule(f"whisker {row.kind}", axis(_within(row.low, axis)), y, axis(_within(row.high, axis)), y)
    if row.beside is not None:
        yield Dot("dot beside", axis(_within(row.beside, axis)), y, 3, f"{row.name}: {words(row.beside)}")
    if row.value is not None:
        yield Dot(f"dot {row.kind}", axis(_within(row.value, axis)), y, 3.5, _said(row, words))


def _said(row: Estimate, words: Words) -> str:
    value = "" if row.value is None else words(row.value)
    interval = "" if row.low is None or row.high is None else f" ({words(row.low)} to {words(row.high)})"
    return f"{row.name}: {value}{interval}"


@in_both
def upright(room: Room, title: str, rows: Sequence[Estimate], look: Look) -> Drawing | None:
    """Draw an estimate a column, few of them; None where none has a value."""
    if not known([row.value for row in rows]):
        return None
    axis = Axis(-0.5, len(rows) - 0.5, room.left, room.end)
    ticks = [Tick(axis(place), row.name) for place, row in enumerate(rows)]
    panel = Panel(
        x=Marked(axis, ticks),
        y=linear(_shown(rows, look), room.top + HEIGHT, room.top, look.words),
        title=look.axis or title,
    )
    shapes = [*panel.zone("ok", *look.zone)] if look.zone else []
    shapes += panel.grid(room)
    shapes += [shape for limit in look.limits for shape in panel.level(limit.kind, limit.value, limit.text)]
    for place, row in enumerate(rows):
        x = axis(place)
        shapes += panel.whiskers(row.kind, [x], [row.low], [row.high])
        shapes += panel.dots("beside", [x], [row.beside], [f"{row.name}: {look.words(row.beside or 0)}"], radius=3)
        shapes += panel.dots(row.kind, [x], [row.value], [_said(row, look.words)], radius=3.5)
    shapes += panel.across(room)
    return Drawing(
        title=title,
        about=f"{title}.",
        width=room.width,
        height=room.top + HEIGHT + 26,
        shapes=shapes,
        legend=look.legend,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Counts in cells of a plane (column, row, number), and lines over it."""

    x: Callable[[float, float], Marked]
    """Makes the axis across from where it begins to where it ends."""
    y: Callable[[float, float], Marked]
    """Makes the axis up likewise."""
    steps: tuple[int, int]
    cells: Sequence[tuple[int, int, int]]
    title: str
    zone: tuple[float, float] | None = None
    legend: Sequence[Key] = ()
    over: Sequence[tuple[str, Sequence[float], Numbers]] = ()
    """Kind, values across, values up."""
    marked: Sequence[Estimate] = ()
    """Estimates by where they lie across, which is their ``beside``."""


@in_both
def density(room: Room, title: str, plane: Plane) -> Drawing | None:
    """Draw how many lie where: the stronger the colour of a cell, the more."""
    if not plane.cells:
        return None
    panel = Panel(x=plane.x(room.left, room.end), y=plane.y(room.top + DENSE, room.top), title=plane.title)
    shapes = [*panel.grid(room), *_cells(panel, plane)]
    shapes += [shape for end in plane.zone or () for shape in panel.level("ok", end)]
    for kind, xs, ys in plane.over:
        shapes += panel.line(kind, [*map(panel.x.axis, xs)], ys)
    for row in plane.marked:
        if row.beside is not None:
            x = [panel.x.axis(row.beside)]
            shapes += panel.whiskers(row.kind, x, [row.low], [row.high])
            shapes += panel.dots(row.kind, x, [row.value], [_said(row, plain)], radius=3.5)
    shapes += panel.across(room)
    return Drawing(
        title=title, about=f"{title}.", width=room.width, height=panel.bottom + 26, shapes=shapes, legend=plane.legend
    )


def _cells(panel: Panel, plane: Plane) -> Iterator[Shape]:
    across, up = plane.steps
    width, height = (panel.right - panel.left) / across, (panel.bottom - panel.top) / up
    most = max(count for _, _, count in plane.cells)
    shades: dict[int, list[str]] = {}
    for column, row, count in plane.cells:
        shade = max(1, round(SHADES * (count / most) ** 0.5))
        x, y = panel.left + column * width, panel.bottom - (row + 1) * height
        shades.setdefault(shade, []).append(f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z")
    for shade, paths in sorted(shades.items()):
        yield Path(f"cell s{shade}", "".join(paths))
