"""The IAAO's measures of level, uniformity and vertical equity.

Standard on Ratio Studies (IAAO 2013), Gloudemans and Almy, Fundamentals of Mass Appraisal (2011), Quintos (2020,
2021) for MKI and KI. A is the assessed value, S the price, r = A/S, m the median of r.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terrafusion.analysis.cells import FARTHEST, critical_value
from terrafusion.analysis.ratios.sample import Estimate, Floats, PriceOrder, Ratios, median_estimate, quantile
from terrafusion.analysis.student import critical_t

MEASURES: Final = ("median", "mean", "weighted_mean", "cod", "cov", "prd", "prb", "mki", "ki", "vei")
"""All of them, in the order in which they are told."""

_VEI_CONFIDENCE: Final = 0.90
_IN_LOGS: Final = ("cod", "cov")
_NO_GINI: Final = 1e-12  # of equal prices rounding leaves so much at most
_VEI_GROUPS: Final = ((20, 2), (51, 4), (501, 10))
"""From how many sales on how many groups."""


def measures(ratios: Ratios, confidence_level: float) -> dict[str, Estimate]:
    """Return `MEASURES` and ``vei_significance``; here without intervals are cod, cov, prd, mki and ki."""
    if not len(ratios):
        return dict.fromkeys((*MEASURES, "vei_significance"), Estimate())
    gini_assessed, gini_price = ratios.concentrations
    vei, significance = vertical_equity(ratios, confidence_level)
    return {
        "median": median_estimate(ratios.ratio, confidence_level),
        "mean": mean(ratios, confidence_level),
        "weighted_mean": weighted_mean(ratios, confidence_level),
        "cod": Estimate(cod(ratios)),
        "cov": Estimate(cov(ratios)),
        "prd": Estimate(prd(ratios)),
        "prb": prb(ratios, confidence_level),
        "mki": Estimate(gini_assessed / gini_price if gini_price > _NO_GINI else math.nan),
        "ki": Estimate(gini_assessed - gini_price),
        "vei": vei,
        "vei_significance": Estimate(significance),
    }


def mean(ratios: Ratios, confidence_level: float) -> Estimate:
    """Return the mean of r with its t-interval."""
    n = len(ratios)
    return _around(ratios.mean, critical_t(confidence_level, n - 1) * ratios.sd / math.sqrt(n))


def weighted_mean(ratios: Ratios, confidence_level: float) -> Estimate:
    """Return sum A / sum S with the t-interval of a ratio estimator (Cochran 1977, 6.4; Gloudemans 1999)."""
    n, (values, prices) = len(ratios), ratios.totals
    level = values / prices
    squares = float(((ratios.assessed - level * ratios.price) ** 2).sum())
    error = math.sqrt(n / (n - 1) * squares) / prices if n > 1 else math.nan
    return _around(level, critical_t(confidence_level, n - 1) * error)


def cod(ratios: Ratios) -> float:
    """Return the coefficient of dispersion, 100 mean|r - m| / m: lower is more uniform."""
    return 100 * ratios.dispersion / ratios.median


def cov(ratios: Ratios) -> float:
    """Return the coefficient of variation, 100 sd(r) / mean(r), sd with n - 1; nan of one sale."""
    return 100 * (ratios.sd / ratios.mean)


def prd(ratios: Ratios) -> float:
    """Return the price-related differential, mean(r) / (sum A / sum S): above 1 is regressive."""
    values, prices = ratios.totals
    return ratios.mean / (values / prices)


def prb(ratios: Ratios, confidence_level: float) -> Estimate:
    """Return the price-related bias with its t-interval: -0.05 says that ratios fall by 5% where value doubles.

    It is the slope of (r - m)/m on log2(0.5 S + 0.5 A/m), by least squares.
    """
    return slope(np.log2(ratios.proxy), ratios.ratio / ratios.median - 1, confidence_level)


def slope(x: Floats, y: Floats, confidence_level: float) -> Estimate:
    """Return the slope of y on x by least squares with its t-interval; nan where x does not vary."""
    n = len(x)
    if n < 2 or x.max() == x.min():  # noqa: PLR2004 - a line needs two points
        return Estimate()
    across, up = x - x.mean(), y - y.mean()
    squares = float((across**2).sum())
    steep = float((across * up).sum()) / squares
    freedom = n - 2
    up -= steep * across
    rest = float((up**2).sum())
    error = math.sqrt(rest / freedom / squares) if freedom else math.nan
    return _around(steep, critical_t(confidence_level, freedom) * error)


def vertical_equity(ratios: Ratios, confidence_level: float) -> tuple[Estimate, float]:
    """Return the vertical equity indicator and its significance, both in per cent of m.

    The sales are cut into groups at quantiles of type 7 of their `proxy`, a sale on a cut goes to the lower one.
    The indicator is the median of the highest group less that of the lowest; its interval joins those of the two
    medians (MOVER, Zou and Donner 2008). The significance is the distance between the 90% intervals of the
    groups with the highest and the lowest median: above 0 they are apart.
    """
    groups = _value_groups(ratios)
    if len(groups) < 2 or not all(map(len, groups)):  # noqa: PLR2004 - two to compare
        return Estimate(), math.nan
    scale = 100 / ratios.median
    first, last = (median_estimate(group, confidence_level) for group in (groups[0], groups[-1]))
    apart = last.value - first.value
    below = math.hypot(last.value - last.low, first.high - first.value)
    above = math.hypot(last.high - last.value, first.value - first.low)
    medians = [quantile(group, 1, 2) for group in groups]
    ends = (groups[medians.index(choose(medians))] for choose in (max, min))
    highest, lowest = (median_estimate(group, _VEI_CONFIDENCE) for group in ends)
    vei = Estimate(scale * apart, scale * (apart - below), scale * (apart + above))
    return vei, scale * (highest.low - lowest.high)


def _value_groups(ratios: Ratios) -> list[Floats]:
    """Return each group's ratios, sorted; groups by ascending value, none below 20 sales."""
    parts = max((parts for least, parts in _VEI_GROUPS if len(ratios) >= least), default=0)
    if not parts:
        return []
    group = value_groups(ratios.proxy, parts)
    places = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=parts)).tolist()
    ordered = ratios.ratio[places]
    return [ordered[begin:end] for begin, end in pairwise([0, *ends])]


def value_groups(value: Floats, parts: int) -> NDArray[np.uint8]:
    """Return the group of each sale, from 0 to ``parts`` - 1, by ascending value; a value on a cut is in the lower one.

    The cut at the quantile j/k lies at or above the value of rank 1 + (n - 1) j // k and below the next greater
    one, so to compare with that value is to compare with the cut, without rounding.
    """
    ranks = [(len(value) - 1) * part // parts for part in range(1, parts)]
    group = np.zeros(len(value), np.uint8)
    for cut in np.sort(value)[ranks]:
        group += value > cut
    return group


def analytic_intervals(ratios: Ratios, confidence_level: float) -> dict[str, tuple[float, float]]:
    """Return normal intervals of cod, cov (both in logs), prd, mki and ki from each sale's influence on them.

    The infinitesimal jackknife (Efron 1982, chapter 6): an estimate's variance is the mean square of the influences
    over n. The density at the median, which COD needs, is read off the median's own interval.
    """
    z = critical_value(confidence_level)
    found = {}
    for name, (value, influence) in _influences(ratios, confidence_level).items():
        reach = z * math.sqrt(float((influence**2).sum())) / len(ratios)
        if name in _IN_LOGS and value > 0:
            factor = math.exp(min(reach / value, FARTHEST))
            found[name] = (value / factor, value * factor)
        else:
            found[name] = (value - reach, value + reach)
    return found


def _influences(ratios: Ratios, confidence_level: float) -> dict[str, tuple[float, Floats]]:
    middle, centre, n = ratios.median, ratios.mean, len(ratios)
    told = median_estimate(ratios.ratio, confidence_level)
    spread = (told.high - told.low) / (2 * critical_value(confidence_level)) * math.sqrt(n)
    dispersion, variance = ratios.dispersion, ratios.squares / n
    on_median = spread * np.sign(ratios.ratio - middle)
    deviated = math.sqrt(variance)
    on_deviation = (ratios.square_deviation - variance) / (2 * deviated) if deviated > 0 else np.zeros(n)
    values, prices = ratios.totals
    on_level = ratios.assessed / (values / n) - ratios.price / (prices / n)
    return {
        "cod": (cod(ratios), 100 * (ratios.scatter - dispersion - dispersion / middle * on_median) / middle),
        "cov": (cov(ratios), 100 * (on_deviation - deviated / centre * ratios.deviation) / centre),
        "prd": (prd(ratios), prd(ratios) * (ratios.deviation / centre - on_level)),
        **_gini_influences(ratios),
    }


def _gini_influences(ratios: Ratios) -> dict[str, tuple[float, Floats]]:
    """Tell the influences in the order of prices."""
    assessed, price = ratios.concentrations
    on_assessed, on_price = (gini_influence(values, ratios.by_price) for values in ratios.along_prices)
    found = {"ki": (assessed - price, on_assessed - on_price)}
    if price > _NO_GINI:
        mki = assessed / price
        found["mki"] = (mki, (on_assessed - mki * on_price) / price)
    return found


def gini_influence(ordered: Floats, order: PriceOrder) -> Floats:
    """Return the influence of each sale on 2 E[v F(S)] / E[v] - 1, of values in the order of S.

    A sale moves F, the share of sales below, at every higher price by one, and at its own by a half.
    """
    n, centre = len(ordered), float(ordered.sum()) / len(ordered)
    influence: Floats = ordered * order.shares
    theta = float(influence.sum()) / n
    tied = ordered if order.blocks is None else np.add.reduceat(ordered, order.starts)
    above = np.cumsum(tied)
    np.subtract(above[-1], above, out=above)
    above += tied / 2
    above /= n
    influence += above if order.blocks is None else above[order.blocks]
    influence -= theta / centre * ordered
    influence -= theta
    influence *= 2 / centre
    return influence


def _around(centre: float, reach: float) -> Estimate:
    return Estimate(centre, centre - reach, centre + reach)
