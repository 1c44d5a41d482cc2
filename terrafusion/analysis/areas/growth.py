"""How each area's prices grew, at constant quality, beside the county's.

What an area's few sales tell of themselves is drawn towards the county: random effects (DerSimonian and Laird 1986).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from terrafusion.analysis.areas.level import Laid, Levels
from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.periods import PER_YEAR
from terrafusion.analysis.time_adjustment.pooling import Pooled, Spread, between, pool


@dataclass(frozen=True, slots=True)
class Growth:
    """Paths and slopes of the areas, in logs."""

    periods: Codes
    """Numbers of the periods that have sales."""
    counts: Codes
    """Sales, areas x periods."""
    path: Floats
    """How far each area lies above its usual distance from the county in each period: areas x periods, shrunk."""
    path_error: Floats
    slope: Floats
    """Growth a year of each area, shrunk towards the county's."""
    slope_error: Floats
    county: float


def growth_of(laid: Laid, found: Levels, period: str) -> Growth | None:
    """Estimate how areas grew; None where all sales lie in one period."""
    periods, place = np.unique(laid.ordinal, return_inverse=True)
    if len(periods) == 1:
        return None
    shape = int(laid.area.max()) + 1, len(periods)
    path, cells = _paths(laid.area * len(periods) + place, found.residual, shape)
    slopes, county = _slopes(laid, found, PER_YEAR[period])
    return Growth(
        periods=periods,
        counts=cells,
        path=path.value.reshape(cells.shape),
        path_error=np.sqrt(path.variance).reshape(cells.shape),
        slope=slopes.value,
        slope_error=np.sqrt(slopes.variance),
        county=county,
    )


def _paths(cell: Codes, residual: Floats, shape: tuple[int, int]) -> tuple[Pooled, Codes]:
    """Draw the cells' means to 0; their variance is that of sales about the mean of their own cell, one for all."""
    areas, periods = shape
    counts = np.bincount(cell, minlength=areas * periods)
    some, cells = np.maximum(counts, 1), int(np.count_nonzero(counts))
    mean = np.bincount(cell, residual, areas * periods) / some
    own = np.where(counts > 0, mean, np.nan)
    left = float(((residual - mean[cell]) ** 2).sum())
    variance = (left / (len(cell) - cells) if len(cell) > cells else math.nan) / some
    spread = _apart(own, variance, cells - areas - periods + 1)
    return pool(own, variance, (0.0, 0.0), spread), counts.reshape(shape)


def _apart(own: Floats, variance: Floats, freedom: int) -> Spread:
    """Estimate tau^2 of cells that are centred by area and period already, so that ``freedom`` of them are free.

    On average own^2 is freedom / cells of tau^2 + variance; the rest is as in `between`.
    """
    known = np.isfinite(own) & (variance > 0)
    if freedom < 1 or not known.any():
        return Spread()
    precision, share = 1 / variance[known], freedom / int(known.sum())
    total = float(precision.sum())
    excess = float((precision * own[known] ** 2).sum()) / share - len(precision)
    tau2 = max(excess / total, 0.0)
    return Spread(tau2, math.sqrt(2 / share * float(((1 + tau2 * precision) ** 2).sum())) / total)


def _slopes(laid: Laid, found: Levels, per_year: int) -> tuple[Pooled, float]:
    """Regress on time within areas: what is left by area and characteristics for the county, less periods for the areas."""
    years = laid.ordinal / per_year
    counts = np.bincount(laid.area)
    since = years - (np.bincount(laid.area, years) / counts)[laid.area]
    squares = np.bincount(laid.area, since**2)
    county = float((since * found.moved).sum()) / float(squares.sum())
    rest = found.moved - (np.bincount(laid.area, found.moved) / counts)[laid.area] - county * since
    error = float((rest**2).sum()) / max(len(rest) - len(counts) - 1, 1) / float(squares.sum())
    seen = squares > 0
    steep = np.where(seen, np.bincount(laid.area, since * found.residual) / np.where(seen, squares, 1), np.nan)
    left = np.bincount(laid.area, (found.residual - np.nan_to_num(steep)[laid.area] * since) ** 2) / (counts - 2)
    variance = left / np.where(seen, squares, 1)
    own = county + steep
    return pool(own, variance, (county, error), between(own, variance)), county
