"""The next periods: found, and told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.document import records
from terrafusion.analysis.findings import of_year_only
from terrafusion.analysis.groups import ALL
from terrafusion.analysis.indexes import CHARACTERISTICS
from terrafusion.analysis.market import Market, selected
from terrafusion.analysis.price_forecast import findings
from terrafusion.analysis.price_forecast.engine import Engine
from terrafusion.analysis.price_forecast.forecast import HISTORY, PAST, SCHEMA, Forecast, forecast
from terrafusion.analysis.price_forecast.methods import LEAST
from terrafusion.analysis.price_forecast.parameters import PriceForecastParameters
from terrafusion.analysis.price_forecast.series import Series
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.reading import read_columns
from terrafusion.analysis.selection import Account
from terrafusion.errors import InvalidParameters

METHOD: Final = (
    "up to 6 months ahead ETS(A,Ad,A) exponential smoothing (Hyndman et al. 2008) of the log index, from 12 months on the "
    "last year's periods moved by the last year-on-year shift, evenly weighted between"
)
INDICES: Final = {True: "hedonic time-dummy regression", False: "median price"}

_HEADLINE: Final = ("change_pct", "change_ci_low_pct", "change_ci_high_pct", "interval_level", "errors")

_POINTS_PICTURED: Final = 1_000
_PERIODS_PICTURED: Final = 60


def price_forecast(records: Records, parameters: PriceForecastParameters, progress: Progress) -> Answer:
    """Answer with the next periods of every group; raises InvalidParameters where the records cannot serve the request."""
    progress(0.0, "Reading sales")
    account, market = selected(_read, records, parameters)
    cells = market.sales.group_by("group_code", "ordinal").len()
    progress(0.2, "Holding quality constant")
    engine = Engine.of(market, parameters)
    market = replace(market, sales=engine.sales)
    return _Found(records, parameters, account, market, cells, engine, progress).answer()


def _read(records: Records, parameters: PriceForecastParameters) -> pl.DataFrame:
    sales = read_columns(records, parameters, CHARACTERISTICS, apart=("zip_code", "property_type"), coded=True)
    known = any(sales[name].null_count() < sales.height for name in CHARACTERISTICS)
    if parameters.index_method == "hedonic" and sales.height and not known:
        msg = f"index_method is 'hedonic', which needs any characteristic, of which {records.county_id} records nothing; allowed are auto, median"
        raise InvalidParameters(msg, field="index_method", value="hedonic", allowed="auto, median")
    return sales


@dataclass(frozen=True)
class _Found:
    """Everything that was asked and found, and how it is told."""

    records: Records
    parameters: PriceForecastParameters
    account: Account
    market: Market
    cells: pl.DataFrame
    """How many sales there are of each group and period, also of those that are not over."""
    engine: Engine
    progress: Progress

    @cached_property
    def groups(self) -> list[Forecast]:
        told = []
        series = self.engine.series()
        for done, (name, one) in enumerate(zip(self.market.labels, series, strict=True)):
            told.append(self._forecast(name, one))
            self.progress(0.4 + 0.5 * (done + 1) / len(series), "Forecasting, and forecasting the past")
        return told

    @cached_property
    def whole(self) -> Forecast:
        """All sales together."""
        return self.groups[0] if len(self.groups) == 1 else self._forecast(ALL, self.engine.as_one_group().series()[0])

    def _forecast(self, name: str, series: Series) -> Forecast:
        asked = self.parameters
        return forecast(
            name,
            series,
            period=self.market.period,
            begin=self.engine.begin,
            steps=asked.horizon,
            level=asked.confidence_level,
        )

    @property
    def rows(self) -> pl.DataFrame:
        return pl.concat([pl.DataFrame(schema=SCHEMA), *(one.table for one in self.groups)])

    def answer(self) -> Answer:
        rows = self.rows
        return Answer(
            summary=self._summary(),
            data_quality=self._quality(),
            warnings=list(self._warnings()),
            rows=rows,
            table=self._table(rows),
            pictures=self._pictures(),
        )

    def _pictures(self) -> dict[str, Any]:
        """Tell the latest past and the fan of the groups with the most sales, as many as there is room for."""
        room, told = _POINTS_PICTURED, []
        for one in sorted(self.groups, key=lambda one: (-int(one.series.observations.sum()), one.group)):
            history = one.history().tail(_PERIODS_PICTURED)
            room -= history.height
            if room < 0:
                break
            told.append((history.select("group", "period", "period_start", "index"), one.fan()))
        return {
            "history": [row for history, _ in told for row in records(history)],
            "fan": [row for _, fan in told for row in fan],
        }

    def _table(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Stack what comes, what was, and the forecasts of the past; ``record`` tells which is which."""
        history = pl.concat([pl.DataFrame(schema=HISTORY), *(one.history() for one in self.groups)])
        past = pl.concat([pl.DataFrame(schema=PAST), *(one.past() for one in self.groups)])
        parts = {"forecast": rows, "history": history, "backtest": past}
        marked = [part.select(pl.lit(name).alias("record"), pl.all()) for name, part in parts.items()]
        return pl.concat(marked, how="diagonal")

    def _summary(self) -> dict[str, Any]:
        whole, asked = self.whole, self.parameters
        same = "prices at constant quality" if self.engine.is_hedonic else "median prices"
        last = whole.table.row(-1, named=True) if whole.table.height else dict.fromkeys(SCHEMA)
        return {
            "key_finding": findings.key_finding(self.records.county_id, self.account.used, whole, same=same),
            "data_points_analyzed": self.account.used,
            "method": METHOD,
            "index_method": INDICES[self.engine.is_hedonic],
            "intervals": "distances that past forecasts kept, horizon by horizon (rolling origin, split conformal)",
            "cross_check": "the last value carried on, and the value of a year before",
            "period": self.market.period,
            "group_by": self.market.level,
            "confidence_level": asked.confidence_level,
            "horizon": asked.horizon,
            "refused": whole.refused,
            "periods": whole.periods,
            "periods_needed": LEAST,
            "last_period": whole.last,
            "forecast_period": last["period"],
            **{name: last[name] for name in _HEADLINE},
            "backtest_origins": 0 if whole.test is None else len(whole.test.origins),
            **{f"mean_{name}": value for name, value in whole.overall().items()},
            "beats_naive": findings.beats_naive(whole),
            "groups": len(self.groups),
            "groups_refused": sum(one.refused for one in self.groups),
            "groups_beating_naive": sum(findings.beats_naive(one) is True for one in self.groups),
            **provenance(self.records, asked),
        }

    def _quality(self) -> dict[str, Any]:
        below = self.parameters.min_sales
        thin = self.cells.filter(pl.col("len") < below).height
        return {
            **data_quality(self.account, cells=self.cells.height, thin=thin, thin_below=below),
            "partial_periods": self.market.calendar.filter("partial")["period"].to_list(),
        }

    def _warnings(self) -> Iterator[Caution]:
        yield from of_year_only(self.account.year_only)
        yield from self.account.warnings
        if self.account.used:
            yield from self.engine.warnings()
            ends = max(self.market.full, default=self.engine.begin) - self.engine.begin
            yield from findings.cautions(self.groups, level=self.parameters.confidence_level, ends=ends)
