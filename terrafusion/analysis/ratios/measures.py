"""The IAAO's measures of level, uniformity and vertical equity, of many groups at once: a value and its interval each.

Standard on Ratio Studies (IAAO 2013), Gloudemans and Almy, Fundamentals of Mass Appraisal (2011), Quintos (2020,
2021) for MKI and KI. A is the assessed value, S the price, r = A/S, m the median of r, n the number of sales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.cells import FARTHEST, critical_value
from terrafusion.analysis.groups import in_order
from terrafusion.analysis.ratios.sample import PriceOrder, Ratios
from terrafusion.analysis.ratios.segments import Estimates, Segments
from terrafusion.analysis.student import critical_ts

MEASURES: Final = ("median", "mean", "weighted_mean", "cod", "cov", "prd", "prb", "mki", "ki", "vei")
"""All of them, in the order in which they are told."""

_VEI_CONFIDENCE: Final = 0.90
_IN_LOGS: Final = ("cod", "cov")
_NO_GINI: Final = 1e-12  # of equal prices rounding leaves so much at most
_VEI_FROM: Final = (20, 51, 501)
_VEI_PARTS: Final = np.array([0, 2, 4, 10])
"""On how many groups of value below the first of so many sales, from it, from the next."""


@np.errstate(divide="ignore", invalid="ignore")
def measures(ratios: Ratios, confidence_level: float) -> dict[str, Estimates]:
    """Return `MEASURES` and ``vei_significance``; here without intervals are cod, cov, prd, mki and ki."""
    gini_assessed, gini_price = ratios.concentrations
    vei, significance = vertical_equity(ratios, confidence_level)
    return {
        "median": ratios.segments.medians(ratios.ratio, confidence_level),
        "mean": mean(ratios, confidence_level),
        "weighted_mean": weighted_mean(ratios, confidence_level),
        "cod": Estimates.bare(cod(ratios)),
        "cov": Estimates.bare(cov(ratios)),
        "prd": Estimates.bare(prd(ratios)),
        "prb": prb(ratios, confidence_level),
        "mki": Estimates.bare(mki(ratios)),
        "ki": Estimates.bare(gini_assessed - gini_price),
        "vei": vei,
        "vei_significance": Estimates.bare(significance),
    }


def mean(ratios: Ratios, confidence_level: float) -> Estimates:
    """Return the mean of r with its t-interval."""
    t = critical_ts(confidence_level, ratios.n - 1)
    return Estimates.around(ratios.mean, t * ratios.sd / np.sqrt(ratios.n))


def weighted_mean(ratios: Ratios, confidence_level: float) -> Estimates:
    """Return sum A / sum S with the t-interval of a ratio estimator (Cochran 1977, 6.4; Gloudemans 1999)."""
    n, (_, prices) = ratios.n, ratios.totals
    error = ratios.level * np.sqrt(n / (n - 1) * ratios.segments.sums(ratios.residual**2)) / prices
    return Estimates.around(ratios.level, critical_ts(confidence_level, n - 1) * error)


def cod(ratios: Ratios) -> Floats:
    """Return the coefficient of dispersion, 100 mean|r - m| / m: lower is more uniform."""
    return 100 * ratios.dispersion / ratios.median


def cov(ratios: Ratios) -> Floats:
    """Return the coefficient of variation, 100 sd(r) / mean(r), sd with n - 1; nan of one sale."""
    return 100 * (ratios.sd / ratios.mean)


def prd(ratios: Ratios) -> Floats:
    """Return the price-related differential, mean(r) / (sum A / sum S): above 1 is regressive."""
    return ratios.mean / ratios.level


def mki(ratios: Ratios) -> Floats:
    """Return the modified Kakwani index, the Gini coefficient of A over that of S; nan where prices are equal."""
    return kakwani(*ratios.concentrations)


def kakwani(assessed: Floats, price: Floats) -> Floats:
    """Return one Gini coefficient over the other; nan where that of prices is what rounding leaves of equal ones."""
    return np.where(price > _NO_GINI, assessed / price, math.nan)


def prb(ratios: Ratios, confidence_level: float) -> Estimates:
    """Return the price-related bias with its t-interval: -0.05 says that ratios fall by 5% where value doubles.

    It is the slope of (r - m)/m on log2(0.5 S + 0.5 A/m), by least squares.
    """
    told = slope(np.log2(ratios.proxy), ratios.apart, ratios.segments, confidence_level)
    return Estimates(*(figures / ratios.median for figures in told))


def slope(x: Floats, y: Floats, segments: Segments, confidence_level: float) -> Estimates:
    """Return the slope of y on x by least squares with its t-interval; nan where x does not vary."""
    steep, error = least_squares(x, y, segments)
    return Estimates.around(steep, critical_ts(confidence_level, segments.sizes - 2) * error)


@np.errstate(divide="ignore", invalid="ignore")
def least_squares(x: Floats, y: Floats, segments: Segments) -> tuple[Floats, Floats]:
    """Return the slope of y on x and its standard error, of n - 2 degrees of freedom; nan where x does not vary."""
    n, sums, each = segments.sizes, segments.sums, segments.each
    varies = np.where(segments.highest(x) > segments.lowest(x), 1, math.nan)
    across, up = x - each(sums(x) / n), y - each(sums(y) / n)
    squares = sums(across**2) * varies
    steep = sums(across * up) / squares
    across *= each(steep)
    up -= across
    return steep, np.sqrt(sums(up**2) / (n - 2) / squares)


def vertical_equity(ratios: Ratios, confidence_level: float) -> tuple[Estimates, Floats]:
    """Return the vertical equity indicator and its significance, both in per cent of m.

    The sales are cut into groups of value at quantiles of type 7 of their `proxy`, a sale on a cut goes to the lower
    one. The indicator is the median of the highest group less that of the lowest; its interval joins those of the two
    medians (MOVER, Zou and Donner 2008). The significance is the distance between the 90% intervals of the
    groups with the highest and the lowest median: above 0 they are apart.
    """
    parts, within, ordered = _by_value(ratios)
    most = len(within) // max(len(parts), 1)
    lowest_value = most * np.arange(len(parts))
    told = within.medians(ordered, confidence_level)
    first, last = told.take(lowest_value), told.take(lowest_value + np.maximum(parts - 1, 0))
    surer = within.medians(ordered, _VEI_CONFIDENCE)
    medians = surer.value.reshape(-1, most)
    highest, lowest = (
        surer.take(lowest_value + np.where(np.isnan(medians), -math.inf, sign * medians).argmax(axis=1))
        for sign in (1, -1)
    )
    filled = (within.sizes > 0).reshape(-1, most).sum(axis=1)
    scale = np.where((parts > 1) & (filled == parts), 100 / ratios.median, math.nan)
    vei = Estimates(*(scale * figures for figures in last.less(first)))
    return vei, scale * (highest.low - lowest.high)


def _by_value(ratios: Ratios) -> tuple[Codes, Segments, Floats]:
    """Return into how many groups of value each group is cut, where these lie, the same number for each, and the ratios.

    Groups of value stand by ascending value, and ratios in them in ascending order.
    """
    parts = _VEI_PARTS[np.searchsorted(_VEI_FROM, ratios.n, side="right")]
    most = max(int(parts.max(initial=1)), 1)
    code = value_groups(ratios.proxy, ratios.segments, parts) + ratios.segments.each(most * np.arange(len(parts)))
    sizes = np.bincount(code, minlength=most * len(parts))
    return parts, Segments.of(sizes), ratios.ratio[in_order(code)]


def value_groups(value: Floats, segments: Segments, parts: Codes) -> NDArray[np.uint8]:
    """Return each sale's group of value in its group, from 0 to ``parts`` - 1; a value on a cut is in the lower one.

    The cut at the quantile j/k lies at or above the value of rank 1 + (n - 1) j // k and below the next greater
    one, so to compare with that value is to compare with the cut, without rounding.
    """
    ordered, last = segments.ordered(value), segments.sizes - 1
    group = np.zeros(len(value), np.uint8)
    for part in range(1, int(parts.max(initial=0))):
        cut = segments.at(ordered, np.where(part < parts, last * part // np.maximum(parts, 1), -1))
        group += value > segments.each(cut)
    return group


@np.errstate(divide="ignore", invalid="ignore")
def analytic_intervals(ratios: Ratios, confidence_level: float) -> dict[str, Estimates]:
    """Return cod, cov, prd, mki and ki with normal intervals (of cod and cov in logs) from each sale's influence on them.

    The infinitesimal jackknife (Efron 1982, chapter 6): an estimate's variance is the mean square of the influences
    over n. The density at the median, which COD needs, is read off the median's own interval.
    """
    z, found = critical_value(confidence_level), {}
    for name, value, scale, influence in _influences(ratios, confidence_level):
        reach = z * scale * np.sqrt(ratios.segments.sums(np.square(influence, out=influence))) / ratios.n
        found[name] = _around_in_logs(value, reach) if name in _IN_LOGS else Estimates.around(value, reach)
    return found


def _around_in_logs(value: Floats, reach: Floats) -> Estimates:
    """Return intervals in logs; where the value is 0, none can be."""
    factor = np.exp(np.minimum(reach / value, FARTHEST))
    positive = value > 0
    return Estimates(
        value, np.where(positive, value / factor, value - reach), np.where(positive, value * factor, value + reach)
    )


def _influences(ratios: Ratios, confidence_level: float) -> Iterator[tuple[str, Floats, Floats, Floats]]:
    """Yield of each measure its name, its value, and the influence of each sale on it as a figure a group times one a sale."""
    n, each = ratios.n, ratios.segments.each
    told = ratios.segments.medians(ratios.ratio, confidence_level)
    spread = (told.high - told.low) / (2 * critical_value(confidence_level)) * np.sqrt(n)
    on_median = each(ratios.dispersion / ratios.median * spread) * np.sign(ratios.apart)
    yield "cod", cod(ratios), 100 / ratios.median, np.abs(ratios.apart) - each(ratios.dispersion) - on_median
    variance = ratios.squares / n
    on_square = ratios.deviation**2 - each(variance)
    scale = np.where(variance > 0, 50 / np.sqrt(variance) / ratios.mean, 0)
    yield "cov", cov(ratios), scale, on_square - each(2 * variance / ratios.mean) * ratios.deviation
    price = ratios.totals[1] / n
    yield "prd", prd(ratios), prd(ratios) / price, each(price / ratios.mean) * ratios.deviation - ratios.residual
    ginis = ratios.concentrations
    on_assessed, on_price = (
        gini_influence(values, gini, ratios.by_price) for values, gini in zip(ratios.along_prices, ginis, strict=True)
    )
    on_assessed /= each(ratios.level)
    yield "ki", ginis[0] - ginis[1], 2 / price, on_assessed - on_price
    yield "mki", mki(ratios), 2 / price / ginis[1], on_assessed - each(mki(ratios)) * on_price


def gini_influence(values: Floats, gini: Floats, order: PriceOrder) -> Floats:
    """Return E[v] / 2 times the influence of each sale on ``gini``, 2 E[v F(S)] / E[v] - 1, of values in the order of S.

    A sale moves F, the share of sales below, at every higher price by one, and at its own by a half.
    """
    segments, distinct, share = order.segments, order.distinct, (gini + 1) / 2
    onward = segments.onward(values)[order.ties.begins]
    beyond = np.append(onward[1:], 0.0)
    beyond[distinct.edges[1:] - 1] = 0
    above = (onward + beyond) / 2 - distinct.each(share * segments.sums(values))
    influence = (order.shares - distinct.each(share))[order.tie]
    influence *= values
    influence += (above / distinct.each(segments.sizes))[order.tie]
    return influence
