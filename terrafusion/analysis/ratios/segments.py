"""Values of several groups laid end to end: of each group its sum, its extremes, what is read off its ordered list.

No figure of a group depends on the other groups: sums begin anew in each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, starmap
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.cells import critical_value, smallest_for_interval
from terrafusion.analysis.groups import ranks

Figures = TypeVar("Figures", Floats, Codes)


class Estimate(NamedTuple):
    """A figure and its interval; nan stands for what cannot be told."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan


class Estimates(NamedTuple):
    """The same of several groups."""

    value: Floats
    low: Floats
    high: Floats

    @classmethod
    def bare(cls, value: Floats) -> Estimates:
        """Take figures that have no interval."""
        return cls(value, *np.full((2, len(value)), math.nan))

    @classmethod
    def around(cls, centre: Floats, reach: Floats) -> Estimates:
        """Take figures whose intervals reach so far on either side."""
        return cls(centre, centre - reach, centre + reach)

    def less(self, other: Estimates) -> Estimates:
        """Return the differences; their intervals join both (MOVER, Zou and Donner 2008)."""
        apart = self.value - other.value
        below = np.hypot(self.value - self.low, other.high - other.value)
        above = np.hypot(self.high - self.value, other.value - other.low)
        return Estimates(apart, apart - below, apart + above)

    def take(self, places: Codes) -> Estimates:
        """Return those at the places."""
        return Estimates(*(figures[places] for figures in self))

    def told_where(self, known: Flags) -> Estimates:
        """Leave intervals only where they are ``known``."""
        return Estimates(self.value, *(np.where(known, ends, math.nan) for ends in self[1:]))

    def of(self, place: int) -> Estimate:
        """Return that of one group."""
        return Estimate(*(float(figures[place]) for figures in self))


@dataclass(frozen=True)
class Segments:
    """Which of the values belong to which group."""

    edges: Codes
    """Where each group begins, and the last one ends."""

    @classmethod
    def of(cls, sizes: Codes | Sequence[int]) -> Segments:
        """Lay groups of so many values end to end."""
        return cls(np.append(0, np.cumsum(sizes, dtype=np.int64)))

    def __len__(self) -> int:
        return len(self.edges) - 1

    @cached_property
    def begins(self) -> Codes:
        """Where each group begins."""
        return self.edges[:-1]

    @cached_property
    def sizes(self) -> Codes:
        """How many values each group has."""
        return np.diff(self.edges)

    def slices(self) -> Iterator[slice]:
        """Yield the places of each group's values."""
        return starmap(slice, pairwise(self.edges.tolist()))

    def sums(self, values: Floats) -> Floats:
        """Return the sum of each group; 0 of no values."""
        return self._reduced(np.add, values)

    def counts(self, flags: Flags) -> Codes:
        """Return of how many values of each group it is so."""
        return self._reduced(np.add, flags).astype(np.int64)

    def lowest(self, values: Floats | NDArray[np.integer[Any]]) -> Floats:
        """Return the least of each group; 0 of no values."""
        return self._reduced(np.minimum, values)

    def highest(self, values: Floats | NDArray[np.integer[Any]]) -> Floats:
        """Return the greatest of each group; 0 of no values."""
        return self._reduced(np.maximum, values)

    def _reduced(self, function: np.ufunc, values: NDArray[Any]) -> Floats:
        some = self.sizes > 0  # where a group without values begins, another's begin
        found = np.zeros(len(self))
        found[some] = function.reduceat(values, self.begins[some])
        return found

    def each(self, figures: Figures) -> Figures:
        """Repeat each group's figure for all of its values; that of a single group fits them as it is."""
        return figures if len(figures) == 1 else np.repeat(figures, self.sizes)

    def order(self, values: Floats) -> Codes:
        """Return the places of the values by group and, within each, in ascending order; equal ones as they stand."""
        bits = len(values).bit_length()
        keys = ranks(values)
        keys += self.each(np.arange(len(self)) << bits)
        keys <<= bits
        keys += np.arange(len(values))
        keys.sort()  # numbers that all differ: several times as fast as a stable sort of places
        keys &= (1 << bits) - 1
        return keys

    def ordered(self, values: Floats) -> Floats:
        """Return the values in ascending order within each group."""
        values = values.copy()
        for part in self.slices():
            values[part].sort()
        return values

    def onward(self, values: Floats) -> Floats:
        """Return of each value the sum of it and of those that follow in its group."""
        found = np.empty_like(values)
        for part in self.slices():
            np.cumsum(values[part][::-1], out=found[part][::-1])
        return found

    def runs(self, ordered: Floats) -> tuple[Segments, Segments]:
        """Return which values make a run of equal ones, none beyond a group, and which runs belong to which group."""
        first = np.ones(len(ordered), dtype=bool)
        np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
        first[self.begins[self.sizes > 0]] = True
        starts = np.flatnonzero(first)
        return Segments(np.append(starts, len(ordered))), Segments(np.searchsorted(starts, self.edges))

    def at(self, values: Floats, places: Codes) -> Floats:
        """Return of each group the value at a place in it, from 0; nan where it has none."""
        inside = (places >= 0) & (places < self.sizes)
        found = np.full(len(self), math.nan)
        found[inside] = values[(self.begins + places)[inside]]
        return found

    def quantile(self, ordered: Floats, part: int, parts: int) -> Floats:
        """Return the quantiles ``part/parts`` of type 7 (Hyndman and Fan 1996); their places are found in whole numbers."""
        below, rest = np.divmod((self.sizes - 1) * part, parts)
        value = self.at(ordered, below)
        return value + (self.at(ordered, below + (rest > 0)) - value) * (rest / parts)

    def medians(self, ordered: Floats, confidence_level: float) -> Estimates:
        """Return medians between order statistics of ranks ceil(n/2 - z sqrt(n)/2) and floor(1 + n/2 + z sqrt(n)/2).

        Without interval where a rank lies outside [1, n], or where even lowest to highest covers the median less
        surely than asked.
        """
        n = self.sizes
        reach = critical_value(confidence_level) * np.sqrt(n) / 2
        low, high = np.ceil(n / 2 - reach).astype(np.int64), np.floor(1 + n / 2 + reach).astype(np.int64)
        told = (low >= 1) & (high <= n) & (n >= smallest_for_interval(confidence_level))
        ends = (self.at(ordered, rank - 1) for rank in (low, high))
        return Estimates(self.quantile(ordered, 1, 2), *ends).told_where(told)


def median_estimate(ordered: Floats, confidence_level: float) -> Estimate:
    """Return the median of one group with its interval, as `Segments.medians` does."""
    return Segments.of([len(ordered)]).medians(ordered, confidence_level).of(0)
