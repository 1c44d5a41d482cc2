"""Shares of cases, and how sure they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from terrafusion.analysis.arrays import Floats


def wilson(hits: ArrayLike, n: ArrayLike, z: float) -> tuple[Floats, Floats]:
    """Return the ends of the score interval of the share of ``hits`` among ``n`` (Wilson 1927); nan of no cases."""
    some, every = np.asarray(hits, np.float64), np.asarray(n, np.float64)
    return _low(some, every, z), 1 - _low(every - some, every, z)


def _low(hits: Floats, n: Floats, z: float) -> Floats:
    """Return (h + z^2/2 - r) / (n + z^2), r = z sqrt(h (n - h) / n + z^2/4), so written that it is 0 of no hits."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = z * np.sqrt(hits * (n - hits) / n + z**2 / 4)
        low: Floats = hits**2 / n / (hits + z**2 / 2 + reach)
    return low
