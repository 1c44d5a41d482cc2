"""One market's forecast: its next periods, and how far such forecasts were off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis import periods
from terrafusion.analysis.price_forecast.backtest import (
    Backtest,
    accuracy,
    backtest,
    begin_of,
    covered,
    overall,
    reaches,
    rows,
)
from terrafusion.analysis.price_forecast.methods import (
    LEAST,
    forecasts,
    months_ahead,
    name_of,
    season_of,
)
from terrafusion.analysis.price_forecast.series import Series

SCHEMA: Final[dict[str, pl.DataType]] = {
    "group": pl.String(),
    "period": pl.String(),
    "period_start": pl.Date(),
    "horizon": pl.Int64(),
    "months_ahead": pl.Float64(),
    "method": pl.String(),
    "index": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "log_index": pl.Float64(),
    "change_pct": pl.Float64(),
    "change_ci_low_pct": pl.Float64(),
    "change_ci_high_pct": pl.Float64(),
    "interval_level": pl.Float64(),
    "errors": pl.Int64(),
    "mape": pl.Float64(),
    "mase": pl.Float64(),
    "naive_mape": pl.Float64(),
    "naive_mase": pl.Float64(),
    "seasonal_naive_mape": pl.Float64(),
    "seasonal_naive_mase": pl.Float64(),
    "interval_covered": pl.Int64(),
    "interval_checks": pl.Int64(),
}
"""A period ahead. ``errors`` are those of past forecasts as far ahead. The index is 100 in the first period of its series; changes are from its last."""


HISTORY: Final[dict[str, pl.DataType]] = {
    **{name: SCHEMA[name] for name in ("group", "period", "period_start", "index", "log_index")},
    "observations": pl.Int64(),
    "imputed": pl.Boolean(),
}
"""A period of the series."""

FAN_LEVELS: Final = (0.5, 0.8, 0.95)

PAST: Final[dict[str, pl.DataType]] = {
    **{name: SCHEMA[name] for name in ("group", "period")},
    "origin": pl.String(),
    "horizon": pl.Int64(),
    "error": pl.Float64(),
    "naive_error": pl.Float64(),
    "seasonal_naive_error": pl.Float64(),
}
"""A forecast of a ``period`` that is over, as of the end of the period ``origin``; errors are of logs."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A series with its next periods, or without: then `refused` says why."""

    group: str
    period: str
    begin: int
    """The number of the place 0."""
    series: Series
    table: pl.DataFrame
    """`SCHEMA`; empty where it is refused."""
    test: Backtest | None = None

    @property
    def periods(self) -> int:
        """How many periods are estimated."""
        return len(self.series.estimated)

    @property
    def refused(self) -> bool:
        """Whether there are too few periods."""
        return self.test is None

    @property
    def last(self) -> str | None:
        """The last period of the series."""
        return self.label(len(self.series.values) - 1) if self.periods else None

    def label(self, place: int) -> str:
        """Return the name of a period of the series, or after it."""
        return periods.label(self.begin + self.series.first + place, self.period)

    @property
    def needs(self) -> int:
        """How many periods the first forecast of the past has behind it."""
        return begin_of(self.period, len(self.series.values))

    def overall(self) -> dict[str, Any]:
        """Return the mean errors over the horizon in per cent, of the model and the naive ways."""
        if self.test is None:
            return {"mape": None, "naive_mape": None, "seasonal_naive_mape": None}
        return dict(overall(self.test))

    def history(self) -> pl.DataFrame:
        """Return the series itself."""
        places = np.arange(len(self.series.values))
        estimated = np.isin(places, self.series.estimated)
        names = [self.label(place) for place in places.tolist()]
        starts = [periods.start(self.begin + self.series.first + place, self.period) for place in places.tolist()]
        logs = self.series.values - self.series.values[0] if len(places) else self.series.values
        columns = {
            "group": [self.group] * len(places),
            "period": names,
            "period_start": starts,
            "index": 100 * np.exp(logs),
            "log_index": logs,
            "observations": self.series.observations[: len(places)],
            "imputed": ~estimated,
        }
        return pl.DataFrame(columns, schema=HISTORY)

    def fan(self) -> list[dict[str, Any]]:
        """Return what each period ahead may be with each of `FAN_LEVELS`, as far as past forecasts reached."""
        if self.test is None:
            return []
        told = []
        for level in FAN_LEVELS:
            for row, reached in zip(self.table.iter_rows(named=True), reaches(self.test, level), strict=True):
                if math.isfinite(reached.radius):
                    low, high = (row["index"] * math.exp(way * reached.radius) for way in (-1, 1))
                    told.append(
                        {"group": self.group, "level": level, "horizon": row["horizon"], "low": low, "high": high}
                    )
        return told

    def past(self) -> pl.DataFrame:
        """Return every forecast of the backtest: from which period, how far ahead, and how far off."""
        if self.test is None:
            return pl.DataFrame(schema=PAST)
        test = rows(self.test)
        origin = [self.label(int(known) - 1) for known in test["origin"]]
        target = [self.label(int(known) - 1 + int(ahead)) for known, ahead in test.select("origin", "horizon").rows()]
        return test.select(
            pl.lit(self.group).alias("group"),
            pl.Series("period", target, dtype=pl.String),
            pl.Series("origin", origin, dtype=pl.String),
            pl.exclude("origin"),
        )


def forecast(group: str, series: Series, *, period: str, begin: int, steps: int, level: float) -> Forecast:
    """Forecast ``steps`` periods of a series; refused with fewer than 24 estimated periods."""
    if len(series.estimated) < LEAST:
        return Forecast(group, period, begin, series, pl.DataFrame(schema=SCHEMA))
    test = backtest(series, steps, period)
    found = Forecast(group, period, begin, series, pl.DataFrame(schema=SCHEMA), test)
    path = forecasts([series.values], steps, period, season_of(period, len(series.values)))[0]
    reached = reaches(test, level)
    told = [
        {
            "group": group,
            "period": found.label(len(series.values) - 1 + step),
            "period_start": periods.start(begin + series.first + len(series.values) - 1 + step, period),
            "horizon": step,
            "months_ahead": months_ahead(step, period),
            "method": name_of(step, period),
            **_around(float(path[step - 1]), series, reached[step - 1].radius),
            "interval_level": reached[step - 1].promised,
            "errors": reached[step - 1].errors,
            **accuracy(test, step),
            **dict(zip(("interval_covered", "interval_checks"), covered(test, step, level), strict=True)),
        }
        for step in range(1, steps + 1)
    ]
    table = pl.DataFrame(told, schema=SCHEMA)
    floats = [name for name, kind in SCHEMA.items() if kind == pl.Float64()]
    finite = table.with_columns(pl.when(pl.col(floats).is_finite()).then(pl.col(floats)))
    return Forecast(group, period, begin, series, finite, test)


def _around(value: float, series: Series, radius: float) -> dict[str, float]:
    first, last = float(series.values[0]), float(series.values[-1])
    low, middle, high = (value + reach for reach in (-radius, 0.0, radius))
    return {
        "index": 100 * np.exp(middle - first),
        "ci_low": 100 * np.exp(low - first),
        "ci_high": 100 * np.exp(high - first),
        "log_index": middle - first,
        "change_pct": 100 * np.expm1(middle - last),
        "change_ci_low_pct": 100 * np.expm1(low - last),
        "change_ci_high_pct": 100 * np.expm1(high - last),
    }
