"""How far each period lies from the valuation's, read off one index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.price_index.estimate import FOR_ROBUST, FREEDOM, Estimate


class Moves(NamedTuple):
    """By period: ln of the factor that brings its prices to the valuation's period, its variance, and what is filled in."""

    change: Floats
    variance: Floats
    """Where the period, or the valuation's, is filled in, that of what it is filled from; nan where none can be told."""
    imputed: Flags
    """Whether the period has no estimate of its own."""


@dataclass(frozen=True, slots=True)
class _Between:
    """Every period between the nearest two of some: which they are, and how far it is towards the second."""

    low: Codes
    high: Codes
    share: Floats

    @classmethod
    def of(cls, places: Codes, periods: int) -> _Between:
        every = np.arange(periods)
        high = np.minimum(np.searchsorted(places, every), len(places) - 1)
        low = np.where((places[high] > every) & (high > 0), high - 1, high)
        width = places[high] - places[low]
        share = np.divide(every - places[low], width, out=np.zeros(periods), where=width > 0)
        return cls(low, high, share)

    def fill(self, values: Floats) -> Floats:
        filled: Floats = (1 - self.share) * values[self.low] + self.share * values[self.high]
        return filled


def unknown(periods: int) -> Moves:
    """Return the moves of what has no index."""
    nothing = np.full(periods, np.nan)
    return Moves(nothing, nothing, np.ones(periods, bool))


def places_of(estimate: Estimate, least: int) -> Codes:
    """Return the periods that are estimated from at least so many observations."""
    return np.flatnonzero(estimate.estimated & (estimate.observations >= least))


def moves(estimate: Estimate, places: Codes, to: int) -> Moves:
    """Return the moves to the period ``to``; others than ``places`` lie between them in logs, beyond them level."""
    between = _Between.of(places, len(estimate.log_index))
    filled = between.fill(estimate.log_index[places])
    return Moves(filled[to] - filled, _variance(estimate, places, between, to), _others(places, len(filled)))


def carried(estimate: Estimate, places: Codes, county: Floats, to: int) -> Moves:
    """Return an area's moves; where it has no estimate its distance from the ``county``'s log index is carried on.

    Between its estimates the distance changes evenly, beyond them it stays: there the area moves with the county.
    """
    between = _Between.of(places, len(county))
    apart = between.fill(estimate.log_index[places] - county[places])
    filled = county + apart
    return Moves(filled[to] - filled, _variance(estimate, places, between, to), _others(places, len(county)))


def _others(places: Codes, periods: int) -> Flags:
    imputed = np.ones(periods, bool)
    imputed[places] = False
    return imputed


def _variance(estimate: Estimate, places: Codes, between: _Between, to: int) -> Floats:
    """Robust, but of one common variance where a period that enters has too few observations for that."""
    if estimate.freedom < FREEDOM:
        return np.full(len(between.low), np.nan)
    robust, pooled = (_contrasts(cover, places, between, to) for cover in (estimate.covariance, estimate.pooled))
    few = estimate.observations[places] < FOR_ROBUST
    enters = few[between.low] | few[between.high]
    return np.where(enters | enters[to], pooled, robust)


def _contrasts(cover: Floats, places: Codes, between: _Between, to: int) -> Floats:
    """Return the variance of every period's filled value less that of ``to``."""
    part = cover[np.ix_(places, places)]
    low, high, share = between.low, between.high, between.share
    own = (1 - share) ** 2 * part[low, low] + 2 * share * (1 - share) * part[low, high] + share**2 * part[high, high]
    with_to = between.fill((1 - share[to]) * part[:, low[to]] + share[to] * part[:, high[to]])
    variance: Floats = np.maximum(own + own[to] - 2 * with_to, 0.0)
    return variance
