"""The hedonic imputation method: each period has a regression of its own, and homes are priced by two of them.

Within a regression the location effects are partialled out (Frisch and Waugh 1933), so that only the small
system of the characteristics is solved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.groups import in_order
from terrafusion.analysis.hedonic import Sample, independent, inverse
from terrafusion.analysis.price_index.estimate import FREEDOM, Estimate, nothing
from terrafusion.analysis.price_index.hedonic_index import Placed
from terrafusion.analysis.price_index.repeat_sales import Options

Gradient = tuple[Floats, Floats]
"""Of a log index: on the location effects, on the slopes."""


def imputation(placed: Placed, options: Options) -> Estimate:
    """Impute each period's homes at the prices of the first, and the first's at those of each (Fisher).

    With p(i, t) the price that period t's regression gives home i, Laspeyres is sum p(i, t) / sum p(i, 0) over
    the homes sold in 0, Paasche the same over those sold in t, both imputed on both sides; the index is the root
    of their product (Diewert, Heravi and Silver 2009). Homes in areas without a sale in the other period are
    left out of that pair of periods.
    """
    observations = placed.observations()
    fits = _fits(placed.sample)
    if not fits:
        return nothing(observations, 0)
    base = fits[0]
    moved = [_fisher(base, other) for other in fits]
    places = placed.places[[fitted.period for fitted in fits]]
    logs = np.full(placed.periods, np.nan)
    logs[places] = [change for change, _, _ in moved]
    covers = []
    for robust in (options.robust_errors, False):
        whole = np.zeros((placed.periods, placed.periods))
        whole[np.ix_(places, places)] = _cover(fits, moved, robust=robust)
        covers.append(whole)
    used = sum(len(fitted.errors) for fitted in fits)
    return Estimate(
        log_index=logs,
        covariance=covers[0],
        pooled=covers[1],
        observations=observations,
        used=used,
        freedom=sum(fitted.freedom for fitted in fits),
        told={"characteristics_varying": len(fits[0].kept), "homes_imputed_share": _share(base, fits)},
        series=[logs[: last + 1] for last in options.lasts(placed.periods)],
    )


class _Sales:
    """One period's sales; their characteristics, one a row, are those of a table that all periods share."""

    def __init__(self, period: int, log_price: Floats, location: Codes, rows: Floats, locations: int) -> None:
        self.period, self.log_price, self.location, self.rows = period, log_price, location, rows
        self._locations = locations
        self.counts = self.by_location(np.ones(len(location)))
        self.means = self._mean(rows)
        centred = rows - self.means[:, location]
        self.gram: Floats = centred @ centred.T
        self.moment: Floats = centred @ log_price

    def by_location(self, values: Floats) -> Floats:
        """Sum values by location."""
        summed: Floats = np.bincount(self.location, values, self._locations).astype(np.float64, copy=False)
        return summed

    def _mean(self, rows: Floats) -> Floats:
        present = np.maximum(self.counts, 1)
        return np.array([self.by_location(row) / present for row in rows]).reshape(len(rows), self._locations)

    @cached_property
    def independent(self) -> list[int]:
        """Name the characteristics that vary within locations and do not repeat each other."""
        return independent(self.gram, (self.rows**2).sum(axis=1))

    @property
    def enough(self) -> bool:
        """Whether a regression of its own has `FREEDOM`."""
        left = len(self.log_price) - int((self.counts > 0).sum())
        return left >= FREEDOM and left - len(self.independent) >= FREEDOM


@dataclass(frozen=True, slots=True)
class _Fit:
    """One period's regression on locations and the kept characteristics."""

    period: int
    sales: _Sales
    kept: list[int]
    bread: Floats
    slopes: Floats
    effects: Floats
    """By location; nan where none of its homes was sold."""
    errors: Floats
    freedom: int

    def log_price(self, sales: _Sales) -> Floats:
        """Return the log price it gives each of a period's homes; nan in locations it does not know."""
        priced: Floats = self.effects[sales.location] + self.slopes @ sales.rows
        return priced

    def reach(self, gradient: Gradient) -> Floats:
        """Return how each sale's error moves what has that gradient: X (X'X)^-1 g."""
        places, slopes = gradient
        means = self.sales.means
        along = self.bread @ (slopes - means @ places)
        at = places / np.maximum(self.sales.counts, 1) - along @ means
        moved: Floats = at[self.sales.location] + along @ self.sales.rows
        return moved


def _fits(sample: Sample) -> list[_Fit]:
    """Fit every period that has sales enough, on the characteristics that can be told apart in all of these."""
    parts = [part for part in _by_period(sample) if part.enough]
    kept = sorted(set.intersection(*(set(part.independent) for part in parts))) if parts else []
    return [_fitted(part, kept) for part in parts]


def _by_period(sample: Sample) -> Iterator[_Sales]:
    """Yield each period's sales, of characteristics from which their mean over all sales is taken."""
    order = in_order(sample.period)
    rows = np.empty((len(sample.characteristics), len(order)))
    for row, values in zip(rows, sample.characteristics, strict=True):
        np.subtract(values[order], values.mean(), out=row)
    log_price, location = sample.log_price[order], sample.location[order]
    locations = int(location.max()) + 1
    for period, (begin, end) in enumerate(pairwise([0, *np.cumsum(np.bincount(sample.period))])):
        part = slice(begin, end)
        yield _Sales(period, log_price[part], location[part], rows[:, part], locations)


def _fitted(sales: _Sales, kept: list[int]) -> _Fit:
    bread = inverse(sales.gram, kept)
    slopes = bread @ sales.moment
    present = np.where(sales.counts > 0, sales.counts, np.nan)
    effects = sales.by_location(sales.log_price) / present - slopes @ sales.means
    errors = sales.log_price - effects[sales.location] - slopes @ sales.rows
    freedom = len(errors) - int((sales.counts > 0).sum()) - len(kept)
    return _Fit(sales.period, sales, kept, bread, slopes, effects, errors, freedom)


def _fisher(base: _Fit, other: _Fit) -> tuple[float, Gradient, Gradient]:
    """Return the log of the Fisher index from ``base`` to ``other``, and its gradients on the two regressions."""
    forward, backward = (_ratio(base, other, fitted.sales) for fitted in (base, other))
    at_base, at_other = _mean(forward[1], backward[1]), _mean(forward[2], backward[2])
    return (forward[0] + backward[0]) / 2, (-at_base[0], -at_base[1]), at_other


def _mean(one: Gradient, other: Gradient) -> Gradient:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _ratio(base: _Fit, other: _Fit, homes: _Sales) -> tuple[float, Gradient, Gradient]:
    """Return ln of the homes' value at ``other``'s prices over that at ``base``'s, and the gradients of both."""
    before, after = base.log_price(homes), other.log_price(homes)
    known = np.isfinite(before + after)
    if not known.any():
        nowhere = np.zeros(len(homes.counts)), np.zeros(len(homes.rows))
        return float("nan"), nowhere, nowhere
    top = float(before[known].max())
    value_before, value_after = (np.where(known, np.exp(logs - top), 0.0) for logs in (before, after))
    change = float(np.log(value_after.sum() / value_before.sum()))
    return change, _gradient(homes, value_before), _gradient(homes, value_after)


def _gradient(homes: _Sales, value: Floats) -> Gradient:
    share = value / value.sum()
    return homes.by_location(share), homes.rows @ share


def _cover(fits: Sequence[_Fit], moved: Sequence[tuple[float, Gradient, Gradient]], *, robust: bool) -> Floats:
    """Return the covariance of the log indices: what they share is the base's regression."""
    base = fits[0]
    shared = np.array([base.reach(at_base) for _, at_base, _ in moved])
    cover: Floats = (shared * _scale(base, robust=robust)) @ shared.T
    for place, (fitted, (_, _, at_other)) in enumerate(zip(fits, moved, strict=True)):
        cover[place, place] += float(_scale(fitted, robust=robust) @ fitted.reach(at_other) ** 2)
    cover[0], cover[:, 0] = 0.0, 0.0
    return cover


def _scale(fitted: _Fit, *, robust: bool) -> Floats:
    """Return each sale's variance: its squared error times n / (n - k), or the same for all."""
    squares: Floats = fitted.errors**2
    scaled: Floats = squares * (len(squares) / fitted.freedom)
    return scaled if robust else np.full_like(scaled, scaled.mean())


def _share(base: _Fit, fits: Sequence[_Fit]) -> float:
    """Return the share of the homes that could be priced in both periods."""
    known: list[Flags] = [np.isfinite(base.effects[fitted.sales.location]) for fitted in fits[1:]]
    known += [np.isfinite(fitted.effects[base.sales.location]) for fitted in fits[1:]]
    return float(np.concatenate(known).mean()) if known else 1.0
