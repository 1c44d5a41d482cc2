"""How much prices vary inside market areas, against how much they vary inside ZIPs."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.cells import critical_value, log_interval

_EQUAL: Final = 1e-10
"""Standard deviation of logs below which values differ by rounding alone."""


class _Fit(NamedTuple):
    deviation: Floats
    squares: float
    groups: int

    @property
    def variance(self) -> float:
        return self.squares / (len(self.deviation) - self.groups)


def _fit(values: Floats, groups: Codes) -> _Fit:
    _, code = np.unique(groups, return_inverse=True)
    counts = np.bincount(code)
    deviation = values - (np.bincount(code, values) / counts)[code]
    return _Fit(deviation, float((deviation**2).sum()), len(counts))


def compared(values: Floats, areas: Codes, zips: Codes, *, confidence_level: float) -> dict[str, Any]:
    """Return the variances of values within areas and within ZIPs, and the first over the second.

    Each is a sum of squares over n less the number of groups. The ratio's interval is normal in logs, by each sale's influence
    (both come from the same sales). Where ZIPs lie in areas as a whole, F tells whether they differ inside of them.
    """
    ours, theirs = _fit(values, areas), _fit(values, zips)
    total = float(np.square(values - values.mean()).sum())
    told: dict[str, Any] = {
        "sales": len(values),
        "market_areas": ours.groups,
        "zip_codes": theirs.groups,
        "within_variance": ours.variance,
        "within_variance_zip": theirs.variance,
        "explained_pct": 100 * (1 - ours.squares / total) if total > _EQUAL**2 * len(values) else None,
        "explained_zip_pct": 100 * (1 - theirs.squares / total) if total > _EQUAL**2 * len(values) else None,
    }
    if min(ours.squares, theirs.squares) <= _EQUAL**2 * len(values):
        return told | dict.fromkeys(("ratio", "ratio_ci_low", "ratio_ci_high", "f", "f_p"))
    influence = ours.deviation**2 / ours.squares - theirs.deviation**2 / theirs.squares
    reach = critical_value(confidence_level) * math.sqrt(float((influence**2).sum()))
    ratio = ours.variance / theirs.variance
    told |= dict(zip(("ratio", "ratio_ci_low", "ratio_ci_high"), (ratio, *log_interval(ratio, reach)), strict=True))
    return told | _nested(ours, theirs, nested=_inside(zips, areas))


def _inside(zips: Codes, areas: Codes) -> bool:
    pairs = np.bincount(zips * (int(areas.max()) + 1) + areas)
    return bool(np.count_nonzero(pairs) == np.count_nonzero(np.bincount(zips)))


def _nested(ours: _Fit, theirs: _Fit, *, nested: bool) -> dict[str, float | None]:
    if not nested or theirs.groups == ours.groups:
        return {"f": None, "f_p": None}
    from scipy.special import fdtrc  # noqa: PLC0415 - slow to import

    more = theirs.groups - ours.groups
    value = (ours.squares - theirs.squares) / more / theirs.variance
    return {"f": value, "f_p": float(fdtrc(more, len(theirs.deviation) - theirs.groups, value))}
