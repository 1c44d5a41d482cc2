"""How prices moved: an estimate by any method, for each group and for all sales together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.market import Market
from terrafusion.analysis.price_index.cautions import is_short, of_method
from terrafusion.analysis.price_index.engine import Engine
from terrafusion.analysis.price_index.estimate import Estimate, nothing
from terrafusion.analysis.price_index.parameters import Method, family
from terrafusion.analysis.price_index.requirements import allowed
from terrafusion.analysis.ratios.measures import least_squares
from terrafusion.analysis.ratios.segments import Segments
from terrafusion.analysis.time_adjustment.parameters import (
    AdjustmentMethod,
    TimeAdjustmentParameters,
    index_method,
)
from terrafusion.analysis.timing import NO_REVISIONS

_DAYS_A_YEAR: Final = 365.25
_LEAST: Final = 3
"""Points that a line with an error needs."""

_ORDER: Final[tuple[AdjustmentMethod, ...]] = ("regression", "robust", "stratified_median", "ratio_trend")
"""By which other methods a factor is checked: the first that the records allow and that is of another family."""


@dataclass(frozen=True)
class Curves:
    """The market's sales, with a ``value`` where they have one, how their prices are compared, and what was asked."""

    market: Market
    engine: Engine
    possible: tuple[Method, ...]
    """The methods for which the sales have columns."""
    parameters: TimeAdjustmentParameters

    @classmethod
    def of(cls, market: Market, parameters: TimeAdjustmentParameters) -> Curves:
        """Take a market; the characteristics of its sales go into the regression, which is asked for or is a check."""
        bare = replace(market, sales=market.sales.drop("unit_price"))
        engine = Engine.of(bare, parameters.as_index(), NO_REVISIONS).spared()
        return cls(replace(market, sales=engine.sales), engine, allowed(market.sales), parameters)

    @cached_property
    def _together(self) -> Engine:
        return self.engine if self.engine.groups == 1 else self.engine.as_one_group()

    @property
    def is_short(self) -> bool:
        """Whether the sales span less than two years: then homes that sold twice are mostly flips."""
        return is_short(self.market.calendar.height, self.market.period)

    def groups(self) -> list[Estimate]:
        """Estimate each group's index, in the order of the labels."""
        name = index_method(self.parameters.method)
        if name is not None:
            return self.engine.estimates(name)
        codes = self._valued["group_code"]
        return [self._trend(self._valued.filter(codes == code)) for code in range(len(self.market.labels))]

    def county(self, method: AdjustmentMethod | None = None) -> Estimate:
        """Estimate the index of all sales together."""
        name = index_method(method or self.parameters.method)
        return self._trend(self._valued) if name is None else self._together.estimates(name)[0]

    def others(self) -> Iterator[AdjustmentMethod]:
        """Name the methods, by what else they look at, that the records allow beside the one asked for."""
        passed = {family(index_method(self.parameters.method)), *(["repeat"] if self.is_short else [])}
        for method in _ORDER:
            name = index_method(method)
            if family(index_method(method)) not in passed and (
                name in self.possible or (name is None and self.market.sales["value"].count())
            ):
                yield method

    def warnings(self, county: Estimate) -> Iterator[Caution]:
        """Tell what the method left out."""
        name = index_method(self.parameters.method)
        if name is None:
            lacking = self.market.sales["value"].null_count()
            if lacking:
                yield Caution("value_missing", f"{lacking} sales have no value and are not in the trend of the ratios")
            return
        yield from of_method(self.engine, name, county, period=self.market.period)

    @cached_property
    def _valued(self) -> pl.DataFrame:
        """The sales of a ratio, so sorted that no sum depends on the order of the records."""
        told = self.market.sales.select("group_code", "ordinal", "sale_date", "sale_price", "value")
        return told.filter(pl.col("value") > 0).sort("sale_date", "sale_price", "value")

    def _trend(self, known: pl.DataFrame) -> Estimate:
        """Estimate that prices grow evenly, at the rate at which ratios of value to price fall."""
        middle = (
            self.market.calendar["period_start"].to_physical() + self.market.calendar["period_end"].to_physical()
        ) / 2
        years = middle.to_numpy() / _DAYS_A_YEAR
        begin = int(self.market.calendar["ordinal"][0])
        observations = np.bincount(known["ordinal"].to_numpy() - begin, minlength=len(years)).astype(np.int64)
        rate, error = fall(known, known["sale_price"].to_numpy())
        if not np.isfinite(error):
            return nothing(observations, known.height)
        since = years - years[0]
        cover = np.outer(since, since) * error**2
        return Estimate(
            log_index=-rate * since,
            covariance=cover,
            pooled=cover,
            observations=observations,
            used=known.height,
            freedom=known.height - 2,
            told={"ratio_slope": rate},
        )


def fall(sales: pl.DataFrame, price: Floats) -> tuple[float, float]:
    """Return the slope of ln(value / price) on time, a year, and its standard error; nan of too few."""
    if sales.height < _LEAST:
        return float("nan"), float("nan")
    years = sales["sale_date"].to_physical().to_numpy() / _DAYS_A_YEAR
    slope, error = least_squares(years, np.log(sales["value"].to_numpy() / price), Segments.of([sales.height]))
    return float(slope[0]), float(error[0])
