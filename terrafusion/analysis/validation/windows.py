"""Mean and standard deviation of a group in a rolling window of months, for every sale.

Sales are first summed up by cell, a group in a month. A window joins the cells of its months by the formula of Chan,
Golub and LeVeque (1979), which loses no digits, so time is linear in sales and in cells times months.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Codes, Flags, Floats

ROUNDING = 1e-9
"""Of ln prices and of z: what is nearer to a bound than this is on it."""


class Spread(NamedTuple):
    """What windows hold: number of values, their mean and their standard deviation, nan where there is none."""

    n: Codes
    mean: Floats
    sd: Floats


class Cells(NamedTuple):
    """The cells that sales lie in, sorted by group and month."""

    group: Codes
    month: Codes
    before: tuple[NDArray[np.int32], ...]
    """For each month of the window, the cell's own first, the number of the cell; as many as there are cells where none is."""
    of_sale: NDArray[np.uint32]
    """The number of each sale's cell."""

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.group)


def cells_of(group: Codes, month: Codes, *, months: int) -> Cells:
    """Tell sales apart by cell, and find those of the ``months - 1`` months before each."""
    first = int(month.min(initial=0)) - months
    span = int(month.max(initial=0)) - first + 1
    key = group * span + (month - first)
    keys = pl.Series(key).unique().sort().to_numpy()
    found = []
    for back in range(months):
        place = np.searchsorted(keys, keys - back)
        missing = keys[np.minimum(place, max(len(keys) - 1, 0))] != keys - back
        found.append(np.where(missing, len(keys), place).astype(np.int32))
    return Cells(keys // span, keys % span + first, tuple(found), np.searchsorted(keys, key).astype(np.uint32))


def spread(cells: Cells, value: Floats, counted: Flags, *, sample: bool) -> Spread:
    """Return what each cell's window holds of ``value``, among the sales that are ``counted``; nan is no value.

    The standard deviation is that with n - 1 of a ``sample``, else that with n.
    """
    used = counted & np.isfinite(value)
    n, mean, squares = _within(cells.of_sale[used], value[used], cells.size)
    total = sum((n[cell] for cell in cells.before), np.zeros(cells.size))
    weighted = sum((n[cell] * mean[cell] for cell in cells.before), np.zeros(cells.size))
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = weighted / total
        around = sum(
            (squares[cell] + n[cell] * (mean[cell] - middle) ** 2 for cell in cells.before), np.zeros(cells.size)
        )
        sd = np.sqrt(around / (total - sample))
    return Spread(total.astype(np.int64), middle, np.where(total > sample, sd, np.nan))


def _within(cell: NDArray[np.uint32], value: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """Return n, mean and summed squares about it of each cell, and of a last one that is empty."""
    n = np.bincount(cell, minlength=count + 1).astype(np.float64)
    mean = np.bincount(cell, weights=value, minlength=count + 1) / np.maximum(n, 1)
    squares = np.bincount(cell, weights=(value - mean[cell]) ** 2, minlength=count + 1).astype(np.float64)
    return n, mean, squares


def z_scores(value: Floats, mean: Floats, sd: Floats) -> Floats:
    """Return how many sd each value lies above the mean; nan where one of them is.

    Where all prices of a window are equal an equal one scores 0, and another has no score.
    """
    off = value - mean
    flat = np.flatnonzero(sd <= ROUNDING)
    with np.errstate(invalid="ignore", divide="ignore"):
        z: Floats = off / sd
    z[flat] = np.where(np.abs(off[flat]) <= ROUNDING, 0.0, np.nan)
    return z
