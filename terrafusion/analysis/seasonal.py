"""Seasonal adjustment of a trend's figures: by STL of their logs, where a test finds that there are seasons.

STL (Cleveland, Cleveland, McRae and Terpenning 1990), robust, with a seasonal pattern that does not change from year
to year. Whole series are decomposed at once: no figure is smoothed from figures that were smoothed before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.periods import PER_YEAR, numbers

FIGURES: Final = ("sales_volume", "median_price", "median_price_per_sqft", "index")
"""What is adjusted; beside each stands the adjusted figure, with `_sa`."""

LEAST: Final = {"week": 156, "month": 36, "quarter": 16}
"""Full periods in a row that a series needs: 3 years; 4 of quarters, in 3 of which no rank test can be sure enough."""

SUREST: Final = {"f": 0.001, "kruskal_wallis": 0.01}
"""Seasons are there when both tests of the detrended figures say so (Lothian and Morry 1978)."""

MEASURES: Final = {
    "seasonal": pl.Boolean(),
    "seasonal_strength": pl.Float64(),
    "seasonal_n": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """The seasons of one series in logs: its factors, how strong they are, and whether they are there at all."""

    season: Floats
    strength: float
    """1 - Var(rest) / Var(season + rest), at least 0 (Wang, Smith and Hyndman 2006)."""
    found: bool


def pattern(log_value: Floats, per_year: int) -> Pattern:
    """Decompose a series without gaps into trend, a season that repeats, and the rest; test for the season."""
    from statsmodels.tsa.seasonal import STL  # noqa: PLC0415 - slow to import

    n = len(log_value)
    place = np.arange(n) % per_year
    if np.ptp(log_value) < _FLAT:
        return Pattern(np.zeros(n), 0.0, found=False)
    fitted = STL(log_value, period=per_year, seasonal=10 * n + 1, seasonal_deg=0, seasonal_jump=n, robust=True).fit()
    means = np.bincount(place, fitted.seasonal) / np.bincount(place)
    season = (means - means.mean())[place]
    detrended = log_value - fitted.trend
    rest = detrended - season
    strength = max(0.0, 1 - float(rest.var() / detrended.var()))
    return Pattern(season, strength, is_seasonal([detrended[place == at] for at in range(per_year)]))


def is_seasonal(by_place: Sequence[Floats]) -> bool:
    """Say whether detrended figures, told apart by their place in the year, differ by more than `SUREST` allows.

    Their p is no more than a threshold: the trend was fitted to the same figures, and errors may be related.
    """
    from scipy.stats import f_oneway, kruskal  # noqa: PLC0415 - slow to import

    p_values = {"f": f_oneway(*by_place).pvalue, "kruskal_wallis": kruskal(*by_place).pvalue}
    return all(p_values[name] <= surest for name, surest in SUREST.items())


_FLAT: Final = 1e-12


def adjusted(points: pl.DataFrame, period: str) -> tuple[pl.DataFrame, pl.DataFrame, list[Caution]]:
    """Return the points with `FIGURES` adjusted beside them, `MEASURES` of each series, and what to beware of.

    A series is a figure of one group (and tier). It is adjusted over its longest run of full periods without a gap, if
    that has `LEAST`; where no season is found, the figure stands as it is.
    """
    keys = [name for name in ("group", "tier") if name in points.columns]
    numbered = points.with_columns(numbers(points["period_start"], period).alias("ordinal"))
    parts, told = [], []
    for name, part in numbered.group_by(keys, maintain_order=True):
        columns, found = _of_group(part, period)
        parts.append(part.drop("ordinal").with_columns(columns))
        told.append(dict(zip(keys, name, strict=True)) | found)
    schema = {key: points.schema[key] for key in keys} | {
        f"{figure}_{measure}": kind for figure in FIGURES for measure, kind in MEASURES.items()
    }
    empty = points.with_columns(pl.lit(None, pl.Float64).alias(f"{figure}_sa") for figure in FIGURES)
    measures = pl.DataFrame(told, schema=schema)
    return pl.concat(parts) if parts else empty, measures, list(_cautions(measures, period))


def _of_group(part: pl.DataFrame, period: str) -> tuple[list[pl.Series], dict[str, Any]]:
    columns, told = [], dict[str, Any]()
    for figure in FIGURES:
        values, found = _of_series(part, figure, period)
        columns.append(pl.Series(f"{figure}_sa", values, pl.Float64, nan_to_null=True))
        told |= {f"{figure}_{measure}": value for measure, value in found.items()}
    return columns, told


def _of_series(part: pl.DataFrame, figure: str, period: str) -> tuple[Floats, dict[str, Any]]:
    value = part[figure].cast(pl.Float64).fill_null(np.nan).to_numpy()
    usable = (value > 0) & ~part["partial"].to_numpy()
    run = _longest_run(part["ordinal"].to_numpy(), usable)
    adjusted = np.full(len(value), np.nan)
    if len(run) < LEAST[period]:
        return adjusted, {"seasonal_n": len(run)}
    seasons = pattern(np.log(value[run]), PER_YEAR[period])
    adjusted[run] = value[run] * np.exp(-seasons.season) if seasons.found else value[run]
    return adjusted, {"seasonal": seasons.found, "seasonal_strength": seasons.strength, "seasonal_n": len(run)}


def _longest_run(ordinals: Codes, usable: np.ndarray[Any, np.dtype[np.bool_]]) -> Codes:
    """Return the places of the longest run of periods that follow each other; the latest of equally long ones."""
    places = np.flatnonzero(usable)
    if not len(places):
        return places
    runs = np.split(places, np.flatnonzero(np.diff(ordinals[places]) != 1) + 1)
    return max(reversed(runs), key=len)


def _cautions(measures: pl.DataFrame, period: str) -> Iterator[Caution]:
    least = LEAST[period]
    for figure in FIGURES:
        n, found = measures[f"{figure}_seasonal_n"], measures[f"{figure}_seasonal"]
        short = sorted(set(n.filter((n > 0) & (n < least))))
        if short:
            runs = f"{short[0]}" if len(short) == 1 else f"{short[0]} to {short[-1]}"
            count = int(n.is_in(short).sum())
            message = f"{figure} of {count} of {len(n)} series has {runs} {period}s in a row; {least} are needed"
            yield Caution("seasonal_too_short", message)
        none = int((~found).sum())
        if none:
            message = f"{figure} of {none} of {len(n)} series shows no seasons and stands unadjusted"
            yield Caution("seasonality_not_found", message)
