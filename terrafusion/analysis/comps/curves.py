"""What a characteristic adds to the log price: a piecewise linear curve through a few knots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from terrafusion.analysis.hedonic import Codes, Floats

_SHARES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_FEW_VALUES: Final = 12
_ENDS: Final = (0.0005, 0.9995)
_BEYOND: Final = 0.01
"""Share of the sales that must lie on either side of a bend."""
_LEAST_BEYOND: Final = 30
_FOR_BENDS: Final = 500
"""Sales below which characteristics enter as straight lines."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a curve may bend, before its heights are known."""

    ends: tuple[float, float]
    """Values beyond count as the nearer end."""
    bends: tuple[float, ...]
    typical: float
    """What an unknown value counts as, beside an effect of its own."""
    partly: bool
    """Whether some values are unknown."""

    @classmethod
    def of(cls, values: Floats) -> Shape:
        """Choose ends and bends by how the known ``values`` lie."""
        known = np.sort(values[np.isfinite(values)])
        ends = tuple(float(at) for at in np.quantile(known, _ENDS))
        distinct = np.unique(known)
        wanted = distinct if len(distinct) <= _FEW_VALUES else np.unique(np.quantile(known, _SHARES))
        least = max(_LEAST_BEYOND, _BEYOND * len(known))
        enough = (np.searchsorted(known, wanted, "left") >= least) & (
            len(known) - np.searchsorted(known, wanted, "right") >= least
        )
        inside = (wanted > ends[0]) & (wanted < ends[1]) & enough & (len(known) >= _FOR_BENDS)
        typical = float(known[(len(known) - 1) // 2])
        return cls((ends[0], ends[1]), tuple(map(float, wanted[inside])), typical, len(known) < len(values))

    @property
    def knots(self) -> Floats:
        """Ends and bends in order."""
        return np.array([self.ends[0], *self.bends, self.ends[1]])

    def columns(self, values: Floats) -> list[Floats]:
        """Return the regressors: the value, how far it lies beyond each bend, and whether it is unknown."""
        lacking = ~np.isfinite(values)
        held = np.clip(np.where(lacking, self.typical, values), *self.ends)
        found = [held, *(np.maximum(held - bend, 0.0) for bend in self.bends)]
        return [*found, lacking.astype(np.float64)] if self.partly else found

    def curve(self, slopes: Floats) -> Curve:
        """Return the curve for the coefficients of `columns`, 0 at the typical value."""
        bent = slopes[: 1 + len(self.bends)]
        knots = self.knots
        rises = [knots, *(np.maximum(knots - bend, 0.0) for bend in self.bends)]
        heights = bent @ np.array(rises)
        heights = heights - np.interp(self.typical, knots, heights)
        return Curve(knots, heights, float(slopes[-1]) if self.partly else 0.0)


@dataclass(frozen=True, slots=True)
class Curve:
    """Heights in log price at knots; flat beyond them."""

    knots: Floats
    heights: Floats
    unknown: float
    """The height of an unknown value."""

    def at(self, values: Floats) -> Floats:
        """Return the height at each value."""
        lacking = ~np.isfinite(values)
        heights: Floats = np.interp(np.where(lacking, 0.0, values), self.knots, self.heights)
        return np.where(lacking, self.unknown, heights)


def time_knots(days: Codes, *, least: int, apart: int) -> Shape:
    """Choose bends of the path of prices: ``least`` sales and ``apart`` days between neighbours."""
    ordered = np.sort(days)
    bends: list[float] = []
    last, seen = ordered[0], 0
    for day, count in zip(*np.unique(ordered, return_counts=True), strict=True):
        seen += int(count)
        left = len(ordered) - np.searchsorted(ordered, day, "right")
        if seen >= least and day - last >= apart and left >= least and ordered[-1] - day >= apart:
            bends.append(float(day))
            last, seen = day, 0
    middle = float(ordered[(len(ordered) - 1) // 2])
    return Shape((float(ordered[0]), float(ordered[-1])), tuple(bends), middle, partly=False)
