"""The hedonic time-dummy index: what the same house would have sold for in each period.

ln S = period + location + characteristics + error, by least squares. The period dummies are partialled out
(Frisch and Waugh 1933, Lovell 1963): everything is centred within its period, the small system of locations
and characteristics is solved, and the period effects follow from the means. All that is ever formed are sums
by period and by location, so memory is O(n) and no n x (periods + locations) matrix exists. Standard errors
are robust to unequal variances (HC1, MacKinnon and White 1985).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.groups import in_order

_COLLINEAR: Final = 1e-9
"""Share of a column's variation that the columns before it must leave unexplained, else it is dropped."""
_CONSTANT: Final = 1e-12
"""The same of its square sum, below which a column is constant within periods."""
_AT_ONCE: Final = 1 << 15
"""Sales that are worked on at a time, so that what is formed on the way stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One group's sales. Codes of period and location run from 0 and none is unused."""

    log_price: Floats
    period: Codes
    location: Codes
    characteristics: Collection[Floats]
    """Of each, one value a sale."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Period effects on ln S against the base period with HC1 standard errors, and the slopes."""

    effects: Floats
    standard_errors: Floats
    slopes: Floats
    """One per characteristic; nan where it says nothing of its own in this group."""
    slope_errors: Floats
    observations: int
    estimated: int
    """How many parameters: periods, locations but one, characteristics that were kept."""
    covariance: Floats
    """Of the effects, period by period; the roots of its diagonal are the standard errors."""
    pooled: Floats
    """The same as if all errors had one variance, as plain least squares has it."""


def fit(sample: Sample | Design, *, base: int) -> Fit:
    """Estimate the index of one group against the period ``base``.

    A group needs more sales than ``estimated`` parameters; with no more, it has no standard errors (nan).
    """
    design = sample if isinstance(sample, Design) else Design(sample)
    mean_price, price, gram = design.mean_price, design.price, design.gram()
    kept = independent(gram, design.square_sums)
    bread = inverse(gram, kept)
    slopes = bread @ design.moment()
    residuals = price - design.explained(slopes)
    errors = design.products(residuals**2)
    estimated = len(design.counts) + len(kept)
    freedom = len(price) - estimated
    scale = len(price) / freedom if freedom > 0 else np.nan
    effects = mean_price - design.means @ slopes
    cover, slope_variances = _sandwich(design, bread, errors, base)
    cover *= scale
    own, nothing, within = design.counts, np.zeros_like(errors[1]), gram
    pooled, _ = _sandwich(design, bread, (own, nothing, within), base)
    pooled *= float(residuals @ residuals) / freedom if freedom > 0 else np.nan
    unused = np.setdiff1d(np.arange(len(gram)), kept)
    slopes[unused], slope_variances[unused] = np.nan, np.nan
    first = design.locations - 1
    return Fit(
        effects=effects - effects[base],
        standard_errors=np.sqrt(np.maximum(np.diag(cover), 0.0)),
        slopes=slopes[first:],
        slope_errors=np.sqrt(scale * slope_variances[first:]),
        observations=len(price),
        estimated=estimated,
        covariance=cover,
        pooled=pooled,
    )


class Step(NamedTuple):
    """The effects against period 0 as a period ended, and how many parameters they were estimated with."""

    effects: Floats
    estimated: int


def growing(sample: Sample | Design, *, begin: int) -> Iterator[Step]:
    """Yield the effects as of period ``begin``, then of each later one, knowing no later sale.

    Sums by period are formed once and added up, so each step costs what its small system costs.
    """
    design = sample if isinstance(sample, Design) else Design(sample)
    gram, moment, squares = np.zeros(1), np.zeros(1), np.zeros(1)
    for period, (inner, outer, own) in enumerate(design.by_periods()):
        gram, moment, squares = gram + inner, moment + outer, squares + own
        if period >= begin:
            kept = independent(gram, squares)
            slopes = inverse(gram, kept) @ moment
            effects = (design.mean_price - design.means @ slopes)[: period + 1]
            yield Step(effects - effects[0], period + 1 + len(kept))


def _sums(codes: Codes, values: Floats, size: int) -> Floats:
    summed: Floats = np.bincount(codes, values, size).astype(np.float64, copy=False)
    return summed


def _joined(places: Floats, mixed: Floats, inner: Floats) -> Floats:
    """Put a symmetric matrix together from its blocks."""
    first = len(places)
    whole = np.empty((first + len(inner), first + len(inner)))
    whole[:first, :first], whole[:first, first:] = places, mixed
    whole[first:, :first], whole[first:, first:] = mixed.T, inner
    return whole


class Design:
    """What the fits of one group share: prices and the regressors beside the period dummies, centred within periods.

    The regressors are the locations but the first, then the characteristics.
    """

    def __init__(self, sample: Sample) -> None:
        self._period, self._location = sample.period, sample.location
        self._periods, self.locations = int(sample.period.max()) + 1, int(sample.location.max()) + 1
        self._cell = sample.period * self.locations + sample.location if self.locations > 1 else sample.period
        size = self._periods * self.locations
        self._in_cells: Floats = np.bincount(self._cell, minlength=size).reshape(-1, self.locations).astype(np.float64)
        self.counts: Floats = self._in_cells.sum(axis=1)
        self._edges = np.append(0, np.cumsum(self.counts)).astype(np.int64)
        self._in_order = bool((sample.period[1:] >= sample.period[:-1]).all())
        means = np.array([self.by_period(row) / self.counts for row in sample.characteristics])
        means = means.reshape(-1, self._periods)
        self._shares: Floats = self._in_cells[:, 1:] / self.counts[:, None]
        self.means: Floats = np.hstack([self._shares, means.T])
        self._centred: Floats = np.empty((len(means), len(sample.period)))
        for centred, row, mean in zip(self._centred, sample.characteristics, means, strict=True):
            self._centre(row, mean, out=centred)
        squares = [np.einsum("n,n->", row, row) for row in sample.characteristics]
        self.square_sums: Floats = np.concatenate([self._in_cells.sum(axis=0)[1:], squares])
        self.mean_price: Floats = self.by_period(sample.log_price) / self.counts
        self.price: Floats = np.empty(len(sample.log_price))
        self._centre(sample.log_price, self.mean_price, out=self.price)

    def _centre(self, values: Floats, means: Floats, *, out: Floats) -> None:
        """Write each value less its period's mean; a block of sales at a time."""
        for begin in range(0, len(values), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            np.subtract(values[part], means.take(self._period[part]), out=out[part])

    def by_period(self, values: Floats) -> Floats:
        """Sum values by period."""
        if self._in_order:
            summed: Floats = np.add.reduceat(values, self._edges[:-1])
            return summed
        return _sums(self._period, values, self._periods)

    def _by_cell(self, values: Floats) -> Floats:
        summed = _sums(self._cell, values, self._periods * self.locations)
        return summed.reshape(self._periods, self.locations)

    def gram(self) -> Floats:
        """Return Z'Z for the centred regressors Z."""
        nothing = np.zeros((self._periods, len(self._centred)))
        by_location = np.zeros((self.locations - 1, len(self._centred)))
        if self.locations > 1:
            for place, row in enumerate(self._centred):
                by_location[:, place] = _sums(self._location, row, self.locations)[1:]
        return self._within(self._in_cells, nothing, by_location, self._centred @ self._centred.T)

    def products(self, weight: Floats) -> tuple[Floats, Floats, Floats]:
        """Return D'WD (its diagonal), D'WZ and Z'WZ for period dummies D and centred regressors Z."""
        cells, (by_cell, inner) = self._by_cell(weight), self._weighted(weight)
        total, by_period, by_location = cells.sum(axis=1), by_cell.sum(axis=2).T, by_cell.sum(axis=1)[:, 1:].T
        across = np.hstack([cells[:, 1:] - total[:, None] * self._shares, by_period])
        return total, across, self._within(cells, by_period, by_location, inner)

    def _weighted(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the characteristics' weighted sums by cell, and their weighted products; a block of sales at a time."""
        inner = np.zeros((len(self._centred), len(self._centred)))
        by_cell = np.zeros((len(self._centred), self._in_cells.size))
        for begin in range(0, len(weight), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            rows = self._centred[:, part]
            weighted = rows * weight[part]
            inner += weighted @ rows.T
            for place, row in enumerate(weighted):
                by_cell[place] += np.bincount(self._cell[part], row, self._in_cells.size)
        return by_cell.reshape(-1, *self._in_cells.shape), inner

    def _within(self, cells: Floats, by_period: Floats, by_location: Floats, inner: Floats) -> Floats:
        """Put Z'WZ together from weighted sums by cell, period and location, and the characteristics' products."""
        shares = self._shares
        mixed = cells[:, 1:].T @ shares
        places = np.diag(cells.sum(axis=0)[1:]) - mixed - mixed.T + (shares.T * cells.sum(axis=1)) @ shares
        between = by_location - shares.T @ by_period
        return _joined(places, between, inner)

    def moment(self) -> Floats:
        """Return Z'y for the centred price."""
        by_location = _sums(self._location, self.price, self.locations)
        return np.concatenate([by_location[1:], self._centred @ self.price])

    def by_periods(self) -> Iterator[tuple[Floats, Floats, Floats]]:
        """Yield each period's part of Z'Z, of Z'y for the centred price, and of the regressors' square sums."""
        cells, prices = self._in_cells, self._by_cell(self.price)
        between = np.array([self._by_cell(row) for row in self._centred])
        order = None if self._in_order else in_order(self._period)
        for period, (begin, end) in enumerate(pairwise(self._edges)):
            here, mixed = (
                cells[period, 1:],
                between[:, period, 1:].T if len(between) else np.empty((len(cells[0]) - 1, 0)),
            )
            which = slice(begin, end) if order is None else order[begin:end]
            part, price = self._centred[:, which], self.price[which]
            places = np.diag(here) - np.outer(here, here) / self.counts[period]
            squares = (part**2).sum(axis=1) + self.counts[period] * self.means[period, self.locations - 1 :] ** 2
            moment = np.concatenate([prices[period, 1:], part @ price])
            yield _joined(places, mixed, part @ part.T), moment, np.concatenate([here, squares])

    def explained(self, slopes: Floats) -> Floats:
        """Return Z times the slopes, sale by sale."""
        places = np.concatenate([[0.0], slopes[: self.locations - 1]])
        shift = self._shares @ places[1:]
        explained: Floats = (places - shift[:, None]).ravel()[self._cell]
        explained += slopes[self.locations - 1 :] @ self._centred
        return explained


def independent(gram: Floats, square_sums: Floats) -> list[int]:
    """Name the columns that vary within periods and are no combination of those before them."""
    least = np.maximum(_COLLINEAR * np.diag(gram), _CONSTANT * square_sums)
    if (_pivots(gram) > least).all():
        return list(range(len(gram)))
    left = gram.copy()
    kept = []
    for column in range(len(gram)):
        pivot = left[column, column]
        if pivot > least[column]:
            kept.append(column)
            left -= np.outer(left[:, column], left[column] / pivot)
    return kept


def _pivots(gram: Floats) -> Floats:
    """Return what the columns before each leave unexplained of it; nan where they leave nothing of one."""
    try:
        root = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return np.full(len(gram), np.nan)
    pivots: Floats = np.diag(root) ** 2
    return pivots


def inverse(gram: Floats, kept: list[int]) -> Floats:
    """Invert the kept part, scaled to unit diagonal first; the rest is zero."""
    part = np.ix_(kept, kept)
    scale = np.sqrt(np.diag(gram)[kept])
    inverse = np.zeros_like(gram)
    inverse[part] = np.linalg.inv(gram[part] / np.outer(scale, scale)) / np.outer(scale, scale)
    return inverse


def _sandwich(design: Design, bread: Floats, errors: tuple[Floats, Floats, Floats], base: int) -> tuple[Floats, Floats]:
    """Return the covariance of the effects against the base and the slopes' variances, before any factor."""
    own, across, within = errors
    cover = bread @ within @ bread
    mixed = (across / design.counts[:, None]) @ bread @ design.means.T
    raw = np.diag(own / design.counts**2) - mixed - mixed.T + design.means @ cover @ design.means.T
    against = raw - raw[base]
    return against - against[:, base][:, None], np.diag(cover).copy()
