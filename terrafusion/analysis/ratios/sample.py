"""One group's assessment ratios in ascending order, and what is read off an ordered list."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from terrafusion.analysis.cells import critical_value, smallest_for_interval
from terrafusion.analysis.groups import ranks

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

ROUNDING: Final = 1e-9
"""Bounds are inclusive, and a figure that rounding alone puts beyond one is on it."""


class Estimate(NamedTuple):
    """A figure and its interval; nan stands for what cannot be told."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Ratios:
    """Assessed values A, prices S and r = A/S of one group's sales, sorted by r."""

    assessed: Floats
    price: Floats
    ratio: Floats
    by_price: PriceOrder
    """The same sales in the order of their prices."""

    @classmethod
    def of(cls, assessed: Floats, price: Floats) -> Ratios:
        """Sort sales by ratio, then price, then value, so that no figure depends on the order in which they came."""
        places = by_ratio(assessed / price, price, assessed)
        return cls.ordered(assessed[places], price[places])

    @classmethod
    def ordered(cls, assessed: Floats, price: Floats) -> Ratios:
        """Take sales that are sorted by ratio."""
        return cls(assessed, price, assessed / price, PriceOrder.of(price, np.argsort(price, kind="stable")))

    def __len__(self) -> int:
        return len(self.ratio)

    @cached_property
    def median(self) -> float:
        """The midpoint of the middle two where n is even."""
        return quantile(self.ratio, 1, 2)

    @cached_property
    def mean(self) -> float:
        """The mean of r."""
        return float(self.ratio.sum()) / len(self)

    @cached_property
    def deviation(self) -> Floats:
        """Each r less their mean."""
        deviation: Floats = self.ratio - self.mean
        return deviation

    @cached_property
    def square_deviation(self) -> Floats:
        """The squares of `deviation`."""
        squares: Floats = self.deviation**2
        return squares

    @cached_property
    def squares(self) -> float:
        """The sum of `square_deviation`."""
        return float(self.square_deviation.sum())

    @property
    def sd(self) -> float:
        """The standard deviation of r, with n - 1; nan of one sale."""
        return math.sqrt(self.squares / (len(self) - 1)) if len(self) > 1 else math.nan

    @cached_property
    def scatter(self) -> Floats:
        """How far each r is from their median."""
        return np.abs(self.ratio - self.median)

    @cached_property
    def dispersion(self) -> float:
        """The mean of `scatter`."""
        return float(self.scatter.sum()) / len(self)

    @cached_property
    def totals(self) -> tuple[float, float]:
        """The sums of A and of S."""
        return float(self.assessed.sum()), float(self.price.sum())

    @cached_property
    def proxy(self) -> Floats:
        """The value of each property as price and assessment together tell it, 0.5 S + 0.5 A/m."""
        return 0.5 * self.price + 0.5 * (self.assessed / self.median)

    @cached_property
    def along_prices(self) -> tuple[Floats, Floats]:
        """A and S in the order of prices."""
        places = self.by_price.places
        return self.assessed[places], self.price[places]

    @cached_property
    def concentrations(self) -> tuple[float, float]:
        """The Gini coefficients of A and of S, both in the order of S (Quintos 2020): 2 sum(rank v) / (n sum v) - (n + 1) / n."""
        n, ranks = len(self), self.by_price.doubled_ranks_of_each
        assessed, price = (
            float((ranks * values).sum()) / (n * float(values.sum())) - (n + 1) / n for values in self.along_prices
        )
        return assessed, price

    def between(self, begin: int, end: int) -> Ratios:
        """Return the sales from one place in the order of ratios to another."""
        places, price = self.by_price.places, self.price[begin:end]
        inside = places[(places >= begin) & (places < end)] - begin
        return Ratios(self.assessed[begin:end], price, self.ratio[begin:end], PriceOrder.of(price, inside))


def by_ratio(ratio: Floats, *keys: Floats) -> Codes:
    """Return the places of sales by ascending ratio; where ratios are equal, the first key that differs decides."""
    places: Codes = np.argsort(ratio)
    ordered = ratio[places]
    tied, block = _ties(ordered[1:] == ordered[:-1])
    for key in keys:
        if not len(tied):
            break
        among = places[tied]
        rank = ranks(key[among])
        order = np.argsort(block * (rank.max() + 1) + rank)
        block, rank = block[order], rank[order]
        places[tied] = among[order]
        again, block = _ties((block[1:] == block[:-1]) & (rank[1:] == rank[:-1]))
        tied = tied[again]
    return places


def _ties(same: NDArray[np.bool_]) -> tuple[Codes, Codes]:
    """Return who is the same as a neighbour, and a number for those who are the same as each other."""
    before, after = np.append(False, same), np.append(same, False)
    tied = np.flatnonzero(before | after)
    return tied, np.cumsum(~before[tied])


@dataclass(frozen=True)
class PriceOrder:
    """Sales by ascending price: their places, and which of the distinct prices each has."""

    places: Codes
    ends: Codes
    """Of each distinct price, where its last sale stands in ``places``."""
    blocks: Codes | None
    """Of each sale in ``places``, the number of its price; None where all differ."""

    @classmethod
    def of(cls, price: Floats, places: Codes) -> PriceOrder:
        """Find the ties among sales whose ``places`` stand by ascending price."""
        ordered = price[places]
        last = np.ones(len(ordered), dtype=bool)
        np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
        ends = np.flatnonzero(last)
        blocks = None if len(ends) == len(price) else np.cumsum(last) - last
        return cls(places, ends, blocks)

    @cached_property
    def doubled_ranks_of_each(self) -> Floats:
        """Twice each sale's rank, where each stands once."""
        if self.blocks is None:
            return np.arange(2.0, 2 * len(self.places) + 2, 2)
        shared = self.ends.astype(np.float64) + 2
        shared[1:] += self.ends[:-1] + 1
        ranks: Floats = shared[self.blocks]
        return ranks

    @cached_property
    def shares(self) -> Floats:
        """Which share of the sales is cheaper, of those of the same price half."""
        shares: Floats = (self.doubled_ranks_of_each - 1) / (2 * len(self.places))
        return shares

    @cached_property
    def starts(self) -> Codes:
        """Of each distinct price, where its first sale stands in ``places``."""
        starts = np.zeros_like(self.ends)
        np.add(self.ends[:-1], 1, out=starts[1:])
        return starts

    def doubled_ranks(self, counts: Codes) -> Codes:
        """Return twice each sale's rank, where each stands ``counts`` times and tied prices share their average rank.

        Counts and ranks stand in the order of prices along the last axis; doubled, ranks are whole numbers.
        """
        through = np.cumsum(counts, axis=-1)
        if self.blocks is None:
            through *= 2
            through -= counts
            through += 1
            return through
        ends = through[..., self.ends]
        shared = ends + 1
        shared[..., 1:] += ends[..., :-1]
        ranks: Codes = shared[..., self.blocks]
        return ranks


def quantile(ordered: Floats, part: int, parts: int) -> float:
    """Return the quantile ``part/parts`` of type 7 (Hyndman and Fan 1996); its place is found in whole numbers."""
    if not len(ordered):
        return math.nan
    below, rest = divmod((len(ordered) - 1) * part, parts)
    value = float(ordered[below])
    if rest:
        step = float(ordered[below + 1]) - value
        value = value + step / 2 if 2 * rest == parts else value + step * (rest / parts)
    return value


def median_estimate(ordered: Floats, confidence_level: float) -> Estimate:
    """Return the median between order statistics of ranks ceil(n/2 - z sqrt(n)/2) and floor(1 + n/2 + z sqrt(n)/2).

    Without interval where a rank lies outside [1, n], or where even lowest to highest covers the median less
    surely than asked.
    """
    n = len(ordered)
    middle = quantile(ordered, 1, 2)
    reach = critical_value(confidence_level) * math.sqrt(n) / 2
    low, high = math.ceil(n / 2 - reach), math.floor(1 + n / 2 + reach)
    if low < 1 or high > n or n < smallest_for_interval(confidence_level):
        return Estimate(middle)
    return Estimate(middle, float(ordered[low - 1]), float(ordered[high - 1]))
