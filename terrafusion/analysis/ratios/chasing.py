"""Sales chasing: values set anew to the prices of what was sold, which makes every other measure look better."""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terrafusion.analysis.ratios.sample import ROUNDING, Ratios
from terrafusion.analysis.ratios.segments import Segments

SMALLEST: Final = 30
"""Sales below which it is not told: of 19, every sale is a step above 5%."""

_NEAR: Final = (0.98, 1.02)
_STEP: Final = 0.05


@np.errstate(divide="ignore", invalid="ignore")
def chasing_suspected(ratios: Ratios, *, level: float) -> NDArray[np.object_]:
    """Say of each group whether too many ratios lie within 2% of the level at which the county assesses.

    It is suspected when both hold: their share exceeds that of a normal with the mean and sd of all, and the
    empirical distribution has a step there of more than 5% of the sales at one ratio. None below `SMALLEST` sales, and where
    but rounding tells ratios apart: whether values follow prices or homes are alike cannot be told.
    """
    low, high = (bound * level for bound in _NEAR)
    rounding = ROUNDING * level
    is_near = (ratios.ratio >= low - rounding) & (ratios.ratio <= high + rounding)
    near = Segments.of(ratios.segments.counts(is_near))
    runs, of_group = near.runs(ratios.ratio[is_near])
    expected = [_normal(low, high, *moments) for moments in zip(ratios.mean.tolist(), ratios.sd.tolist(), strict=True)]
    suspected = (near.sizes / ratios.n > expected) & (of_group.highest(runs.sizes) / ratios.n > _STEP)
    told = suspected.astype(object)
    told[(ratios.n < SMALLEST) | (ratios.sd <= ROUNDING * ratios.mean)] = None
    return told


def _normal(low: float, high: float, mean: float, sd: float) -> float:
    """Return the share of a normal that lies between; without spread there cannot be more than it."""
    if not sd > 0:
        return 1.0
    normal = NormalDist(mean, sd)
    return normal.cdf(high) - normal.cdf(low)
