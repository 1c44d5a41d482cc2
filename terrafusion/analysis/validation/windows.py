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
    """What a window holds: number of values, their mean and their standard deviation, nan where there is none."""

    n: Codes
    mean: Floats
    sd: Floats

    def where(self, told: Flags) -> Spread:
        """Return the same where ``told``, and elsewhere nothing."""
        mean, sd = (np.where(told, column, np.nan) for column in (self.mean, self.sd))
        return Spread(np.where(told, self.n, 0), mean, sd)


class Cells(NamedTuple):
    """The cells that sales lie in, sorted by group and month."""

    of_sale: Codes
    """The number of each sale's cell."""
    before: tuple[NDArray[np.int32], ...]
    """For each month of the window, the sale's own first, the number of the cell; as many as there are cells where none is."""

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.before[0])

    def hold(self, flags: Flags) -> Flags:
        """Say of each cell whether its sales, all of them or none, have a flag."""
        held = np.zeros(self.size, dtype=bool)
        held[self.of_sale] = flags
        return held


def cells_of(group: Codes, month: Codes, *, months: int) -> Cells:
    """Tell sales apart by cell, and find those of the ``months - 1`` months before each."""
    span = int(month.max() - month.min()) + 1 + months if len(month) else 1
    key = group.astype(np.int64) * span + (month - month.min() if len(month) else month) + months
    keys = pl.Series(key).unique().sort().to_numpy()
    found = []
    for back in range(months):
        place = np.searchsorted(keys, keys - back)
        missing = keys[np.minimum(place, max(len(keys) - 1, 0))] != keys - back
        found.append(np.where(missing, len(keys), place).astype(np.int32))
    return Cells(np.searchsorted(keys, key), tuple(found))


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


def _within(cell: Codes, value: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """Return n, mean and summed squares about it of each cell, and of a last one that is empty."""
    n = np.bincount(cell, minlength=count + 1).astype(np.float64)
    mean = np.bincount(cell, weights=value, minlength=count + 1) / np.maximum(n, 1)
    squares = np.bincount(cell, weights=(value - mean[cell]) ** 2, minlength=count + 1).astype(np.float64)
    return n, mean, squares


def z_scores(value: Floats, about: Spread, *, least: int) -> Floats:
    """Return how many sd each value lies above the mean; nan in windows of fewer than ``least`` values.

    Where all prices of a window are equal an equal one scores 0, and another has no score.
    """
    off = value - about.mean
    flat = np.flatnonzero(about.sd <= ROUNDING)
    with np.errstate(invalid="ignore", divide="ignore"):
        z: Floats = off / about.sd
    z[flat] = np.where(np.abs(off[flat]) <= ROUNDING, 0.0, np.nan)
    z[about.n < least] = np.nan
    return z
