"""How wrong forecasts would have been: each period of the past is forecast from what was known before it.

An error is of the change since the last known period: forecast less what came, in logs, as the index is told now.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.price_forecast.methods import LEAST, forecasts, season_of, seasonal_naive
from terrafusion.analysis.price_forecast.series import Series

MOST_ORIGINS: Final = 120
"""The latest periods from which the past is forecast."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """Errors by origin (rows) and step (columns), nan where nothing is known to compare with."""

    origins: Codes
    """How many periods were over."""
    model: Floats
    naive: Floats
    seasonal: Floats
    scale: Floats
    """Of each origin, the mean absolute change from season to season until then."""


def begin_of(period: str, length: int) -> int:
    """Return how many periods the first origin has: 24, and two years where there are seasons."""
    return max(LEAST, 2 * season_of(period, length))


def backtest(series: Series, steps: int, period: str) -> Backtest:
    """Forecast from every origin but the last, the latest `MOST_ORIGINS` of them."""
    length = len(series.values)
    season, begin = season_of(period, length), begin_of(period, length)
    origins = [known for known in sorted(series.versions) if begin <= known < length][-MOST_ORIGINS:]
    if not origins:
        empty = np.empty((0, steps))
        return Backtest(np.array(origins, dtype=np.int64), empty, empty, empty, np.empty(0))
    known = [series.versions[origin] for origin in origins]
    last = np.array([version[-1] for version in known])[:, None]
    came = _came(series, origins, steps)
    repeated = np.array([seasonal_naive(version, steps, season) for version in known])
    return Backtest(
        origins=np.array(origins),
        model=forecasts(known, steps, period, season) - last - came,
        naive=-came,
        seasonal=repeated - last - came,
        scale=np.array([float(np.abs(version[season:] - version[:-season]).mean()) for version in known]),
    )


def _came(series: Series, origins: list[int], steps: int) -> Floats:
    """Return the changes since each origin, nan beyond the end and in periods that are filled in."""
    values = np.full(len(series.values) + steps, np.nan)
    values[series.estimated] = series.values[series.estimated]
    places = np.array(origins)[:, None] - 1
    changes: Floats = values[places + np.arange(1, steps + 1)] - values[places]
    return changes


@dataclass(frozen=True, slots=True)
class Reach:
    """How far to either side of a forecast its interval reaches, in logs, and how often that holds at least."""

    radius: float
    promised: float
    errors: int


def reach(errors: Floats, level: float) -> Reach:
    """Return the smallest distance that as many errors keep as the level asks of one more like them.

    Of n errors and the next one, all as likely to be the largest, the k-th smallest is not passed by the next with
    probability k / (n + 1) (Vovk, Gammerman and Shafer 2005). Where n are too few for the level, the largest is taken,
    which promises n / (n + 1).
    """
    known = np.sort(np.abs(errors[np.isfinite(errors)]))
    n = len(known)
    if not n:
        return Reach(math.nan, math.nan, 0)
    rank = math.ceil((n + 1) * level - 1e-9)
    return Reach(float(known[min(rank, n) - 1]), min(level, n / (n + 1)), n)


def reaches(test: Backtest, level: float) -> list[Reach]:
    """Return the reach of every step; it is never less than that of a nearer one."""
    found = [reach(column, level) for column in test.model.T]
    wide = np.fmax.accumulate([one.radius for one in found])
    told = zip(wide.tolist(), found, strict=True)
    return [Reach(radius, one.promised, one.errors) if one.errors else one for radius, one in told]


def covered(test: Backtest, step: int, level: float) -> tuple[int, int]:
    """Say how many of how many errors lay within what the errors known at their origin reached.

    Only origins count at which as many were known as the level needs.
    """
    errors = test.model[:, step - 1]
    hits = checks = 0
    for origin, error in zip(test.origins, errors, strict=True):
        before = reach(errors[test.origins + step <= origin], level)
        if np.isfinite(error) and before.promised >= level:
            checks += 1
            hits += abs(error) <= before.radius
    return int(hits), checks


def accuracy(test: Backtest, step: int) -> Mapping[str, Any]:
    """Return MAPE (per cent) and MASE of a step (Hyndman and Koehler 2006), for the model and two naive ways.

    MASE divides by the mean absolute seasonal change known at the origin.
    """
    told: dict[str, Any] = {}
    for prefix, errors in (("", test.model), ("naive_", test.naive), ("seasonal_naive_", test.seasonal)):
        column = errors[:, step - 1]
        known = np.isfinite(column)
        scaled = np.abs(column[known]) / np.where(test.scale[known] > 0, test.scale[known], np.nan)
        told[f"{prefix}mape"] = 100 * float(np.abs(np.expm1(column[known])).mean()) if known.any() else None
        told[f"{prefix}mase"] = float(scaled.mean()) if known.any() and np.isfinite(scaled).all() else None
    return told


def overall(test: Backtest) -> Mapping[str, float | None]:
    """Return the mean over the steps of the mean absolute errors in per cent, of the model and the naive ways."""
    told = [accuracy(test, step + 1) for step in range(test.model.shape[1]) if np.isfinite(test.model[:, step]).any()]
    names = ("mape", "naive_mape", "seasonal_naive_mape")
    return {name: float(np.mean([one[name] for one in told])) if told else None for name in names}


def rows(test: Backtest) -> pl.DataFrame:
    """Return every forecast of the past that can be judged: ``origin`` and ``horizon`` in periods, and the errors."""
    origin, step = (part.ravel() for part in np.indices(test.model.shape))
    columns = {
        "origin": test.origins[origin] if len(test.origins) else origin,
        "horizon": step + 1,
        "error": test.model.ravel(),
        "naive_error": test.naive.ravel(),
        "seasonal_naive_error": test.seasonal.ravel(),
    }
    kinds = {name: pl.Int64 if name in {"origin", "horizon"} else pl.Float64 for name in columns}
    return pl.DataFrame(columns, schema=kinds).filter(pl.col("error").is_finite())
