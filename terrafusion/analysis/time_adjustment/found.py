"""The factors of a market, and the headline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from terrafusion.analysis import periods
from terrafusion.analysis.api import Caution
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.groups import ALL
from terrafusion.analysis.market import Market
from terrafusion.analysis.price_index.estimate import FREEDOM, Estimate, nothing
from terrafusion.analysis.time_adjustment import findings, span
from terrafusion.analysis.time_adjustment.curves import Curves
from terrafusion.analysis.time_adjustment.factors import SCHEMA, County, Rules, factors, none
from terrafusion.analysis.time_adjustment.parameters import TimeAdjustmentParameters
from terrafusion.analysis.timing import valuation_day


@dataclass(frozen=True)
class Found:
    """The factors of a market; ``others`` are areas that may have no sale."""

    curves: Curves
    others: list[str]

    @property
    def market(self) -> Market:
        """The sales that the curves are of."""
        return self.curves.market

    @property
    def parameters(self) -> TimeAdjustmentParameters:
        """What was asked."""
        return self.curves.parameters

    @cached_property
    def day(self) -> date | None:
        """The day to which prices are brought; None without any sale."""
        return valuation_day(self.market.sales, self.parameters)

    @cached_property
    def estimate(self) -> Estimate:
        """The index of all sales together."""
        count = self.market.calendar.height
        return self.curves.county() if count else nothing(np.zeros(0, np.int64), 0)

    @cached_property
    def wanted(self) -> int:
        """The place of the valuation's period, which may lie beyond the sales."""
        begin = int(self.market.calendar["ordinal"][0])
        return int(periods.numbers(pl.Series([self.day], dtype=pl.Date), self.market.period)[0]) - begin

    @cached_property
    def county(self) -> County | None:
        """That index at the valuation's period; None where it has no period."""
        if not self.market.calendar.height:
            return None
        return County.of(self.estimate, self.wanted, self.least)

    @property
    def least(self) -> int:
        """Observations that a period needs."""
        return span.least(self.parameters.method, self.parameters.min_sales)

    @property
    def z(self) -> float:
        """The normal's quantile of the intervals."""
        return critical_value(self.parameters.confidence_level)

    @cached_property
    def placed(self) -> pl.DataFrame:
        """The rows of `factors.SCHEMA`."""
        count = self.market.calendar.height
        names = sorted({*self.market.labels, *self.others}) if count else []
        if self.county is None:
            return none(names, count)
        own = dict(zip(self.market.labels, self._groups(), strict=True))
        bare = nothing(np.zeros(count, np.int64), 0)
        rules = Rules(pooling=self.parameters.pooling, z=self.z, least=self.least)
        return factors({name: own.get(name, bare) for name in names}, self.county, rules)

    def _groups(self) -> list[Estimate]:
        return [self.estimate] if len(self.market.labels) == 1 and not self.others else self.curves.groups()

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The factors, with their periods named."""
        calendar = self.market.calendar.with_row_index("place").with_columns(pl.col("place").cast(pl.Int64))
        named = self.placed.join(calendar, on="place", how="left", maintain_order="left")
        first = ["group", "period", "period_start", "period_end", "partial"]
        return named.select(*first, *(name for name in SCHEMA if name not in {"group", "place"}))

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """What was asked, and the headline."""
        asked, county = self.parameters, self.county
        return {
            "method": span.title(asked.method),
            "method_name": asked.method,
            "pooling": asked.pooling,
            "period": self.market.period,
            "group_by": self.market.level,
            "confidence_level": asked.confidence_level,
            "valuation_date": None if self.day is None else self.day.isoformat(),
            "valuation_period": None if county is None else self.market.calendar["period"][county.to],
            "periods_beyond": 0 if county is None else self.wanted - county.to,
            "observations": self.estimate.used,
            **self._headline(),
        }

    def _headline(self) -> Mapping[str, Any]:
        county = self.county
        first = None if county is None else span.first_full(self.curves, county)
        own = None
        if county is not None and first is not None:
            ends = (first, county.to)
            own = span.change(self.estimate, least=self.least, span=ends, z=self.z)
        if county is None or first is None or own is None:
            return {"first_period": None, "factor": None, **span.no_change("change"), **span.NO_CHECK}
        return {
            "first_period": self.market.calendar["period"][first],
            "factor": 1 + own.per_cent / 100,
            **own.named("change"),
            **span.cross_check(self.curves, (first, county.to), own, self.z),
        }

    @cached_property
    def warnings(self) -> list[Caution]:
        """What the method left out, and where factors are not a group's own."""
        return list(self._warnings())

    def _warnings(self) -> Iterator[Caution]:
        if not self.market.calendar.height:
            return
        yield from self.curves.warnings(self.estimate)
        if self.county is None:
            need = f"{FREEDOM} more than the fit has parameters, and a period with {self.parameters.min_sales}"
            what = span.unit(self.parameters.method)
            message = f"No factor can be told: there are {self.estimate.used} {what}; needed are {need}"
            yield Caution("too_few_observations", message)
        if set(self.market.labels) != {ALL} and self.estimate.used:
            yield from findings.of_areas(self.placed, self.parameters)
