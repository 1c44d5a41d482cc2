"""Intervals by resampling (Efron 1979): seeded, a few vectors of memory, without a sort in any draw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.ratios.measures import kakwani
from terrafusion.analysis.ratios.sample import Ratios

RESAMPLED: Final = ("cod", "cov", "prd", "mki", "ki")
"""The measures whose intervals are percentiles of their draws."""

LARGEST: Final = 200_000
"""Sales of a study above which it is not done, in its groups neither: it takes sixty times as long as all else."""

_AT_ONCE: Final = 1 << 16
"""Draws are made together up to so many sales."""

_MANY: Final = 1_000
"""Sales from which on it is faster to find a median by blocks."""

_ROUNDING: Final = 1e-6

Intervals = dict[str, tuple[float, float]]


def bootstrap(
    ratios: Ratios, kept: Sequence[int], *, iterations: int, seed: int, confidence_level: float
) -> tuple[Intervals, Intervals]:
    """Return percentile intervals of `RESAMPLED` for all sales of one group, and for those from place to place ``kept``.

    Both come from the same draws of as many sales as there are. What is kept is not chosen anew in each.
    """
    rows = max(_AT_ONCE // len(ratios), 1)
    whole = _Resampled(ratios, rows)
    some = whole if tuple(kept) == (0, len(ratios)) else _Resampled(ratios.between(*np.array(kept)[:, None]), rows)
    drawn, drawn_kept = [], []
    for counts in _draws(len(ratios), iterations, rows, seed):
        drawn.append(whole(counts))
        drawn_kept.append(drawn[-1] if some is whole else some(counts[:, slice(*kept)]))
    return _intervals(drawn, confidence_level), _intervals(drawn_kept, confidence_level)


def _draws(n: int, iterations: int, rows: int, seed: int) -> Iterator[Codes]:
    """Yield how often each sale was drawn: one row a draw, one column a sale."""
    generator = np.random.default_rng((seed, n))
    for begin in range(0, iterations, rows):
        chosen = generator.integers(n, size=(min(rows, iterations - begin), n))
        chosen += n * np.arange(len(chosen))[:, None]
        yield np.bincount(chosen.ravel(), minlength=chosen.size).reshape(chosen.shape)


class _Resampled:
    """The measures of sales of which each stands several times. What is the same in all draws is made once."""

    def __init__(self, ratios: Ratios, rows: int) -> None:
        self._ratio, self._square = ratios.ratio, ratios.ratio**2
        self._order = ratios.by_price
        self._assessed, self._price = (values[self._order.places] for values in (ratios.assessed, ratios.price))
        # kept from draw to draw: to get large arrays anew from the system costs more than to compute with them
        self._weights, self._work = np.empty((2, rows, len(ratios)))
        self._counts = np.empty((rows, len(ratios)), dtype=np.int64)

    def __call__(self, counts: Codes) -> Floats:
        """Return one row a draw and one column for each of `RESAMPLED`."""
        rows, drawn = len(counts), counts.sum(axis=1)
        count = drawn.astype(np.float64)
        weights, work, by_price = self._weights[:rows], self._work[:rows], self._counts[:rows]
        weights[:] = counts
        median = self._median(counts, drawn - 1)
        np.abs(np.subtract(self._ratio, median[:, None], out=work), out=work)
        scatter = np.einsum("kn,kn->k", weights, work)
        ratio, square = _sums(weights, self._ratio), _sums(weights, self._square)
        np.take(counts, self._order.places, axis=1, out=by_price, mode="clip")
        weights[:] = by_price
        assessed, price = _sums(weights, self._assessed), _sums(weights, self._price)
        weights *= self._order.doubled_ranks(by_price)
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = np.maximum(square - ratio**2 / count, 0) / (count - 1)
            ginis = [
                _sums(weights, values) / (count * total) - (count + 1) / count
                for values, total in ((self._assessed, assessed), (self._price, price))
            ]
            cov, prd = 100 * np.sqrt(variance) * count / ratio, ratio / count * price / assessed
            return np.stack([100 * scatter / count / median, cov, prd, kakwani(*ginis), ginis[0] - ginis[1]], axis=1)

    def _median(self, counts: Codes, last: Codes) -> Floats:
        """Return of each draw the median of r; ``last`` is the highest rank of its sales."""
        find = _places if len(self._ratio) < _MANY else _places_by_block
        lower, upper = self._ratio[find(counts, np.stack([last // 2, last - last // 2]))]
        median: Floats = (lower + upper) / 2
        return median


def _places(counts: Codes, ranks: Codes) -> Codes:
    """Return of each draw the places of the sales of some ranks, which count from 0."""
    found: Codes = np.argmax(np.cumsum(counts, axis=-1) > ranks[..., None], axis=-1)
    return found


def _places_by_block(counts: Codes, ranks: Codes) -> Codes:
    """Return the same, and add up sale by sale only the block in which each lies, the others as a whole."""
    n, draw = counts.shape[1], np.arange(len(counts))
    width = math.isqrt(n)
    begins = np.arange(0, n, width)
    blocks = np.add.reduceat(counts, begins, axis=1)
    block = _places(blocks, ranks)
    before = (np.cumsum(blocks, axis=1) - blocks)[draw, block]
    inside = np.minimum(begins[block][..., None] + np.arange(width), n - 1)
    return begins[block] + _places(counts[draw[:, None], inside], ranks - before)


def _sums(weights: Floats, values: Floats) -> Floats:
    summed: Floats = np.einsum("kn,n->k", weights, values)
    return summed


def _intervals(drawn: list[Floats], confidence_level: float) -> Intervals:
    columns = dict(zip(RESAMPLED, np.concatenate(drawn).T, strict=True))
    found = {name: percentiles(column[np.isfinite(column)], confidence_level) for name, column in columns.items()}
    return {name: ends for name, ends in found.items() if ends is not None}


def percentiles(drawn: Floats, confidence_level: float) -> tuple[float, float] | None:
    """Return the interval of draws, which are finite; None of fewer than `fewest_draws`.

    Its ends are the quantiles of type 6 (Hyndman and Fan 1996), of rank (B + 1) p among B draws: one draw more then
    lies below each with probability p (Davison and Hinkley 1997, 5.2), below those of type 7 with ((B - 1) p + 1) / (B + 1).
    """
    if len(drawn) < fewest_draws(confidence_level):
        return None
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], method="weibull")
    return float(low), float(high)


def fewest_draws(confidence_level: float) -> int:
    """Return the least B for which (B + 1) (1 - level) / 2 is 1: below, no draw lies as far out as the ends."""
    return math.ceil(2 / (1 - confidence_level) - 1 - _ROUNDING)
