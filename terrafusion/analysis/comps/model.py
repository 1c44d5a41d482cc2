"""The market's prices: a hedonic regression of sales with curves, areas, time, and a surface of what places add.

ln S = base + time(sale date) + sum of curves(characteristics) + type + area + surface(place) + residual

The surface is made of the residuals of the sales around. Regression and surface are fitted in turns (backfitting,
Hastie and Tibshirani 1990), the regression to prices less the surface without each sale's own residual.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.comps.homes import Homes, Places
from terrafusion.analysis.comps.regression import Prices, Regression
from terrafusion.analysis.comps.surface import Surface
from terrafusion.analysis.frames import is_sorted
from terrafusion.analysis.indexes import CHARACTERISTICS
from terrafusion.errors import AnalysisError

LEAST_SALES: Final = 30
"""Sales without which nothing is fitted."""

_TURNS: Final = 3
_ABSURD: Final = 4.0
_MOST_FITTED: Final = 100_000
"""Of more sales, every so-manieth is in the regression; all are in the surface."""


@dataclass(frozen=True, slots=True)
class Model:
    """Sales, and what they say of prices. Arrays stand in the order of ``sales``."""

    sales: pl.DataFrame
    homes: Homes
    map: Places
    places: Floats
    """East and north in km, n x 2."""
    located: Flags
    """Whether by coordinates of its own."""
    day: Codes
    log_price: Floats
    prices: Prices
    surface: Surface
    quality: Floats
    """What characteristics and type add to the log price, sale by sale; the place is not among them."""
    residual: Floats
    """Log price less all that is told of it."""
    teaches: Flags
    """Which sales the prices rest on."""
    spread: float
    """A robust standard deviation of the residuals: MAD / .6745."""

    def parts(self, homes: Homes, places: Floats, *, without: Codes | None = None) -> Floats:
        """Return what each of `PARTS` adds to the log price (n x parts); nan where the model does not hold it.

        ``without`` names for each home a sale whose residual is left out of the surface.
        """
        found = self.prices.parts(homes)
        found[:, -1] += self.surface.at(places, without=without)
        return found

    def time(self, days: Codes | Floats) -> Floats:
        """Return the height of the path of prices on each day (days since 1970)."""
        return self.prices.time.at(np.asarray(days, dtype=np.float64))


class TooFewSales(AnalysisError):
    """Fewer sales than a fit needs."""


def ordered(sales: pl.DataFrame) -> pl.DataFrame:
    """Sort sales so that nothing depends on the order in which they came."""
    keys = ("sale_date", "parcel_number", "sale_id")
    return (
        sales if is_sorted(sales, keys) else sales.sort(*keys, "sale_price", "latitude", "longitude", *CHARACTERISTICS)
    )


def fit(sales: pl.DataFrame, *, without: Collection[str] = ()) -> Model:
    """Learn the market's prices from sales with `COLUMNS` of homes, ``sale_id``, ``sale_date`` and ``sale_price``.

    Sales of the parcels ``without`` teach nothing, but may still be comparables of others. Raises TooFewSales where
    fewer than `LEAST_SALES` are left.
    """
    sales = ordered(sales)
    homes = Homes.of(sales)
    map_ = Places.of(homes)
    places, located = map_.put(homes)
    evidence = _Evidence(
        homes,
        places if map_.mapped else np.full_like(places, np.nan),
        sales["sale_date"].cast(pl.Int32).to_numpy().astype(np.int64),
        np.log(sales["sale_price"].to_numpy()),
    )
    teaches = _others(homes.parcel, without)
    if teaches.sum() < LEAST_SALES:
        msg = f"{teaches.sum()} sales, and a price model needs {LEAST_SALES}"
        raise TooFewSales(msg)
    prices = _prices(evidence.thinned(teaches), mapped=map_.mapped)
    quality = prices.quality(homes)
    left = evidence.log_price - prices.base - prices.time.at(evidence.day.astype(float)) - quality - prices.area(homes)
    surface = Surface(np.where(teaches[:, None], evidence.places, np.nan))
    surface.learn(_held(left, spread_of(left[teaches])))
    residual, others = left - surface.own(), np.flatnonzero(~teaches)
    residual[others] -= surface.at(evidence.places[others])
    return Model(
        sales=sales,
        homes=homes,
        map=map_,
        places=places,
        located=located,
        day=evidence.day,
        log_price=evidence.log_price,
        prices=prices,
        surface=surface,
        quality=quality,
        residual=residual,
        teaches=teaches,
        spread=spread_of(residual[teaches]),
    )


def _others(parcel: pl.Series, without: Collection[str]) -> Flags:
    if not without:
        return np.ones(len(parcel), bool)
    return ~parcel.is_in(list(without)).fill_null(value=False).to_numpy()


def spread_of(residual: Floats) -> float:
    """Return MAD / .6745, the standard deviation of a normal that has that MAD."""
    return max(float(np.median(np.abs(residual - np.median(residual)))) / 0.6745, 1e-6)


def _held(residual: Floats, spread: float) -> Floats:
    """Take residuals beyond `_ABSURD` spreads as that far, so that an absurd price moves nothing far."""
    return np.clip(residual, -_ABSURD * spread, _ABSURD * spread)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Sales as the fit takes them."""

    homes: Homes
    places: Floats
    day: Codes
    log_price: Floats

    def thinned(self, teaches: Flags) -> _Evidence:
        """Return every so-manieth of the sales that teach, so that at most `_MOST_FITTED` are left."""
        rows = np.flatnonzero(teaches)
        step = -(-len(rows) // _MOST_FITTED)
        if step == 1 and len(rows) == len(teaches):
            return self
        rows = rows[::step]
        return _Evidence(self.homes.taken(rows), self.places[rows], self.day[rows], self.log_price[rows])


def _prices(evidence: _Evidence, *, mapped: bool) -> Prices:
    """Fit regression and surface in turns."""
    regression = Regression(evidence.homes, evidence.day, mapped=mapped)
    surface = Surface(evidence.places)
    prices = regression.solve(evidence.log_price)
    for _ in range(_TURNS - 1):
        left = evidence.log_price - regression.fitted
        left = _held(left, spread_of(left))
        surface.learn(left)
        height = surface.own(without=True)
        prices = regression.solve(regression.fitted + left - height + height.mean())
    return prices
