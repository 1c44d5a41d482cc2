"""The market's prices: a hedonic regression of sales with curves, areas, time, and a surface of what places add.

ln S = base + time(sale date) + sum of curves(characteristics) + type + area + surface(place) + residual

The regression is least squares, each standardised regressor held back by one pseudo-sale of no effect (ridge), so
that a characteristic that repeats another, or of which few sales tell, does no harm. The surface is made of the
residuals of the sales around, and regression and surface are fitted in turns (backfitting, Hastie and Tibshirani
1990), the regression to prices less the surface without each sale's own residual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.comps.curves import Curve, Shape, time_knots
from terrafusion.analysis.comps.homes import Flags, Homes, Places, codes_of
from terrafusion.analysis.comps.surface import Surface
from terrafusion.analysis.hedonic import Codes, Floats
from terrafusion.analysis.indexes import CHARACTERISTICS

PARTS: Final = (*CHARACTERISTICS, "property_type", "location")
"""What a home's log price is made of, beside base and time."""

LEAST_SALES: Final = 30
"""Sales without which nothing is fitted."""

_KNOWN_SHARE: Final = 0.5
"""A characteristic that fewer of the sales have is left out."""
_TURNS: Final = 3
_PSEUDO: Final = 1.0
_PSEUDO_AREA: Final = 5.0
_MOST_FITTED: Final = 200_000
"""Of more sales, every so-manieth is in the regression; all are in the surface."""
_MOST_TYPES: Final = 20
_MOST_AREAS: Final = 1_000
_TIME_SALES: Final = 300
_TIME_DAYS: Final = 28
_TYPE_SALES: Final = 30


@dataclass(frozen=True, slots=True)
class Prices:
    """What the regression found: heights in log price."""

    base: float
    time: Curve
    curves: Mapping[str, Curve]
    kinds: Mapping[str, float]
    areas: Mapping[str, float]
    area_field: str

    def parts(self, homes: Homes) -> Floats:
        """Return what each of `PARTS` adds, home by home (n x parts); location is the area's alone; nan where not held."""
        none = np.full(len(homes), np.nan)
        found = [self.curves[name].at(homes.values[name]) if name in self.curves else none for name in CHARACTERISTICS]
        kind = _heights(homes.kind, self.kinds) if self.kinds else none
        return np.column_stack([*found, kind, _heights(getattr(homes, self.area_field), self.areas)])


def _heights(names: pl.Series, heights: Mapping[str, float]) -> Floats:
    known = list(heights)
    codes = codes_of(names, known)
    table = np.array([*heights.values(), 0.0])
    found: Floats = table[codes]
    return found


@dataclass(frozen=True)
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

    def parts(self, homes: Homes, places: Floats) -> Floats:
        """Return what each of `PARTS` adds to the log price (n x parts); nan where the model does not hold it."""
        found = self.prices.parts(homes)
        found[:, -1] += self.surface.at(places)
        return found

    @cached_property
    def told(self) -> Floats:
        """What homes' characteristics and places add, sale by sale."""
        found: Floats = np.nansum(self.parts(self.homes, self.places), axis=1)
        return found

    @cached_property
    def quality(self) -> Floats:
        """The same without the place."""
        return np.asarray(np.nansum(self.prices.parts(self.homes)[:, :-1], axis=1))

    @cached_property
    def residual(self) -> Floats:
        """Log price less all that is told of it."""
        return self.log_price - self.prices.base - self.prices.time.at(self.day.astype(float)) - self.told

    @cached_property
    def spread(self) -> float:
        """A robust standard deviation of the residuals: MAD / .6745."""
        return max(float(np.median(np.abs(self.residual - np.median(self.residual)))) / 0.6745, 1e-6)

    def time(self, days: Codes | Floats) -> Floats:
        """Return the height of the path of prices on each day (days since 1970)."""
        return self.prices.time.at(np.asarray(days, dtype=np.float64))


class TooFewSales(ValueError):
    """Fewer sales than a fit needs."""


def ordered(sales: pl.DataFrame) -> pl.DataFrame:
    """Sort sales so that nothing depends on the order in which they came."""
    return sales.sort("sale_date", "parcel_number", "sale_id", "sale_price")


def fit(sales: pl.DataFrame) -> Model:
    """Learn the market's prices from sales with `COLUMNS` of homes, ``sale_id``, ``sale_date`` and ``sale_price``.

    Raises TooFewSales below `LEAST_SALES`.
    """
    if sales.height < LEAST_SALES:
        msg = f"{sales.height} sales, and a price model needs {LEAST_SALES}"
        raise TooFewSales(msg)
    sales = ordered(sales)
    homes = Homes.of(sales)
    map_ = Places.of(homes)
    places, located = map_.put(homes)
    day = sales["sale_date"].cast(pl.Int32).to_numpy().astype(np.int64)
    log_price = np.log(sales["sale_price"].to_numpy())
    surface = Surface(places if map_.mapped else np.full_like(places, np.nan))
    surface.learn(np.zeros_like(log_price))
    regression = _Regression(homes, day, mapped=map_.mapped)
    height = np.zeros_like(log_price)
    for _ in range(_TURNS):
        prices = regression.solve(log_price - height)
        left = log_price - prices.base - prices.time.at(day.astype(float)) - np.nansum(prices.parts(homes), axis=1)
        surface.learn(left)
        height = surface.own(left)
        height -= height.mean()
    return Model(sales, homes, map_, places, located, day, log_price, prices, surface)


class _Regression:
    """The regressors of sales, and their normal equations."""

    def __init__(self, homes: Homes, day: Codes, *, mapped: bool) -> None:
        step = -(-len(homes) // _MOST_FITTED)
        self._rows = slice(None, None, step)
        self._shapes = {name: Shape.of(values) for name, values in homes.values.items() if _tells(values)}
        self._time = time_knots(day, least=_TIME_SALES, apart=_TIME_DAYS)
        self._kinds = _kinds(homes.kind)
        self._area_field = _area_field(homes, mapped=mapped)
        names = getattr(homes, self._area_field)
        self._areas = _commonest(names, _MOST_AREAS)
        self._area = codes_of(names, self._areas)[self._rows]
        self._columns = self._laid(homes, day)
        self._mean = self._columns.mean(axis=1)
        self._scale = self._columns.std(axis=1)
        self._scale[self._scale < 1e-12 * (1 + np.abs(self._mean))] = np.inf
        self._columns -= self._mean[:, None]
        self._columns /= self._scale[:, None]
        self._gram = self._products()

    def _laid(self, homes: Homes, day: Codes) -> Floats:
        rows = self._rows
        found = [row for name, shape in self._shapes.items() for row in shape.columns(homes.values[name][rows])]
        found += self._time.columns(day[rows].astype(np.float64))
        codes = codes_of(homes.kind, self._kinds)[rows]
        found += [(codes == place).astype(np.float64) for place in range(len(self._kinds))]
        return np.array(found)

    def _by_area(self, row: Floats) -> Floats:
        sums: Floats = np.bincount(self._area + 1, row, len(self._areas) + 1)[1:]
        return sums

    def _products(self) -> Floats:
        columns, n = self._columns, self._columns.shape[1]
        between = np.array([self._by_area(row) for row in columns]).reshape(len(columns), len(self._areas))
        counts = self._by_area(np.ones(n))
        inner = columns @ columns.T + _PSEUDO * np.eye(len(columns))
        top = np.hstack([inner, between, np.zeros((len(columns), 1))])
        middle = np.hstack([between.T, np.diag(counts + _PSEUDO_AREA), counts[:, None]])
        last = np.hstack([np.zeros(len(columns)), counts, [float(n)]])
        return np.vstack([top, middle, last])

    def solve(self, target: Floats) -> Prices:
        """Return the prices that fit log prices (of all sales)."""
        target = target[self._rows]
        right = np.concatenate([self._columns @ target, self._by_area(target), [target.sum()]])
        found = np.linalg.solve(self._gram, right)
        k = len(self._columns)
        slopes = found[:k] / self._scale
        parts, at = {}, 0
        for name, shape in self._shapes.items():
            width = len(shape.bends) + 1 + shape.partly
            parts[name] = shape.curve(slopes[at : at + width])
            at += width
        width = len(self._time.bends) + 1
        time = self._time.curve(slopes[at : at + width])
        at += width
        kinds = dict(zip(self._kinds, map(float, slopes[at:k]), strict=True))
        areas = dict(zip(self._areas, map(float, found[k:-1]), strict=True))
        return self._centred(Prices(0.0, time, parts, kinds, areas, self._area_field), found, slopes)

    def _centred(self, prices: Prices, found: Floats, slopes: Floats) -> Prices:
        """Move what the curves leave out at their typical values into the base."""
        at_mean = float(found[-1] - slopes @ self._mean)
        typical = [
            column[0]
            for shape in (*self._shapes.values(), self._time)
            for column in shape.columns(np.array([shape.typical]))
        ]
        return replace(prices, base=at_mean + float(slopes[: len(typical)] @ np.array(typical)))


def _tells(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    return len(known) >= _KNOWN_SHARE * len(values) and len(known) > 0 and bool(known.min() < known.max())


def _kinds(kind: pl.Series) -> list[str]:
    """Name the property types that have an effect of their own: the common ones but the commonest."""
    return _commonest(kind, _MOST_TYPES, least=_TYPE_SALES)[1:]


def _commonest(names: pl.Series, most: int, *, least: int = 1) -> list[str]:
    counted = names.drop_nulls().alias("name").value_counts().filter(pl.col("count") >= least)
    return counted.sort(["count", "name"], descending=[True, False])["name"].head(most).to_list()


def _area_field(homes: Homes, *, mapped: bool) -> str:
    """Say which areas have effects of their own: ZIPs; neighborhoods where nothing finer or no ZIP is known."""
    known = {name: getattr(homes, name).null_count() <= len(homes) / 2 for name in ("zip_code", "neighborhood")}
    if known["neighborhood"] and not (mapped and known["zip_code"]):
        return "neighborhood"
    return "zip_code"


def typical_of(prices: Prices) -> Sequence[str]:
    """Name the characteristics that the model holds."""
    return list(prices.curves)
