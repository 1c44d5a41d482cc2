"""The hedonic time-dummy index: what the same house would have sold for in each period.

ln S = period + location + characteristics + error, by least squares. The period dummies are partialled out
(Frisch and Waugh 1933, Lovell 1963): everything is centred within its period, the small system of locations
and characteristics is solved, and the period effects follow from the means. All that is ever formed are sums
by period and by location, so memory is O(n) and no n x (periods + locations) matrix exists. Standard errors
are robust to unequal variances (HC1, MacKinnon and White 1985).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_COLLINEAR: Final = 1e-9
"""Share of a column's variation that the columns before it must leave unexplained, else it is dropped."""
_CONSTANT: Final = 1e-12
"""The same of its square sum, below which a column is constant within periods."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One group's sales. Codes of period and location run from 0 and none is unused."""

    log_price: Floats
    period: Codes
    location: Codes
    characteristics: Floats
    """One row a characteristic, one column a sale."""


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


def fit(sample: Sample, *, base: int) -> Fit:
    """Estimate the index of one group against the period ``base``.

    A group needs more sales than ``estimated`` parameters; with no more, its standard errors are infinite.
    """
    design = _Design(sample)
    mean_price = design.by_period(sample.log_price) / design.counts
    price = sample.log_price - mean_price[sample.period]
    _, _, gram = design.products(np.ones_like(price))
    kept = _independent(gram, design.square_sums)
    bread = _inverse(gram, kept)
    slopes = bread @ design.moment(price)
    errors = design.products((price - design.explained(slopes)) ** 2)
    estimated = len(design.counts) + len(kept)
    freedom = len(price) - estimated
    scale = len(price) / freedom if freedom > 0 else np.inf
    effects = mean_price - design.means @ slopes
    variances, slope_variances = _sandwich(design, bread, errors, base)
    unused = np.setdiff1d(np.arange(len(gram)), kept)
    slopes[unused], slope_variances[unused] = np.nan, np.nan
    first = design.locations - 1
    return Fit(
        effects=effects - effects[base],
        standard_errors=np.sqrt(scale * variances),
        slopes=slopes[first:],
        slope_errors=np.sqrt(scale * slope_variances[first:]),
        observations=len(price),
        estimated=estimated,
    )


def _sums(codes: Codes, values: Floats, size: int) -> Floats:
    summed: Floats = np.bincount(codes, values, size).astype(np.float64, copy=False)
    return summed


class _Design:
    """The regressors beside the period dummies, centred within periods: locations but the first, characteristics."""

    def __init__(self, sample: Sample) -> None:
        self._period, self._location = sample.period, sample.location
        self._periods, self.locations = int(sample.period.max()) + 1, int(sample.location.max()) + 1
        self._cell = sample.period * self.locations + sample.location
        self.counts: Floats = np.bincount(sample.period).astype(np.float64)
        in_cells = self._by_cell(np.ones_like(sample.log_price))
        shares = in_cells[:, 1:] / self.counts[:, None]
        means = self._rows_by(self._period, self._periods, sample.characteristics) / self.counts[:, None]
        self._shares: Floats = shares
        self.means: Floats = np.hstack([shares, means])
        self._centred: Floats = sample.characteristics - means.T[:, self._period]
        squares = np.einsum("kn,kn->k", sample.characteristics, sample.characteristics)
        self.square_sums: Floats = np.concatenate([in_cells.sum(axis=0)[1:], squares])

    def by_period(self, values: Floats) -> Floats:
        """Sum values by period."""
        return _sums(self._period, values, self._periods)

    def _by_cell(self, values: Floats) -> Floats:
        summed = _sums(self._cell, values, self._periods * self.locations)
        return summed.reshape(self._periods, self.locations)

    @staticmethod
    def _rows_by(codes: Codes, size: int, rows: Floats) -> Floats:
        summed = [_sums(codes, row, size) if size > 1 else row.sum(keepdims=True) for row in rows]
        table: Floats = np.array(summed, dtype=np.float64).reshape(len(rows), size).T
        return table

    def products(self, weight: Floats) -> tuple[Floats, Floats, Floats]:
        """Return D'WD (its diagonal), D'WZ and Z'WZ for period dummies D and centred regressors Z."""
        total, cells, shares = self.by_period(weight), self._by_cell(weight), self._shares
        weighted = self._centred * weight
        by_period = self._rows_by(self._period, self._periods, weighted)
        by_location = self._rows_by(self._location, self.locations, weighted)[1:]
        mixed = cells[:, 1:].T @ shares
        places = np.diag(cells.sum(axis=0)[1:]) - mixed - mixed.T + (shares.T * total) @ shares
        between = by_location - shares.T @ by_period
        across = np.hstack([cells[:, 1:] - total[:, None] * shares, by_period])
        return total, across, np.block([[places, between], [between.T, weighted @ self._centred.T]])

    def moment(self, price: Floats) -> Floats:
        """Return Z'y for a price that is centred within periods."""
        by_location = _sums(self._location, price, self.locations)
        return np.concatenate([by_location[1:], self._centred @ price])

    def explained(self, slopes: Floats) -> Floats:
        """Return Z times the slopes, sale by sale."""
        places = np.concatenate([[0.0], slopes[: self.locations - 1]])
        within = slopes[self.locations - 1 :] @ self._centred
        shift = self._shares @ places[1:]
        explained: Floats = places[self._location] - shift[self._period] + within
        return explained


def _independent(gram: Floats, square_sums: Floats) -> list[int]:
    """Name the columns that vary within periods and are no combination of those before them."""
    own = np.diag(gram).copy()
    left = gram.copy()
    kept = []
    for column in range(len(gram)):
        pivot = left[column, column]
        if pivot > _COLLINEAR * own[column] and pivot > _CONSTANT * square_sums[column]:
            kept.append(column)
            left -= np.outer(left[:, column], left[column] / pivot)
    return kept


def _inverse(gram: Floats, kept: list[int]) -> Floats:
    """Invert the kept part, scaled to unit diagonal first; the rest is zero."""
    part = np.ix_(kept, kept)
    scale = np.sqrt(np.diag(gram)[kept])
    inverse = np.zeros_like(gram)
    inverse[part] = np.linalg.inv(gram[part] / np.outer(scale, scale)) / np.outer(scale, scale)
    return inverse


def _sandwich(
    design: _Design, bread: Floats, errors: tuple[Floats, Floats, Floats], base: int
) -> tuple[Floats, Floats]:
    """Return the variances of the effects against the base and of the slopes, before the small-sample factor."""
    own, across, within = errors
    cover = bread @ within @ bread
    mixed = (across / design.counts[:, None]) @ bread
    apart = design.means - design.means[base]
    raw = own / design.counts**2
    variances = raw + raw[base] - 2 * np.einsum("tm,tm->t", apart, mixed - mixed[base])
    variances += np.einsum("tm,tm->t", apart @ cover, apart)
    variances[base] = 0.0
    return np.maximum(variances, 0.0), np.diag(cover).copy()
