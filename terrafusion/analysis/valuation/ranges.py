"""How wide a value's range must be: conformal prediction with errors of sales that took no part in learning.

Errors are put in units of their expected size, which a regression of ln|error| on what makes values unsure tells
(Papadopoulos and others 2008), and their quantiles are taken apart by the value (Mondrian cells, Vovk and others 2005), each
tail at its own rank. So cheap homes, whose prices scatter more, have wider ranges, and a range need not be symmetric.
Of homes of which something is not known, the errors are those of sales of which the same is not known, or is hidden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.valuation.sight import Sight, taken

_SMALLEST: Final = 0.02
"""Added to errors before the log: differences among errors below two per cent say nothing."""
_PSEUDO: Final = 1.0
_MOST_CELLS: Final = 10
_IN_CELL: Final = 200
_FARTHEST: Final = 5.0
"""Standard deviations from the mean beyond which what makes values unsure is not followed."""
_SAME: Final = 1e-9
_INPUTS: Final = 5


@dataclass(frozen=True, slots=True)
class Ranges:
    """The expected size of errors, and in each cell of values the quantiles of errors in units of it."""

    slopes: Floats
    mean: Floats
    scale: Floats
    edges: Floats
    """Values (logs) that part the cells."""
    low: Floats
    high: Floats

    def around(self, value: Floats, sight: Sight) -> tuple[Floats, Floats]:
        """Return the logs of the ends of the ranges about log values.

        They are nan where too few errors are known to tell, and of homes without comparables, as whose the errors of
        sales that have some are not.
        """
        size = np.exp(np.einsum("ni,i->n", _laid(value, sight, self.mean, self.scale), self.slopes))
        size = np.where(sight.comparables > 0, size, np.nan)
        cell = np.searchsorted(self.edges, value, side="left")
        return value + self.low[cell] * size, value + self.high[cell] * size


@dataclass(frozen=True, slots=True)
class RangesByLack:
    """Ranges for each way in which homes lack something; others have none."""

    mask: int
    by_code: Mapping[int, Ranges]
    """By what is unknown, of what the ``mask`` holds."""

    def around(self, value: Floats, sight: Sight) -> tuple[Floats, Floats]:
        """Return the logs of the ends of the ranges about log values, as `Ranges.around`."""
        low, high = np.full((2, len(value)), np.nan)
        lack = sight.unknown & self.mask
        for code, ranges in self.by_code.items():
            rows = np.flatnonzero(lack == code)
            low[rows], high[rows] = ranges.around(value[rows], taken(sight, rows))
        return low, high


def ranges_of(value: Floats, log_price: Floats, sight: Sight, level: float) -> Ranges:
    """Learn ranges from log values of sales whose prices were not known to those who valued them.

    Sums are einsum's, which has one thread: those of BLAS round differently with several.
    """
    compared = sight.comparables > 0
    if not compared.any():
        return _untold()
    value, sight, error = value[compared], taken(sight, compared), (log_price - value)[compared]
    raw = _inputs(value, sight)
    mean, scale = raw.mean(axis=0), np.maximum(raw.std(axis=0), _SAME)
    laid = _laid(value, sight, mean, scale)
    gram = np.einsum("ni,nj->ij", laid, laid) + _PSEUDO * np.eye(laid.shape[1])
    moment = np.einsum("ni,n->i", laid, np.log(np.abs(error) + _SMALLEST))
    slopes = np.linalg.solve(gram, moment).astype(np.float64)
    units = error / np.exp(np.einsum("ni,i->n", laid, slopes))
    cells = int(np.clip(len(value) // _IN_CELL, 1, _MOST_CELLS))
    edges: Floats = np.quantile(value, np.arange(1, cells) / cells)
    cell = np.searchsorted(edges, value, side="left")
    ends = np.array([_ends(units[cell == at], level) for at in range(cells)])
    return Ranges(slopes, mean, scale, edges, ends[:, 0], ends[:, 1])


def _untold() -> Ranges:
    none = np.full(1, np.nan)
    return Ranges(np.zeros(_INPUTS + 1), np.zeros(_INPUTS), np.ones(_INPUTS), np.empty(0), none, none)


def _ends(units: Floats, level: float) -> tuple[float, float]:
    """Return the order statistics between which a new error lies with that probability or more."""
    ordered, n = np.sort(units), len(units)
    below = math.floor((n + 1) * (1 - level) / 2 + 1e-9)
    if below < 1:
        return math.nan, math.nan
    return float(ordered[below - 1]), float(ordered[n - below])


def _inputs(value: Floats, sight: Sight) -> Floats:
    """Return what makes values unsure: where they lie, and how far comparables are from the home, each other, the model."""
    there = sight.sale >= 0
    distance = np.where(there, sight.km, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    apart = np.abs(sight.anchor - sight.expected)
    return np.column_stack([value, value**2, np.log1p(distance), apart, sight.spread])


def _laid(value: Floats, sight: Sight, mean: Floats, scale: Floats) -> Floats:
    centred = np.clip((_inputs(value, sight) - mean) / scale, -_FARTHEST, _FARTHEST)
    return np.column_stack([np.ones(len(value)), centred])
