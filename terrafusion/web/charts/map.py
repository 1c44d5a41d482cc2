"""A map of areas, each the cells in which most of the sales are its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from terrafusion.web.charts.room import Room, in_both
from terrafusion.web.charts.shapes import Drawing, Key, Label, Path, Shape

Cell = tuple[int, int]
Corner = tuple[int, int]

WIDEST: Final = 640.0
HIGHEST: Final = 640.0
MARGIN: Final = 12.0
HALF: Final = math.sqrt(3) / 2
CORNERS: Final[Sequence[Corner]] = ((0, -2), (1, -1), (1, 1), (0, 2), (-1, 1), (-1, -1))
"""Of a hexagon from the north, clockwise: in half widths and half heights of a side, which are whole numbers."""
NEIGHBOURS: Final[Sequence[Cell]] = ((0, 1), (1, 0), (1, -1), (0, -1), (-1, 0), (-1, 1))
"""Across the side from each corner to the next, as columns and rows."""
LEAST_NAMED: Final = 8
"""Cells below which an area has no room for its name."""
A_LETTER: Final = 6.0
LINE: Final = 12.0


@dataclass(frozen=True, slots=True)
class Area:
    """An area: its cells, the kind that colours it, its name and what is told of it."""

    name: str
    cells: Sequence[Cell]
    kind: str
    text: str


@in_both
def map_of(
    room: Room, title: str, areas: Sequence[Area], *, legend: Sequence[Key] = (), about: str = ""
) -> Drawing | None:
    """Draw areas with their borders and names; north is up. None where there are no cells."""
    corners = [corner for area in areas for cell in area.cells for corner in _corners(cell)]
    if not corners:
        return None
    west, east = min(x for x, _ in corners), max(x for x, _ in corners)
    north, south = min(y for _, y in corners), max(y for _, y in corners)
    across, down = (east - west) * HALF, (south - north) / 2
    scale = min((min(WIDEST, room.width) - 2 * MARGIN) / across, (HIGHEST - 2 * MARGIN) / down)

    def at(corner: Corner) -> tuple[float, float]:
        x, y = corner
        return round(MARGIN + (x - west) * HALF * scale, 1), round(MARGIN + (y - north) / 2 * scale, 1)

    shapes: list[Shape] = []
    for area in areas:
        path = " ".join("M" + " ".join(f"{x:g} {y:g}" for x, y in map(at, ring)) + "Z" for ring in outlines(area.cells))
        shapes.append(Path(f"area {area.kind}", path, area.text))
    shapes += _names(areas, at)
    width, height = at((east, south))
    return Drawing(
        title=title,
        about=about or f"{title}.",
        width=width + MARGIN,
        height=height + MARGIN,
        shapes=shapes,
        legend=legend,
        is_map=True,
    )


def _names(areas: Sequence[Area], at: Callable[[Corner], tuple[float, float]]) -> Iterator[Label]:
    """Write the names of areas that have room for them, the largest first, none over another."""
    taken: list[tuple[float, float]] = []
    for area in sorted(areas, key=lambda area: (-len(area.cells), area.name)):
        x, y = at(_middle(area.cells))
        far, low = A_LETTER * len(area.name), LINE
        if len(area.cells) >= LEAST_NAMED and all(abs(x - u) > far or abs(y - v) > low for u, v in taken):
            taken.append((x, y))
            yield Label("middle place", x, y, area.name)


def outlines(cells: Iterable[Cell]) -> Iterator[Sequence[Corner]]:
    """Yield the closed borders of what the cells cover, each side once, the inside at its right."""
    inside = set(cells)
    sides: dict[Corner, list[Corner]] = {}
    for cell in sorted(inside):
        corners = _corners(cell)
        for place, (column, row) in enumerate(NEIGHBOURS):
            if (cell[0] + column, cell[1] + row) not in inside:
                sides.setdefault(corners[place], []).append(corners[(place + 1) % 6])
    while sides:
        start = min(sides)
        ring, corner = [start], _taken(sides, start)
        while corner != start:
            ring.append(corner)
            corner = _taken(sides, corner)
        yield ring


def _taken(sides: dict[Corner, list[Corner]], corner: Corner) -> Corner:
    onward = sides[corner].pop()
    if not sides[corner]:
        del sides[corner]
    return onward


def _corners(cell: Cell) -> Sequence[Corner]:
    """Return the corners of a cell, y growing to the south; rows of cells lie three half heights apart."""
    x, y = 2 * cell[0] + cell[1], -3 * cell[1]
    return [(x + across, y + down) for across, down in CORNERS]


def _middle(cells: Sequence[Cell]) -> Corner:
    """Return the cell nearest to the middle of all, so that a name lies inside."""
    x = sum(2 * column + row for column, row in cells) / len(cells)
    y = sum(-3 * row for _, row in cells) / len(cells)
    _, best = min(
        ((2 * column + row - x) ** 2 * 0.75 + (-3 * row - y) ** 2 / 4, (column, row)) for column, row in cells
    )
    return 2 * best[0] + best[1], -3 * best[1] + 1


def shades(values: Mapping[str, float], *, steps: int = 5) -> Mapping[str, int]:
    """Return the shade of each name, from 1 to ``steps``: by rank, so that each holds as many; of equal values one."""
    ranked = sorted(values.values())
    return {name: 1 + ranked.index(value) * steps // len(ranked) for name, value in values.items()}
