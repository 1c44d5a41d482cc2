"""What a price of one day is worth at another: S * I(then) / I(sale), with I a constant-quality index of one market.

For the colleagues who adjust prices::

    line = timing.hedonic(sales, period="month", min_sales=10)
    if line.known:
        worth = sales["sale_price"] * line.factors(sales["sale_date"], to=date(2015, 5, 27))
        line.levels(days)             # ln I at each of many days: factors between any two are exp of a difference
        line.beyond(days)             # periods by which each lies before (-) or after (+) what is estimated
    line.estimate                     # the log index by period with its covariance
    line.warnings                     # what the index could not use

``sales`` needs ``sale_date``, ``sale_price`` and `COLUMNS`, null where nothing is known; the order of its rows
changes nothing. The factor is that of the calendar period, not of the day. Nothing is extrapolated: beyond the
first and last estimated period the level of the nearest holds, and `Timeline.beyond` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis import indexes, periods
from terrafusion.analysis.api import Caution
from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.price_index.estimate import Estimate, nothing
from terrafusion.analysis.price_index.hedonic_index import Placed, time_dummy
from terrafusion.analysis.price_index.repeat_sales import Options

COLUMNS: Final = frozenset({*indexes.CHARACTERISTICS, "zip_code", "property_type"})
"""What the hedonic index reads beside date and price."""

NO_REVISIONS: Final = 1_000_000
"""Training periods that no index has, so that none is estimated again for its revisions."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The index of one market over its periods, of which the first has the number ``begin``."""

    period: str
    begin: int
    estimate: Estimate
    min_sales: int
    """Periods with fewer observations take no part; they lie in logs between their neighbours."""
    warnings: tuple[Caution, ...] = ()

    @property
    def places(self) -> Codes:
        """The places, from 0, of the periods that are estimated and have observations enough."""
        enough = self.estimate.observations >= self.min_sales
        return np.flatnonzero(self.estimate.estimated & enough)

    @property
    def known(self) -> bool:
        """Whether there is an index at all."""
        return bool(self.places.size)

    def levels(self, days: pl.Series) -> Floats:
        """Return ln I on each day: that of its period, or of the nearest estimated one beyond the ends."""
        known = self.places
        levels: Floats = np.interp(self._places_of(days), known, self.estimate.log_index[known])
        return levels

    def factors(self, days: pl.Series, to: date) -> Floats:
        """Return by what a price of each day is multiplied to be one of the day ``to``."""
        factors: Floats = np.exp(self.levels(_one(to))[0] - self.levels(days))
        return factors

    def beyond(self, days: pl.Series) -> Codes:
        """Return how many periods each day lies before the first (below 0) or after the last estimated period."""
        places, known = self._places_of(days), self.places
        apart: Codes = np.minimum(places - known[0], 0) + np.maximum(places - known[-1], 0)
        return apart

    def _places_of(self, days: pl.Series) -> Codes:
        return periods.numbers(days, self.period).to_numpy().astype(np.int64) - self.begin


def _one(day: date) -> pl.Series:
    return pl.Series([day], dtype=pl.Date)


def valuation_day(sales: pl.DataFrame, parameters: SharedParameters) -> date | None:
    """Return ``valuation_date``, else ``end_date``, else the day of the last of the sales; None without any."""
    last = sales["sale_date"].max()
    return parameters.valuation_date or parameters.end_date or (last if isinstance(last, date) else None)


def hedonic(sales: pl.DataFrame, *, period: str, min_sales: int) -> Timeline:
    """Estimate the time-dummy index of all ``sales`` together, with ZIP effects where they span several.

    It is not `Timeline.known` where no characteristic is, or where sales are fewer than parameters and 30.
    """
    ordinal = periods.numbers(sales["sale_date"], period)
    numbers = ordinal.to_numpy().astype(np.int64)
    begin, count = (int(numbers.min()), int(np.ptp(numbers)) + 1) if len(numbers) else (0, 0)
    chosen = indexes.design(sales.with_columns(ordinal.alias("ordinal"), pl.lit(0, pl.Int32).alias("group_code")))
    found = nothing(np.zeros(count, np.int64), 0)
    if chosen.sales.height:
        _, places, sample = next(indexes.samples(chosen))
        found = time_dummy(Placed(sample, places - begin, count), Options(train_periods=NO_REVISIONS))
    return Timeline(period, begin, found, min_sales, chosen.warnings)
