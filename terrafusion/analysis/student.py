"""Student's t, of which numpy has no quantile."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Floats

_NEARLY_NORMAL: Final = 10_000
"""Degrees of freedom from which two terms beyond the normal quantile leave less than 1e-11."""


@lru_cache(maxsize=4096)
def critical_t(confidence_level: float, freedom: int) -> float:
    """Return the two-sided critical value: 2.0452 at 0.95 and 29 degrees of freedom; nan below 1 degree.

    Newton's method on t = sqrt(freedom) tan(angle), in which the distribution is a finite sum (Abramowitz and
    Stegun 1964, 26.7.3 and 26.7.4). The sum is concave in the angle, and the normal quantile lies below the
    root, so every step approaches it from the same side.
    """
    if freedom < 1:
        return math.nan
    z = NormalDist().inv_cdf(0.5 + confidence_level / 2)
    if freedom > _NEARLY_NORMAL:
        return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    scale = 2 / math.sqrt(math.pi) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    angle = math.atan(z / math.sqrt(freedom))
    for _ in range(100):
        step = (confidence_level - _within(angle, freedom)) / (scale * math.cos(angle) ** (freedom - 1))
        angle += step
        if step < 1e-15 * angle:
            break
    return math.sqrt(freedom) * math.tan(angle)


def critical_ts(confidence_level: float, freedom: NDArray[np.int64]) -> Floats:
    """Return the critical value of each number of degrees of freedom."""
    return np.array([critical_t(confidence_level, degrees) for degrees in freedom.tolist()])


def _within(angle: float, freedom: int) -> float:
    """Return the probability that abs(t) is below sqrt(freedom) tan(angle)."""
    cosine, odd = math.cos(angle), freedom % 2
    if freedom == 1:
        return 2 * angle / math.pi
    count = (freedom - 1) // 2 if odd else freedom // 2
    place = np.arange(1, count)
    factors = cosine**2 * (2 * place / (2 * place + 1) if odd else (2 * place - 1) / (2 * place))
    total = 1 + float(np.cumprod(factors).sum())
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * cosine * total)
    return math.sin(angle) * total
