"""The seasons of volume: by how much each month of the year lies above or below the year's pace."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.student import critical_t

YEAR: Final = 12
LEAST: Final = 2 * YEAR
"""Full months below which nothing is told: every month of the year must be seen at least once, most twice."""


def seasonal_factors(volume: Floats, first_month: int, confidence_level: float) -> list[dict[str, float | int]]:
    """Return January to December: ``factor``, its standard error and interval, over how many ``years``.

    ``volume`` counts the sales of consecutive months, the first of which is ``first_month`` (1 to 12). Classical
    decomposition: each month over the mean of the twelve about it (the ends at half weight), averaged by month of
    the year; the twelve averages are scaled to a mean of 1 (Hyndman and Athanasopoulos 2021, 3.4). Empty below
    `LEAST` months. Intervals are t-intervals of the years' spread.
    """
    if len(volume) < LEAST:
        return []
    weights = np.r_[0.5, np.ones(YEAR - 1), 0.5] / YEAR
    pace = np.convolve(volume, weights, mode="valid")
    around = volume[YEAR // 2 : len(volume) - YEAR // 2]
    ratio = np.divide(around, pace, out=np.full(len(pace), np.nan), where=pace > 0)
    months = (first_month - 1 + YEAR // 2 + np.arange(len(ratio))) % YEAR
    by_month = [ratio[(months == month) & np.isfinite(ratio)] for month in range(YEAR)]
    if not all(map(len, by_month)):
        return []
    scale = 1 / float(np.mean([seen.mean() for seen in by_month]))
    return [_factor(month + 1, seen * scale, confidence_level) for month, seen in enumerate(by_month)]


def _factor(month: int, seen: Floats, confidence_level: float) -> dict[str, float | int]:
    years, factor = len(seen), float(seen.mean())
    error = float(seen.std(ddof=1)) / math.sqrt(years) if years > 1 else math.nan
    reach = critical_t(confidence_level, years - 1) * error
    return {
        "month": month,
        "factor": factor,
        "factor_standard_error": error,
        "factor_ci_low": factor - reach,
        "factor_ci_high": factor + reach,
        "years": years,
    }
