"""The stratified-median method: medians of like areas and types, each with the same weight in every period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.cells import by_cell, ordered
from terrafusion.analysis.groups import compressed, in_order
from terrafusion.analysis.price_index.estimate import Estimate, nothing
from terrafusion.analysis.price_index.links import largest
from terrafusion.analysis.price_index.repeat_sales import Options

_LEAST: Final = 30
"""Sales below which a stratum's spread is taken from all strata."""
_Z: Final = 2.576


@dataclass(frozen=True, slots=True)
class Strata:
    """One group's sales by stratum and period, and the medians of ln S of these cells (nan where nothing sold)."""

    medians: Floats
    counts: Floats
    logs: Floats
    """ln S of each sale, with the place of its cell in ``row`` and ``period``."""
    row: Codes
    period: Codes

    def until(self, last: int) -> Strata:
        """Leave the cells after the period ``last`` out."""
        late = np.arange(self.counts.shape[1]) > last
        medians, counts = np.where(late, np.nan, self.medians), np.where(late, 0.0, self.counts)
        return replace(self, medians=medians, counts=counts)


def strata_of(sales: pl.DataFrame, periods: int) -> Strata:
    """Collect the cells of one group's sales: columns ``stratum`` (a number), ``place`` (of the period), ``sale_price``."""
    strata, row = compressed(sales["stratum"].to_numpy())
    period, price = sales["place"].to_numpy(), sales["sale_price"]
    places, begins = by_cell([pl.Series(row), sales["place"]])
    prices, n = ordered(price, places, begins), np.diff(begins, append=len(places))
    low, high = prices[begins + (n - 1) // 2], prices[begins + n // 2]
    cell = row[places[begins]], period[places[begins]]
    medians, counts = np.full((len(strata), periods), np.nan), np.zeros((len(strata), periods))
    medians[cell], counts[cell] = pl.Series(low + (high - low) * 0.5).log().to_numpy(), n
    return Strata(medians, counts, np.log(price.to_numpy()), row, period)


def stratified_median(strata: Strata, options: Options) -> Estimate:
    """Estimate ln(median) = stratum + period, each stratum weighted by its share of all sales.

    Where every stratum sells in every period this is the change of the fixed-weight geometric mean of the
    stratum medians; where some do not, the periods are compared through those that do (the country-product-dummy
    method of Summers 1973, weighted).
    """
    observations = strata.counts.sum(axis=0).astype(np.int64)
    used = int(observations.sum())
    if not used:
        return nothing(observations, 0)
    found, inverse = _solve(strata)
    cover = inverse @ _noise(strata, found, _drawn_to_zero(strata, inverse)) @ inverse
    freedom = used - len(strata.counts) - int(np.isfinite(found).sum()) + 1
    series = [_solve(strata.until(last), invert=False)[0] for last in options.lasts(len(observations))]
    return Estimate(
        log_index=found,
        covariance=cover,
        pooled=cover,
        observations=observations,
        used=used,
        freedom=freedom,
        told={"strata": len(strata.counts)},
        series=series,
    )


def _shares(strata: Strata) -> Floats:
    sold: Floats = strata.counts.sum(axis=1)
    return sold / max(float(sold.sum()), 1.0)


def _solve(strata: Strata, *, invert: bool = True) -> tuple[Floats, Floats]:
    """Return the log index and the inverse of its normal equations, in which the strata are partialled out."""
    sold = (strata.counts > 0).astype(np.float64)
    spans = np.maximum(sold.sum(axis=1), 1)
    each = _shares(strata) / spans
    joint = (sold * each[:, None]).T @ sold
    weights = np.triu(joint, 1)
    tied = largest(weights, strata.counts.sum(axis=0))
    free = np.flatnonzero(tied)[1:]
    logs = np.where(sold > 0, strata.medians, 0.0)
    centred = np.where(sold > 0, logs - (logs.sum(axis=1) / spans)[:, None], 0.0)
    effects, inverse = np.where(tied, 0.0, np.nan), np.zeros_like(joint)
    part = np.ix_(free, free)
    matrix, moment = (np.diag(_shares(strata) @ sold) - joint)[part], (_shares(strata) @ centred)[free]
    effects[free] = np.linalg.solve(matrix, moment)
    if invert:
        inverse[part] = np.linalg.inv(matrix)
    return effects, inverse


def _drawn_to_zero(strata: Strata, inverse: Floats) -> Floats:
    """Return for how many residuals of each stratum the fit itself is the cause that they lie near zero.

    By the leverages h of the cells in the weighted fit: one where a cell has an effect for itself (h = 1) and so its
    median is drawn to zero, h^3 else, as simulated markets say (docs/analyses/price_index.md).
    """
    sold = (strata.counts > 0).astype(np.float64)
    spans = np.maximum(sold.sum(axis=1), 1)[:, None]
    weight, across = _shares(strata)[:, None], sold @ inverse
    own = (across * sold).sum(axis=1)[:, None]
    leverage = sold * (1 / spans + weight * (np.diag(inverse) - 2 * across / spans + own / spans**2))
    drawn: Floats = (leverage**3).sum(axis=1)
    return drawn


def _noise(strata: Strata, effects: Floats, fitted: Floats) -> Floats:
    """Return the covariance of the right-hand side: the medians of cells err independently of each other."""
    sold = strata.counts > 0
    errs = np.where(sold, _unit_variances(strata, effects, fitted)[:, None] / np.maximum(strata.counts, 1), 0.0)
    spans, weights = np.maximum(sold.sum(axis=1), 1), _shares(strata)
    square = weights**2
    mixed = (errs * (square / spans)[:, None]).T @ sold
    shared = (sold * (square * errs.sum(axis=1) / spans**2)[:, None]).T @ sold
    noise: Floats = np.diag(square @ errs) - mixed - mixed.T + shared
    return noise


def _unit_variances(strata: Strata, effects: Floats, fitted: Floats) -> Floats:
    """Return n times the variance of a stratum's median of n sales, from what the index leaves of their logs.

    By the distance between order statistics about the median of all the stratum's residuals, as McKean and Schrader
    (1984) do, which needs no shape of the distribution; ``fitted`` residuals of a stratum lie near zero by the fit alone,
    and are not counted. A stratum below `_LEAST` sales takes the variance of all strata.
    """
    known = np.isfinite(strata.medians - effects)
    above = np.where(known, strata.medians - effects, 0.0).sum(axis=1)
    levels = np.divide(above, known.sum(axis=1), out=np.full(len(above), np.nan), where=known.any(axis=1))
    left = strata.logs - levels[strata.row] - effects[strata.period]
    known = np.isfinite(left)
    row, left = strata.row[known], left[known]
    parts = np.split(left[in_order(row)], np.cumsum(np.bincount(row, minlength=len(levels)))[:-1])
    for part in parts:
        part.sort()
    overall = _unit_variance(np.sort(left), float(fitted.sum()))
    told = zip(parts, fitted, strict=True)
    return np.array([_unit_variance(part, few) if len(part) >= _LEAST else overall for part, few in told])


def _unit_variance(ordered: Floats, fitted: float) -> float:
    """Return 1 / (4 f^2), f being the density about the median of sorted values, of which some were fitted."""
    n = len(ordered)
    reach = min(max(_Z * np.sqrt(n), 3 * fitted), n / 2)
    low = max(round((n + 1 - reach) / 2), 1)
    ranks = n + 1 - 2 * low - fitted
    if ranks < 1:
        return float("nan")
    width = float(ordered[n - low] - ordered[low - 1])
    return float(n * width / (2 * ranks)) ** 2
