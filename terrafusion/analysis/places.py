"""Where a county's areas lie, as their own sales tell it: six-cornered cells of a map, each of the area that has most sales there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

AREAS: Final = ("zip_code", "neighborhood")
"""What groups have a place."""
_CELLS_ACROSS: Final = 44
_KM_A_DEGREE: Final = 111.195
_FARTHEST_SD: Final = 4.0
"""Coordinates farther from the middle are a slip of the pen."""
_LEAST_KM: Final = 0.05
_MOST_SALES: Final = 100_000
"""A map of more would be no finer, and take longer than many an answer."""


def area_column(summary: Mapping[str, Any]) -> str | None:
    """Say by which areas an answer tells its figures, None where by none."""
    told = {"zip": "zip_code"}.get(summary.get("unit", ""), summary.get("unit") or summary.get("group_by"))
    return told if told in AREAS else None


def map_of(sales: pl.LazyFrame, column: str) -> dict[str, Any] | None:
    """Lay the sales of a county that have coordinates on a map; None where none has.

    Of more sales than `_MOST_SALES` every ``one_in``-th is looked at, in the order of the snapshot, which is that of time.

    ``areas`` has for each area its cells: column and row of the axes of a grid of hexagons with a corner to the north
    (axial coordinates), and how many sales lie there, of other areas too. ``cell_km`` is from a cell's middle to its
    corner; the cell 0, 0 lies at ``latitude`` and ``longitude``.
    """
    known = pl.all_horizontal(pl.col("latitude", "longitude").is_between(-180, 180), pl.col("latitude") != 0)
    step = -(-sales.select(pl.len()).collect().item() // _MOST_SALES) or 1
    looked = sales.select(pl.col(column).alias("area"), "latitude", "longitude").gather_every(step)
    placed = looked.filter(known).drop_nulls().collect()
    near = placed.filter(_near("latitude"), _near("longitude"))
    if near.is_empty():
        return None
    low, high, west, east = near.select(
        low=pl.col("latitude").min(), high=pl.col("latitude").max(),
        west=pl.col("longitude").min(), east=pl.col("longitude").max(),
    ).row(0)  # fmt: skip
    latitude, longitude = (low + high) / 2, (west + east) / 2
    shrunk = math.cos(math.radians(latitude))
    size = max(high - low, (east - west) * shrunk) * _KM_A_DEGREE / _CELLS_ACROSS / math.sqrt(3)
    size = max(size, _LEAST_KM)
    east_km = (pl.col("longitude") - longitude) * (shrunk * _KM_A_DEGREE / size)
    north_km = (pl.col("latitude") - latitude) * (_KM_A_DEGREE / size)
    return {
        "by": column,
        "one_in": step,
        "latitude": latitude,
        "longitude": longitude,
        "cell_km": size,
        "areas": _by_area(near.select("area", **_cell(east_km, north_km))),
    }


def _near(name: str) -> pl.Expr:
    middle, spread = pl.col(name).mean(), pl.col(name).std().fill_null(0)
    return (pl.col(name) - middle).abs() <= _FARTHEST_SD * spread + 1e-6


def _cell(east: pl.Expr, north: pl.Expr) -> dict[str, pl.Expr]:
    """Round to the nearest hexagon: of three axes that sum to 0, the one that was rounded farthest follows the others."""
    column, row = east * (math.sqrt(3) / 3) - north / 3, north * (2 / 3)
    third = -column - row
    off = [(axis - axis.round()).abs() for axis in (column, row, third)]
    by_others = (off[0] > off[1]) & (off[0] > off[2])
    whole = pl.when(by_others).then(-row.round() - third.round()).otherwise(column.round())
    other = pl.when(~by_others & (off[1] > off[2])).then(-column.round() - third.round()).otherwise(row.round())
    return {"column": whole.cast(pl.Int32), "row": other.cast(pl.Int32)}


def _by_area(cells: pl.DataFrame) -> dict[str, list[list[int]]]:
    """Give each cell to the area with the most sales in it, the first by name of those that have as many."""
    counted = cells.group_by("column", "row", "area").len().sort("len", "area", descending=[True, False])
    owned = counted.group_by("column", "row", maintain_order=True).agg(pl.col("area").first(), pl.col("len").sum())
    found: dict[str, list[list[int]]] = {}
    for area, *cell in owned.sort("area", "row", "column").select("area", "column", "row", "len").iter_rows():
        found.setdefault(area, []).append(cell)
    return found
