"""What a characteristic adds to the log price: a piecewise linear curve through a few knots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats

_SHARES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_FEW_VALUES: Final = 12
_ENDS: Final = (0.0005, 0.9995)
_BEYOND: Final = 0.01
"""Share of the sales that must lie on either side of a bend."""
_LEAST_BEYOND: Final = 30
"""And how many at least."""
_FOR_BENDS: Final = 500
_TIME_SALES: Final = 300
_TIME_DAYS: Final = 28
_MOST_BENDS: Final = 24
_END_SALES: Final = 50
"""Sales below which characteristics enter as straight lines."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a curve may bend, before its heights are known."""

    ends: tuple[float, float]
    """Values beyond count as the nearer end."""
    bends: tuple[float, ...]
    typical: float
    """What an unknown value counts as."""
    partly: bool
    """Whether unknown values have an effect of their own, beside that: where there are enough of them."""

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
        partly = len(values) - len(known) >= _LEAST_BEYOND
        return cls((ends[0], ends[1]), tuple(map(float, wanted[inside])), typical, partly)

    @property
    def knots(self) -> Floats:
        """Ends and bends in order."""
        return np.array([self.ends[0], *self.bends, self.ends[1]])

    @property
    def width(self) -> int:
        """How many `columns` it has."""
        return 1 + len(self.bends) + self.partly

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
        heights: Floats = np.interp(values, self.knots, self.heights)
        return np.where(np.isnan(values), self.unknown, heights)


def time_shape(days: Codes) -> Shape:
    """Choose bends of the path of prices: as many as there are sales and time for, evenly spread over the sales.

    It is flat before and after all but a few sales: a slope drawn out over a handful would be a guess.
    """
    ordered = np.sort(days)
    few = min(_END_SALES, len(ordered) // 20)
    first, last = int(ordered[few]), int(ordered[-1 - few])
    count = min(len(ordered) // _TIME_SALES, (last - first) // _TIME_DAYS, _MOST_BENDS)
    places = np.arange(1, count) * len(ordered) // max(count, 1)
    bends = np.unique(ordered[places])
    inside = bends[(bends > first) & (bends < last)]
    middle = float(ordered[(len(ordered) - 1) // 2])
    return Shape((float(first), float(last)), tuple(map(float, inside)), middle, partly=False)
