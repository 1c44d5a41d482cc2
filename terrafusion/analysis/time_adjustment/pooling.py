"""How much of what an area tells is its own: random effects as DerSimonian and Laird (1986) estimate them."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from terrafusion.analysis.arrays import Flags, Floats

_NOTHING: Final = 1e-14
"""A variance of logs below which there is no estimate, but a difference of a value with itself."""


class Spread(NamedTuple):
    """The variance tau^2 of the areas' true values, and the standard error of that estimate; nan of fewer than two."""

    tau2: float = math.nan
    error: float = math.nan


class Pooled(NamedTuple):
    """Estimates of many areas, each drawn towards the county's."""

    value: Floats
    variance: Floats
    weight: Floats
    """Of an area's own estimate; 0 where it has none."""


def between(own: Floats, variance: Floats) -> Spread:
    """Estimate how areas differ; ``own`` is nan where there is no estimate.

    tau^2 = (Q - (k - 1)) / (sum u - sum u^2 / sum u), at least 0, with u = 1 / variance and Q the u-weighted squared
    distance from the u-weighted mean (DerSimonian and Laird 1986). Its error is that of Q (Biggerstaff and Tweedie
    1997).
    """
    known = _known(own, variance)
    count = int(known.sum())
    if count < 2:  # noqa: PLR2004 - one cannot differ
        return Spread()
    precision = 1 / variance[known]
    first, second, third = (float((precision**power).sum()) for power in (1, 2, 3))
    apart = own[known] - float(precision @ own[known]) / first
    scale = first - second / first
    tau2 = max((float(precision @ apart**2) - (count - 1)) / scale, 0.0)
    curved = second - 2 * third / first + second**2 / first**2
    return Spread(tau2, math.sqrt(2 * (count - 1) + 4 * scale * tau2 + 2 * curved * tau2**2) / scale)


def pool(own: Floats, variance: Floats, county: tuple[float, float], spread: Spread) -> Pooled:
    """Return w own + (1 - w) county with w = tau^2 / (tau^2 + variance), for every area.

    ``county`` is its estimate and variance. The variance of what is pooled about an area's true value is
    w^2 variance + (1 - w)^2 (tau^2 + the county's), in which tau^2 stands one standard error above its estimate: that of
    few areas is itself unsure, and taken as known would leave out one truth in seven at 95%. An area without an estimate
    of its own has w = 0. Where tau^2 is not known the county's value stands, of unknown variance.
    """
    known = _known(own, variance)
    tau2 = 0.0 if math.isnan(spread.tau2) else spread.tau2
    weight = np.where(known, tau2 / (tau2 + np.where(known, variance, 1.0)), 0.0)
    value = weight * np.where(known, own, 0.0) + (1 - weight) * county[0]
    borrowed = (1 - weight) ** 2 * (spread.tau2 + spread.error + county[1])
    return Pooled(value, weight**2 * np.where(known, variance, 0.0) + borrowed, weight)


def _known(own: Floats, variance: Floats) -> Flags:
    known: Flags = np.isfinite(own) & (variance > _NOTHING)
    return known
