"""What the next periods are, from a log index alone: smoothing, last year, and the naive ways to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.periods import PER_YEAR
from terrafusion.analysis.price_forecast.smoothing import smooth

LEAST: Final = 24
"""Periods without which there is no forecast."""

SMOOTHED_MONTHS, YEAR_MONTHS = 6, 12
"""Up to so many months ahead it is smoothing alone, from so many on last year alone."""


def season_of(period: str, length: int) -> int:
    """Return the periods of a year; 1 where a series of that length does not hold two of them."""
    year = PER_YEAR[period]
    return year if length >= 2 * year else 1


def months_ahead(step: int, period: str) -> float:
    """Return how many months so many periods are."""
    return step * 12 / PER_YEAR[period]


def share_of_smoothing(step: int, period: str) -> float:
    """Return the weight of smoothing: 1 up to six months, 0 from twelve on, evenly less between."""
    return float(np.clip((YEAR_MONTHS - months_ahead(step, period)) / (YEAR_MONTHS - SMOOTHED_MONTHS), 0.0, 1.0))


def name_of(step: int, period: str) -> str:
    """Name what forecasts a step: ``ets``, ``last_year`` or, between the two, ``blend``."""
    share = share_of_smoothing(step, period)
    return "ets" if share == 1 else "last_year" if share == 0 else "blend"


def forecasts(series: Sequence[Floats], steps: int, period: str, season: int) -> Floats:
    """Return the next ``steps`` periods of each series, one row each; lengths ascend."""
    shares = np.array([share_of_smoothing(step, period) for step in range(1, steps + 1)])
    found = np.zeros((len(series), steps))
    if shares.any():
        found += shares * np.array([end.path(steps) for end in smooth(series, season)])
    if (shares < 1).any():
        found += (1 - shares) * np.array([last_year(one, steps, PER_YEAR[period]) for one in series])
    return found


def last_year(series: Floats, steps: int, year: int) -> Floats:
    """Return the same periods of the last year, moved by how much the last year lay above the one before it.

    Periods beyond the next year are moved once more for each year.
    """
    shift = float(series[-year:].mean() - series[-2 * year : -year].mean())
    moved: Floats = seasonal_naive(series, steps, year) + shift * _years_ahead(steps, year)
    return moved


def seasonal_naive(series: Floats, steps: int, year: int) -> Floats:
    """Return the same periods of the last year as they were."""
    repeated: Floats = series[len(series) + np.arange(steps) - year * _years_ahead(steps, year)]
    return repeated


def _years_ahead(steps: int, year: int) -> Codes:
    return np.arange(steps, dtype=np.int64) // year + 1
