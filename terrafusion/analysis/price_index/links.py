"""Periods tied to each other by pairs: the normal equations of repeat sales, T x T and never n x T.

A pair that was first sold in period s and again in t says p_t - p_s = b_t - b_s + e (Bailey, Muth and Nourse
1963). Its row of the regression has -1 at s and 1 at t, so X'WX is the Laplacian of the graph whose nodes are
the periods and whose edges are the weights of their pairs. Periods that no chain of pairs ties to the base
have no index.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.groups import firsts, in_order


@dataclass(frozen=True)
class Ties:
    """The pairs of one group. Periods run from 0 to ``periods`` - 1; first < second."""

    first: Codes
    second: Codes
    change: Floats
    """ln of the later price less ln of the earlier."""
    owner: Codes
    """Whose pairs they are; equal owners stand together."""
    periods: int

    @cached_property
    def cell(self) -> Codes:
        """The place of a pair's first and second period in a table of T x T."""
        return self.first * self.periods + self.second

    def table(self, values: Floats) -> Floats:
        """Sum one value a pair by first and second period: T x T."""
        summed = np.bincount(self.cell, values, self.periods**2).astype(np.float64, copy=False)
        return summed.reshape(self.periods, self.periods)

    def observations(self) -> Codes:
        """Count the sales of pairs in each period."""
        counted = np.bincount(self.first, minlength=self.periods) + np.bincount(self.second, minlength=self.periods)
        return counted.astype(np.int64, copy=False)

    def residuals(self, effects: Floats) -> Floats:
        """Return what the effects do not explain of each pair; nan where it is not tied to the base."""
        residuals: Floats = self.change - (effects[None, :] - effects[:, None]).ravel()[self.cell]
        return residuals

    def by_end(self) -> tuple[Ties, Codes]:
        """Return the pairs by second period, and how many end by each."""
        return self._of(in_order(self.second)), np.cumsum(np.bincount(self.second, minlength=self.periods))

    def kept(self, is_kept: Flags) -> Ties:
        """Return the pairs of which an index is made."""
        return self if is_kept.all() else self._of(is_kept)

    def head(self, count: int) -> Ties:
        """Return the first pairs, so many."""
        return self._of(slice(count))

    def _of(self, chosen: Codes | Flags | slice) -> Ties:
        first, second = self.first[chosen], self.second[chosen]
        return Ties(first, second, self.change[chosen], self.owner[chosen], self.periods)


@dataclass(frozen=True, slots=True)
class Solution:
    """Effects by period, 0 at the base, nan where untied; the inverse of X'WX with zeros there."""

    effects: Floats
    bread: Floats
    tied: Flags

    @property
    def parameters(self) -> int:
        """How many effects were estimated."""
        return max(int(self.tied.sum()) - 1, 0)


def largest(weights: Floats, counts: Floats) -> Flags:
    """Name the periods of the component with most pairs, the earliest of equals; none without pairs."""
    joined = (weights + weights.T) > 0
    left = joined.any(axis=0)
    best, most = np.zeros(len(weights), bool), 0.0
    while left.any():
        part = _reached(joined, int(np.argmax(left)))
        held = float(counts[part].sum())
        if held > most:
            best, most = part, held
        left &= ~part
    return best


def _reached(joined: Flags, start: int) -> Flags:
    seen = np.zeros(len(joined), bool)
    seen[start] = True
    border = seen.copy()
    while border.any():
        border = joined[border].any(axis=0) & ~seen
        seen |= border
    return seen


def solve(weights: Floats, moments: Floats, tied: Flags, *, invert: bool = True) -> Solution:
    """Solve the normal equations: ``weights`` and weighted changes summed by first and second period.

    ``tied`` are the periods of one component, see `largest`.

    Without ``invert`` the solution has no ``bread``, and takes a third of the time.
    """
    effects = np.where(tied, 0.0, np.nan)
    bread = np.zeros_like(weights)
    free = np.flatnonzero(tied)[1:]
    if free.size:
        part = free[:, None], free
        own = weights.sum(axis=0) + weights.sum(axis=1)
        matrix = (np.diag(own) - weights - weights.T)[part]
        effects[free] = np.linalg.solve(matrix, (moments.sum(axis=0) - moments.sum(axis=1))[free])
        if invert:
            bread[part] = np.linalg.inv(matrix)
    return Solution(effects, bread, tied)


def meat(ties: Ties, scores: Floats) -> Floats:
    """Return the T x T sum over owners of u u', where u is the sum of an owner's scores times its rows of X.

    Scores are summed by owner and period first, so that a parcel has one entry a period at most, and each
    pass multiplies entries that stand equally far apart.
    """
    owner = np.repeat(np.cumsum(np.diff(ties.owner, prepend=ties.owner[:1]) != 0), 2)
    period = np.column_stack([ties.first, ties.second]).ravel()
    value = np.column_stack([-scores, scores]).ravel()
    key = owner * ties.periods + period
    order = np.argsort(key, kind="stable")  # by owner they stand already
    key = key[order]
    begins = firsts(key)
    summed = np.bincount(np.cumsum(begins) - 1, value[order])
    owner, period = np.divmod(key[begins], ties.periods)
    total: Floats = np.diag(np.bincount(period, summed**2, ties.periods)).astype(np.float64)
    start = np.arange(len(owner))
    for ahead in range(1, len(owner)):
        start = start[start + ahead < len(owner)]
        start = start[owner[start] == owner[start + ahead]]
        if not start.size:
            break
        cell = period[start] * ties.periods + period[start + ahead]
        product = np.bincount(cell, summed[start] * summed[start + ahead], ties.periods**2)
        both = product.reshape(ties.periods, ties.periods)
        total += both + both.T
    return total


def clusters(ties: Ties) -> int:
    """Count the owners."""
    return int((np.diff(ties.owner, prepend=-1) != 0).sum())
