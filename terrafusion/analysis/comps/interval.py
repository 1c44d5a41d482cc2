"""How far values are from prices: the latest sales valued as if they were subjects (as in conformal prediction).

Each is valued at its own date from earlier sales, its own residual left out of the surface; parcels sold twice are not
tried, for their other sale would speak for them. The errors in logs, over the spread of each value's comparables, tell
how wide the range must be to hold a given share of prices (Papadopoulos 2008; Lei and others 2018: the rank
ceil((n + 1) level) among n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.comps.model import Model
from terrafusion.analysis.comps.reconcile import reconcile
from terrafusion.analysis.comps.search import Finder, Limits, Subjects

MOST: Final = 1_000
LEAST: Final = 30
_CLOSE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Trial:
    """The latest sales, valued: ln(value / price), and the spread of each value's comparables."""

    error: Floats
    spread: Floats

    def reach(self, level: float) -> float:
        """Return how many spreads hold that share of prices; nan where too few sales were valued to tell."""
        n = len(self.error)
        rank = math.ceil((n + 1) * level)
        if n < LEAST or rank > n:
            return math.nan
        return float(np.sort(np.abs(self.error) / self.spread)[rank - 1])

    def accuracy(self) -> dict[str, float | int | None]:
        """Return n, MdAPE, COD and the share within ten per cent, all of value over price."""
        ratio = np.exp(self.error)
        if len(ratio) < LEAST:
            return {"n": len(ratio), "mdape": None, "cod": None, "within_10_pct": None}
        middle = float(np.median(ratio))
        off = np.abs(ratio - 1)
        return {
            "n": len(ratio),
            "mdape": 100 * float(np.median(off)),
            "cod": 100 * float(np.mean(np.abs(ratio - middle))) / middle,
            "within_10_pct": 100 * float(np.mean(off <= _CLOSE)),
        }


def trial(finder: Finder, limits: Limits, *, least: int) -> Trial:
    """Value the latest sales of the model; those with fewer than ``least`` comparables are left out."""
    model: Model = finder.model
    single = (~model.homes.parcel.is_duplicated() | model.homes.parcel.is_null()).to_numpy()
    rows = np.flatnonzero(single & model.teaches)[-MOST:]
    subjects = Subjects(model.homes.taken(rows), model.day[rows], rows)
    comps = finder.find(subjects, limits)
    found = reconcile(model, subjects, comps)
    valued = (comps.sale >= 0).sum(axis=1) >= max(least, 1)
    return Trial((np.log(found.value) - model.log_price[rows])[valued], found.spread[valued])
