"""Exponential smoothing with a damped trend and seasons: ETS(A,Ad,A) of Hyndman et al. 2008, on many series at once.

    e = y - (l + phi b + s_m);   l' = l + phi b + alpha e;   b' = phi b + beta e;   s' = s_m + gamma e

Parameters are those of a fixed grid with the least sum of squared one-step errors, so there is no search that could
stop elsewhere on another machine. States begin as Holt and Winters have them, from the first two years.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats

_ALPHA: Final = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
_OF_LEVEL: Final = (0.0, 0.05, 0.1, 0.2, 0.4)
"""beta over alpha."""
_OF_REST: Final = (0.0, 0.05, 0.1, 0.2, 0.4)
"""gamma over 1 - alpha."""
_PHI: Final = (0.8, 0.9, 0.95, 0.98)

_LINE: Final = 10
"""Periods through which the first line is laid where there are no seasons."""


def grid(*, seasonal: bool) -> Floats:
    """Return the parameters that are tried, one column each: alpha, beta, gamma, phi."""
    rests = _OF_REST if seasonal else (0.0,)
    tried = product(_ALPHA, _OF_LEVEL, rests, _PHI)
    return np.array([(alpha, alpha * level, (1 - alpha) * rest, phi) for alpha, level, rest, phi in tried]).T


@dataclass(frozen=True, slots=True)
class Smoothed:
    """Where one series ends: parameters, level, trend, and the seasons of its next periods."""

    parameters: Floats
    level: float
    trend: float
    seasons: Floats
    squares: float
    """Of the one-step errors, summed."""

    def path(self, steps: int) -> Floats:
        """Return the next periods."""
        ahead = np.arange(1, steps + 1)
        damped = np.cumsum(self.parameters[3] ** ahead)
        path: Floats = self.level + damped * self.trend + self.seasons[(ahead - 1) % len(self.seasons)]
        return path


def smooth(series: Sequence[Floats], season: int) -> list[Smoothed]:
    """Smooth series by ascending length, each with the parameters that fit it best; ``season`` 1 has no seasons.

    Each needs two years, or ten periods without seasons.
    """
    tried = grid(seasonal=season > 1)
    lengths = np.array([len(one) for one in series])
    table = np.full((len(series), int(lengths.max())), np.nan)
    for row, one in enumerate(series):
        table[row, : len(one)] = one
    level, trend, seasons = _begin(table, season)
    run = _Run(tried, level, trend, seasons)
    found: list[Smoothed] = []
    for step, values in enumerate(table.T):
        run.advance(values[len(found) :], step % season)
        ended = int((lengths == step + 1).sum())
        found.extend(run.take((step + 1) % season) for _ in range(ended))
    return found


def _begin(table: Floats, season: int) -> tuple[Floats, Floats, Floats]:
    """Return each series' level and trend before its first period, and its seasons, which sum to zero."""
    if season == 1:
        place = np.arange(1, _LINE + 1)
        first = table[:, :_LINE]
        trend = (
            (first - first.mean(axis=1, keepdims=True)) @ (place - place.mean()) / ((place - place.mean()) ** 2).sum()
        )
        return first.mean(axis=1) - trend * place.mean(), trend, np.zeros((len(table), 1))
    years = table[:, : 2 * season].reshape(len(table), 2, season)
    mean = years.mean(axis=2)
    trend = (mean[:, 1] - mean[:, 0]) / season
    level = mean[:, 0] - trend * (season + 1) / 2
    line = level[:, None] + trend[:, None] * np.arange(1, 2 * season + 1)
    apart = (years - line.reshape(years.shape)).mean(axis=1)
    return level, trend, apart - apart.mean(axis=1, keepdims=True)


class _Run:
    """All series under all parameters; a series leaves when its last period is done."""

    def __init__(self, tried: Floats, level: Floats, trend: Floats, seasons: Floats) -> None:
        self._tried, count = tried, len(tried.T)
        self._alpha, self._beta, self._gamma, self._phi = tried
        self._level, self._trend = (np.repeat(start[:, None], count, axis=1) for start in (level, trend))
        self._seasons = np.repeat(seasons.T[:, :, None], count, axis=2)
        self._squares = np.zeros_like(self._level)

    def advance(self, values: Floats, place: int) -> None:
        """Take one period of every series that is left."""
        damped = self._phi * self._trend
        ahead = self._level + damped
        error = values[:, None] - ahead - self._seasons[place]
        self._level = ahead + self._alpha * error
        self._trend = damped + self._beta * error
        self._seasons[place] += self._gamma * error
        self._squares += error**2

    def take(self, place: int) -> Smoothed:
        """Let the first series go; ``place`` is the season of its next period."""
        best = int(np.argmin(self._squares[0]))
        order: Codes = (place + np.arange(len(self._seasons))) % len(self._seasons)
        found = Smoothed(
            parameters=self._tried[:, best],
            level=float(self._level[0, best]),
            trend=float(self._trend[0, best]),
            seasons=self._seasons[order, 0, best].copy(),
            squares=float(self._squares[0, best]),
        )
        self._level, self._trend, self._squares = (part[1:] for part in (self._level, self._trend, self._squares))
        self._seasons = self._seasons[:, 1:]
        return found
