"""Least squares on curves of characteristics, the path of prices, types and areas.

Each standardised regressor is held back by one pseudo-sale of no effect (ridge; areas by five), so that a
characteristic that repeats another, or of which few sales tell, does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.comps.curves import Curve, Shape, time_shape
from terrafusion.analysis.comps.homes import Homes, codes_of
from terrafusion.analysis.indexes import CHARACTERISTICS

PARTS: Final = (*CHARACTERISTICS, "property_type", "location")
"""What a home's log price is made of, beside base and time."""

_TIME: Final = "time"
_KNOWN_SHARE: Final = 0.5
"""A characteristic that fewer of the sales have is left out."""
_PSEUDO: Final = 1.0
_PSEUDO_AREA: Final = 5.0
_MOST_TYPES: Final = 20
_MOST_AREAS: Final = 500
_TYPE_SALES: Final = 30
_CONSTANT: Final = 1e-12


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


class Regression:
    """The regressors of sales, and their normal equations."""

    def __init__(self, homes: Homes, day: Codes, *, mapped: bool) -> None:
        shapes = {name: Shape.of(values) for name, values in homes.values.items() if _tells(values)}
        self._shapes = {**shapes, _TIME: time_shape(day)}
        self._kinds = _kinds(homes.kind)
        self._area_field = _area_field(homes, mapped=mapped)
        names = getattr(homes, self._area_field)
        self._areas = _commonest(names, _MOST_AREAS)
        self._area = codes_of(names, self._areas)
        self._columns = self._laid(homes, day)
        self._mean, self._scale = self._columns.mean(axis=1), self._columns.std(axis=1)
        self._scale[self._scale < _CONSTANT * (1 + np.abs(self._mean))] = np.inf
        self._columns -= self._mean[:, None]
        self._columns /= self._scale[:, None]
        self._gram = self._products()
        self.fitted = np.zeros(len(homes))

    def _laid(self, homes: Homes, day: Codes) -> Floats:
        values = {**homes.values, _TIME: day.astype(np.float64)}
        found = [row for name, shape in self._shapes.items() for row in shape.columns(values[name])]
        codes = codes_of(homes.kind, self._kinds)
        found += [(codes == place).astype(np.float64) for place in range(len(self._kinds))]
        return np.array(found)

    def _by_area(self, row: Floats) -> Floats:
        sums = np.bincount(self._area + 1, row, len(self._areas) + 1)[1:]
        return sums.astype(np.float64, copy=False)

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
        slopes, areas = found[: len(self._columns)], found[len(self._columns) : -1]
        self.fitted = slopes @ self._columns + np.append(areas, 0.0)[self._area] + found[-1]
        return self._named(slopes / self._scale, areas, float(found[-1]))

    def _named(self, slopes: Floats, areas: Floats, middle: float) -> Prices:
        """Tell the coefficients apart; what curves leave out at their typical values moves into the base."""
        curves, at = {}, 0
        base = middle - float(slopes @ self._mean)
        for name, shape in self._shapes.items():
            part = slopes[at : at + shape.width]
            curves[name] = shape.curve(part)
            base += float(part @ np.array(shape.columns(np.array([shape.typical])))[:, 0])
            at += shape.width
        kinds = dict(zip(self._kinds, map(float, slopes[at:]), strict=True))
        effects = dict(zip(self._areas, map(float, areas), strict=True))
        time = curves.pop(_TIME)
        return Prices(base, time, curves, kinds, effects, self._area_field)


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
