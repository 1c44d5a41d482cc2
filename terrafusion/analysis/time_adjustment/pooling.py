"""How much of what an area tells is its own: random effects as DerSimonian and Laird (1986) estimate them."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from terrafusion.analysis.hedonic import Floats

_NOTHING: Final = 1e-14
"""A variance of logs below which there is no estimate, but a difference of a value with itself."""


class Pooled(NamedTuple):
    """Estimates of many areas, each drawn towards the county's."""

    value: Floats
    variance: Floats
    weight: Floats
    """Of an area's own estimate; 0 where it has none."""


def between_variance(own: Floats, variance: Floats) -> float:
    """Return tau^2 of the areas' true values, nan with fewer than two estimates; ``own`` is nan where there is none.

    (Q - (k - 1)) / (sum u - sum u^2 / sum u), at least 0, with u = 1 / variance and Q the u-weighted squared
    distance from the u-weighted mean (DerSimonian and Laird 1986, equation 8).
    """
    known = np.isfinite(own) & (variance > _NOTHING)
    count = int(known.sum())
    if count < 2:  # noqa: PLR2004 - one cannot differ
        return float("nan")
    precision = 1 / variance[known]
    total = float(precision.sum())
    apart = own[known] - float(precision @ own[known]) / total
    excess = float(precision @ apart**2) - (count - 1)
    return max(excess / (total - float(precision @ precision) / total), 0.0)


def pool(own: Floats, variance: Floats, county: tuple[float, float], tau2: float) -> Pooled:
    """Return w own + (1 - w) county with w = tau^2 / (tau^2 + variance), for every area.

    ``county`` is its estimate and variance. The variance of an area's true value is w variance + (1 - w)^2 that of
    the county; without an own estimate, tau^2 and that of the county. Where tau^2 is not known it is nan.
    """
    known = np.isfinite(own) & (variance > _NOTHING)
    spread = tau2 if np.isfinite(tau2) else 0.0
    weight = np.where(known, spread / (spread + np.where(known, variance, 1.0)), 0.0)
    value = weight * np.where(known, own, 0.0) + (1 - weight) * county[0]
    left = np.where(known, weight * np.where(known, variance, 0.0), tau2) + (1 - weight) ** 2 * county[1]
    return Pooled(value, np.where(np.isfinite(tau2), left, np.nan), weight)
