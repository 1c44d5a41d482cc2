"""The assessment ratios of several groups laid end to end, in ascending order within each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.groups import ranks
from terrafusion.analysis.ratios.segments import Segments

ROUNDING: Final = 1e-9
"""Bounds are inclusive, and a figure that rounding alone puts beyond one is on it."""


@dataclass(frozen=True)
class Ratios:
    """Assessed values A and prices S of sales by group and, within each, by r = A/S. Every figure is one a group."""

    assessed: Floats
    price: Floats
    segments: Segments
    by_price: PriceOrder
    """The same sales in the order of their prices."""

    @classmethod
    def of(cls, assessed: Floats, price: Floats) -> Ratios:
        """Sort the sales of one group by ratio, price and value: no figure depends on the order in which they came."""
        places = by_ratio(assessed / price, price, assessed)
        return cls.ordered(assessed[places], price[places], Segments.of([len(places)]))

    @classmethod
    def ordered(cls, assessed: Floats, price: Floats, segments: Segments) -> Ratios:
        """Take sales that are sorted by ratio within each group."""
        return cls(assessed, price, segments, PriceOrder.of(price, segments.order(price), segments))

    def each(self) -> Iterator[Ratios]:
        """Yield the groups one by one."""
        for part in self.segments.slices():
            segments = Segments.of([part.stop - part.start])
            assessed, price, places = self.assessed[part], self.price[part], self.by_price.places[part] - part.start
            yield Ratios(assessed, price, segments, PriceOrder.of(price, places, segments))

    def between(self, begins: Codes, ends: Codes) -> Ratios:
        """Return of each group the sales from one place in the order of its ratios to another."""
        kept = ends - begins
        pieces = np.column_stack([begins, kept, self.n - ends]).ravel()
        inside = np.repeat(np.tile([False, True, False], len(kept)), pieces)
        places = self.by_price.places
        places = (np.cumsum(inside) - 1)[places[inside[places]]]
        price, segments = self.price[inside], Segments.of(kept)
        return Ratios(self.assessed[inside], price, segments, PriceOrder.of(price, places, segments))

    def __len__(self) -> int:
        return len(self.price)

    @property
    def n(self) -> Codes:
        """How many sales each group has."""
        return self.segments.sizes

    @cached_property
    def ratio(self) -> Floats:
        """Each sale's r."""
        return self.assessed / self.price

    @cached_property
    def median(self) -> Floats:
        """The midpoint of the middle two where n is even."""
        return self.segments.quantile(self.ratio, 1, 2)

    @cached_property
    def mean(self) -> Floats:
        """The mean of r."""
        return self.segments.sums(self.ratio) / self.n

    @property
    def deviation(self) -> Floats:
        """Each r less their mean."""
        return self.ratio - self.segments.each(self.mean)

    @cached_property
    def squares(self) -> Floats:
        """The sum of the squares of `deviation`."""
        return self.segments.sums(self.deviation**2)

    @property
    def sd(self) -> Floats:
        """The standard deviation of r, with n - 1; nan of one sale."""
        return np.sqrt(self.squares / (self.n - 1))

    @property
    def apart(self) -> Floats:
        """Each r less their median."""
        return self.ratio - self.segments.each(self.median)

    @cached_property
    def dispersion(self) -> Floats:
        """How far r is from the median, in the mean."""
        return self.segments.sums(np.abs(self.apart)) / self.n

    @cached_property
    def totals(self) -> tuple[Floats, Floats]:
        """The sums of A and of S."""
        return self.segments.sums(self.assessed), self.segments.sums(self.price)

    @cached_property
    def level(self) -> Floats:
        """The weighted mean of r, sum A / sum S."""
        values, prices = self.totals
        return values / prices

    @property
    def residual(self) -> Floats:
        """How far each A, brought to the level of prices, lies above S: A/level - S."""
        return self.assessed / self.segments.each(self.level) - self.price

    @cached_property
    def proxy(self) -> Floats:
        """The value of each property as price and assessment together tell it, 0.5 S + 0.5 A/m."""
        return 0.5 * self.price + 0.5 * (self.assessed / self.segments.each(self.median))

    @cached_property
    def along_prices(self) -> tuple[Floats, Floats]:
        """A and S in the order of prices."""
        places = self.by_price.places
        return self.assessed[places], self.price[places]

    @cached_property
    def concentrations(self) -> tuple[Floats, Floats]:
        """The Gini coefficients of A and of S, both in the order of S (Quintos 2020): 2 sum(rank v) / (n sum v) - (n + 1) / n."""
        n, sums, doubled = self.n, self.segments.sums, self.by_price.doubled[self.by_price.tie]
        assessed, price = (sums(doubled * values) / (n * sums(values)) - (n + 1) / n for values in self.along_prices)
        return assessed, price


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


def _ties(same: Flags) -> tuple[Codes, Codes]:
    """Return who is the same as a neighbour, and a number for those who are the same as each other."""
    before, after = np.append(False, same), np.append(same, False)
    tied = np.flatnonzero(before | after)
    return tied, np.cumsum(~before[tied])


@dataclass(frozen=True)
class PriceOrder:
    """Sales by group and, within each, by ascending price: their places, and which of them have one price."""

    segments: Segments
    places: Codes
    ties: Segments
    """Which of the sales in ``places`` have which of the distinct prices."""
    distinct: Segments
    """Which of the distinct prices are of which group."""

    @classmethod
    def of(cls, price: Floats, places: Codes, segments: Segments) -> PriceOrder:
        """Find the ties among sales whose ``places`` stand by ascending price within each group."""
        return cls(segments, places, *segments.runs(price[places]))

    @cached_property
    def tie(self) -> Codes:
        """The number of each sale's price among the distinct ones."""
        return np.repeat(np.arange(len(self.ties)), self.ties.sizes)

    @cached_property
    def doubled(self) -> Floats:
        """Twice the rank of each distinct price in its group, which is the mean of the ranks of its sales."""
        through = self.ties.edges[:-1] + self.ties.edges[1:] + 1
        return (through - self.distinct.each(2 * self.segments.begins)).astype(np.float64)

    @property
    def shares(self) -> Floats:
        """Which share of its group's sales is cheaper than each distinct price, of those of the same price half."""
        return (self.doubled - 1) / self.distinct.each(2 * self.segments.sizes)

    def doubled_ranks(self, counts: Codes) -> Codes:
        """Return twice each sale's rank in the one group, where each stands ``counts`` times and ties share their average rank.

        Counts and ranks stand in the order of prices along the last axis; doubled, ranks are whole numbers.
        """
        through = np.cumsum(counts, axis=-1)
        if len(self.ties) == len(self.places):
            through *= 2
            through -= counts
            through += 1
            return through
        ends = through[..., self.ties.edges[1:] - 1]
        shared = ends + 1
        shared[..., 1:] += ends[..., :-1]
        ranks: Codes = np.take(shared, self.tie, axis=-1, mode="clip")
        return ranks
