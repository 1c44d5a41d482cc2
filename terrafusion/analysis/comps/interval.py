"""How far values are from prices: the latest sales valued as if they were subjects (as in conformal prediction).

Each is valued at its own date from earlier sales, its own residual left out of the surface; parcels sold twice are not
tried, for their other sale would speak for them. For subjects of which something is not known it is hidden of the sales
tried. The errors in logs, over the spread of each value's comparables, tell
how wide the range must be to hold a given share of prices (Papadopoulos 2008; Lei and others 2018: the rank
ceil((n + 1) level) among n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.comps.homes import Homes
from terrafusion.analysis.comps.lacking import Lacks, hidden, unknown
from terrafusion.analysis.comps.model import Model
from terrafusion.analysis.comps.reconcile import reconcile
from terrafusion.analysis.comps.search import Finder, Limits, Subjects
from terrafusion.analysis.ratios.sample import ROUNDING

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
        if n < needed(level):
            return math.nan
        return float(np.sort(np.abs(self.error) / self.spread)[math.ceil((n + 1) * level) - 1])

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


def needed(level: float) -> int:
    """Return how many sales must be valued to tell what holds that share of prices: the rank must be one of theirs."""
    return max(LEAST, math.ceil(level / (1 - level) - ROUNDING))


def trial(finder: Finder, limits: Limits, *, least: int, lacks: Lacks | None = None, code: int = 0) -> Trial:
    """Value the latest sales of the model; those with fewer than ``least`` comparables are left out.

    With ``lacks`` these are the sales that lack no more than the ``code`` says, and all that it says is hidden of them.
    """
    model: Model = finder.model
    fit = (~model.homes.parcel.is_duplicated() | model.homes.parcel.is_null()).to_numpy() & model.teaches
    if lacks is not None:
        fit &= unknown(model.homes, model.map) & lacks.mask & ~code == 0
    rows = np.flatnonzero(fit)[-MOST:]
    subjects = Subjects(Homes.of(hidden(model.sales[rows], code)), model.day[rows], rows)
    comps = finder.find(subjects, limits)
    found = reconcile(model, subjects, comps)
    valued = (comps.sale >= 0).sum(axis=1) >= max(least, 1)
    return Trial((np.log(found.value) - model.log_price[rows])[valued], found.spread[valued])


@dataclass(slots=True, kw_only=True)
class Trials:
    """The trial of sales as they are, and one for each way in which subjects lack something; each is made when it is asked for."""

    lacks: Lacks = field(kw_only=False)
    limits: Limits = field(kw_only=False)
    least: int
    level: float
    whole: Trial | None = None
    by_code: dict[int, Trial] = field(default_factory=dict)

    def reach(self, finder: Finder, subjects: Subjects) -> Floats:
        """Return of each subject how many spreads hold the share of prices; nan where that cannot be told."""
        self.whole = self.whole or trial(finder, self.limits, least=self.least)
        lack = (unknown(subjects.homes, finder.model.map) & self.lacks.mask).tolist()
        for code in sorted({*lack} & {*self.lacks.codes} - {*self.by_code}):
            self.by_code[code] = self._of(code, finder, self.whole)
        told = {code: one.reach(self.level) for code, one in self.by_code.items()}
        return np.array([told.get(code, math.nan) for code in lack])

    def _of(self, code: int, finder: Finder, whole: Trial) -> Trial:
        if self.lacks.codes == (code,):
            return whole
        return trial(finder, self.limits, least=self.least, lacks=self.lacks, code=code)

    @property
    def few(self) -> int:
        """How many sales could be valued, at most, where these are too few to tell a range."""
        valued = [len(one.error) for one in self.by_code.values()]
        return max((count for count in valued if count < needed(self.level)), default=0)
