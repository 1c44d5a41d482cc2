"""What a price of one day is worth at another: S * I(then) / I(sale), with I a constant-quality index of one market.

For the colleagues who adjust prices::

    line = timing.timeline(sales, "hedonic_time_dummy", period="month")
    if line.known:
        worth = sales["sale_price"] * line.factors(sales["sale_date"], to=date(2015, 5, 27))
        line.levels(days)             # ln I at each of many days: factors between any two are exp of a difference
        line.beyond(days)             # periods by which each lies before (-) or after (+) what is estimated
    line.estimate                     # the log index by period with its covariance
    line.warnings                     # what the index could not use

``sales`` needs ``sale_date``, ``sale_price`` and `columns_for` the method, null where nothing is known; the order of its
rows changes nothing. The factor is that of the calendar period, not of the day. Nothing is extrapolated: beyond the
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
from terrafusion.analysis.price_index.cautions import of_method
from terrafusion.analysis.price_index.engine import Engine
from terrafusion.analysis.price_index.estimate import FREEDOM, Estimate
from terrafusion.analysis.price_index.parameters import HEDONIC, REPEAT, Method, PriceIndexParameters

NO_REVISIONS: Final = 1_000_000
"""Training periods that no index has, so that none is estimated again for its revisions."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The index of one market over its periods, of which the first has the number ``begin``."""

    period: str
    begin: int
    estimate: Estimate
    warnings: tuple[Caution, ...] = ()

    @property
    def places(self) -> Codes:
        """The places, from 0, of the periods that are estimated; others lie in logs between their neighbours."""
        return np.flatnonzero(self.estimate.estimated)

    @property
    def known(self) -> bool:
        """Whether there is an index, of `FREEDOM` observations more than its fit has parameters."""
        return bool(self.places.size) and self.estimate.freedom >= FREEDOM

    def levels(self, days: pl.Series) -> Floats:
        """Return ln I on each day: that of its period, or of the nearest estimated one beyond the ends."""
        known = self.places
        levels: Floats = np.interp(self._places_of(days), known, self.estimate.log_index[known])
        return levels

    def factors(self, days: pl.Series, to: date) -> Floats:
        """Return by what a price of each day is multiplied to be one of the day ``to``."""
        factors: Floats = np.exp(self.levels(_one(to))[0] - self.levels(days))
        return factors

    def observations(self, day: date) -> int:
        """Return on how many observations the level of a day rests."""
        known = self.places
        nearest = known[np.argmin(np.abs(known - self._places_of(_one(day))))]
        return int(self.estimate.observations[nearest])

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


def columns_for(method: Method) -> frozenset[str]:
    """Name what a method reads beside date and price."""
    if method in REPEAT:
        return frozenset({"parcel_number", "sale_id"})
    places = frozenset({"zip_code", "property_type"})
    return places.union(indexes.CHARACTERISTICS) if method in HEDONIC else places


def timeline(sales: pl.DataFrame, method: Method, *, period: str) -> Timeline:
    """Estimate the index of all ``sales`` together as `price_index` does that is told the method and nothing else.

    It is not `Timeline.known` where no characteristic is, or sales or pairs are fewer than parameters and `FREEDOM`.
    """
    ordinal = periods.numbers(sales["sale_date"], period)
    numbers = ordinal.to_numpy().astype(np.int64)
    begin, count = (int(numbers.min()), int(np.ptp(numbers)) + 1) if len(numbers) else (0, 0)
    laid = sales.with_columns(ordinal.alias("ordinal"), pl.lit(0, pl.Int32).alias("group_code"))
    engine = Engine(laid, 1, begin, count, PriceIndexParameters(method=method), NO_REVISIONS)
    found = engine.estimates(method)[0]
    return Timeline(period, begin, found, tuple(of_method(engine, method, found, period=period)))
