"""Sales chasing: values set anew to the prices of what was sold, which makes every other measure look better."""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

import numpy as np

from terrafusion.analysis.ratios.sample import ROUNDING, Floats

SMALLEST: Final = 30
"""Sales below which it is not told: of 19, every sale is a step above 5%."""

_NEAR: Final = (0.98, 1.02)
_STEP: Final = 0.05


def chasing_suspected(ratio: Floats, *, level: float) -> bool | None:
    """Say whether too many ratios, sorted, lie within 2% of the level at which the county assesses.

    It is suspected when both hold: their share exceeds that of a normal with the mean and sd of all, and the
    empirical distribution has a step there of more than 5% of the sales at one ratio. None below `SMALLEST` sales.
    """
    n = len(ratio)
    if n < SMALLEST:
        return None
    low, high = (bound * level for bound in _NEAR)
    rounding = ROUNDING * level
    near = ratio[np.searchsorted(ratio, low - rounding) : np.searchsorted(ratio, high + rounding, side="right")]
    spread = float(ratio.std(ddof=1))
    if not len(near) or spread == 0:
        return False
    normal = NormalDist(float(ratio.mean()), spread)
    expected = normal.cdf(high) - normal.cdf(low)
    return bool(len(near) / n > expected and _highest_step(near) / n > _STEP)


def _highest_step(ordered: Floats) -> int:
    """Return how many equal values there are at most."""
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    return int(np.diff(np.append(starts, len(ordered))).max())
