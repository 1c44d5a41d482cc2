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
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.comps.curves import Curve, Shape, time_shape
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
_MOST_FITTED: Final = 100_000
"""Of more sales, every so-manieth is in the regression; all are in the surface."""
_MOST_TYPES: Final = 20
_MOST_AREAS: Final = 500
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

    def quality(self, homes: Homes) -> Floats:
        """Return what characteristics and type add together."""
        total = _heights(homes.kind, self.kinds) if self.kinds else np.zeros(len(homes))
        for name, curve in self.curves.items():
            total = total + curve.at(homes.values[name])
        return total

    def area(self, homes: Homes) -> Floats:
        """Return what the area adds."""
        return _heights(getattr(homes, self.area_field), self.areas)

    def parts(self, homes: Homes) -> Floats:
        """Return what each of `PARTS` adds, home by home (n x parts); location is the area's alone; nan where not held."""
        none = np.full(len(homes), np.nan)
        found = [self.curves[name].at(homes.values[name]) if name in self.curves else none for name in CHARACTERISTICS]
        kind = _heights(homes.kind, self.kinds) if self.kinds else none
        return np.column_stack([*found, kind, self.area(homes)])


def _heights(names: pl.Series, heights: Mapping[str, float]) -> Floats:
    known = list(heights)
    codes = codes_of(names, known)
    table = np.array([*heights.values(), 0.0])
    found: Floats = table[codes]
    return found


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
    spread: float
    """A robust standard deviation of the residuals: MAD / .6745."""

    def parts(self, homes: Homes, places: Floats) -> Floats:
        """Return what each of `PARTS` adds to the log price (n x parts); nan where the model does not hold it."""
        found = self.prices.parts(homes)
        found[:, -1] += self.surface.at(places)
        return found

    def parts_without(self, rows: Codes) -> Floats:
        """Return the same of the model's own sales, the surface without each one's residual."""
        found = self.prices.parts(self.homes.taken(rows))
        found[:, -1] += self.surface.own(rows=rows, without=True)
        return found

    def time(self, days: Codes | Floats) -> Floats:
        """Return the height of the path of prices on each day (days since 1970)."""
        return self.prices.time.at(np.asarray(days, dtype=np.float64))


class TooFewSales(ValueError):
    """Fewer sales than a fit needs."""


def ordered(sales: pl.DataFrame) -> pl.DataFrame:
    """Sort sales so that nothing depends on the order in which they came."""
    keys = ("sale_date", "parcel_number", "sale_id", "sale_price")
    return sales if _sorted(sales, keys[:3]) else sales.sort(keys)


def _sorted(sales: pl.DataFrame, keys: Sequence[str]) -> bool:
    """Say whether each sale stands after the one before by these keys alone; records often come so."""
    after = pl.lit(value=False)
    for key in reversed(keys):
        before = pl.col(key).shift(1)
        after = (before < pl.col(key)) | ((before == pl.col(key)) & after)
    return bool(sales.lazy().select(after.slice(1).fill_null(value=False).all()).collect().item())


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
    evidence = _Evidence(
        homes,
        places if map_.mapped else np.full_like(places, np.nan),
        sales["sale_date"].cast(pl.Int32).to_numpy().astype(np.int64),
        np.log(sales["sale_price"].to_numpy()),
    )
    prices = _prices(evidence.thinned(), mapped=map_.mapped)
    quality = prices.quality(homes)
    left = evidence.log_price - prices.base - prices.time.at(evidence.day.astype(float)) - quality - prices.area(homes)
    surface = Surface(evidence.places)
    surface.learn(left)
    residual = left - surface.own()
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
        spread=max(float(np.median(np.abs(residual - np.median(residual)))) / 0.6745, 1e-6),
    )


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Sales as the fit takes them."""

    homes: Homes
    places: Floats
    day: Codes
    log_price: Floats

    def thinned(self) -> _Evidence:
        """Return every so-manieth sale, so that at most `_MOST_FITTED` are left."""
        step = -(-len(self.day) // _MOST_FITTED)
        if step == 1:
            return self
        rows = np.arange(0, len(self.day), step)
        return _Evidence(self.homes.taken(rows), self.places[rows], self.day[rows], self.log_price[rows])


def _prices(evidence: _Evidence, *, mapped: bool) -> Prices:
    """Fit regression and surface in turns, on one thread: with several, sums round differently."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - looks at every library that is loaded

    with threadpool_limits(limits=1, user_api="blas"):
        return _in_turns(evidence, mapped=mapped)


def _in_turns(evidence: _Evidence, *, mapped: bool) -> Prices:
    regression = _Regression(evidence.homes, evidence.day, mapped=mapped)
    surface = Surface(evidence.places)
    prices = regression.solve(evidence.log_price)
    for _ in range(_TURNS - 1):
        left = evidence.log_price - regression.fitted
        surface.learn(left)
        height = surface.own(without=True)
        prices = regression.solve(evidence.log_price - height + height.mean())
    return prices


class _Regression:
    """The regressors of sales, and their normal equations."""

    def __init__(self, homes: Homes, day: Codes, *, mapped: bool) -> None:
        self._shapes = {name: Shape.of(values) for name, values in homes.values.items() if _tells(values)}
        self._time = time_shape(day)
        self._kinds = _kinds(homes.kind)
        self._area_field = _area_field(homes, mapped=mapped)
        names = getattr(homes, self._area_field)
        self._areas = _commonest(names, _MOST_AREAS)
        self._area = codes_of(names, self._areas)
        self._columns = self._laid(homes, day)
        self._mean = self._columns.mean(axis=1)
        self._scale = self._columns.std(axis=1)
        self._scale[self._scale < 1e-12 * (1 + np.abs(self._mean))] = np.inf
        self.fitted = np.zeros_like(self._mean)
        self._columns -= self._mean[:, None]
        self._columns /= self._scale[:, None]
        self._gram = self._products()

    def _laid(self, homes: Homes, day: Codes) -> Floats:
        found = [row for name, shape in self._shapes.items() for row in shape.columns(homes.values[name])]
        found += self._time.columns(day.astype(np.float64))
        codes = codes_of(homes.kind, self._kinds)
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
        """Return the prices that fit log prices; ``fitted`` is then what they say of the sales."""
        right = np.concatenate([self._columns @ target, self._by_area(target), [target.sum()]])
        found = np.linalg.solve(self._gram, right)
        k = len(self._columns)
        areas = np.append(found[k:-1], 0.0)[self._area]
        self.fitted = found[:k] @ self._columns + areas + found[-1]
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
        effects = dict(zip(self._areas, map(float, found[k:-1]), strict=True))
        return self._centred(Prices(0.0, time, parts, kinds, effects, self._area_field), found, slopes)

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
