"""The holdout: every sale valued by models that never saw its parcel, its range learned without it as well.

Sales are dealt into folds by parcel. For each fold, all is learned from the other folds alone: prices, surface, time,
comparables, trees, spread and ranges. What the trees, the spread and the ranges learn from are values of sales by models
without these in turn, for which the other folds are dealt once more. So no price has any part in its own value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.comps.holdout import folds_of
from terrafusion.analysis.comps.lacking import Lacks, hidden, lacks_of
from terrafusion.analysis.comps.model import fit
from terrafusion.analysis.comps.search import Finder, Limits
from terrafusion.analysis.valuation.learner import Learner, Spread, drawn, learn, spread_of
from terrafusion.analysis.valuation.ranges import RangesByLack, ranges_of
from terrafusion.analysis.valuation.sight import Sight, joined, look, taken

_INNER: Final = 3
"""Parts into which what is known is dealt once more."""
_TRIED: Final = 2_000
"""Sales that tell the ranges of homes that lack something, of which so many do not lack it: it is hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How values are learned."""

    limits: Limits
    folds: int
    interval_level: float
    restored_spread: float
    most: int
    """Sales that the trees see at most."""
    seed: int

    @property
    def any_time(self) -> Limits:
        """The limits of a holdout: sales after a sale's own date count as well, brought to it."""
        return replace(self.limits, later=True)


@dataclass(frozen=True, slots=True)
class Valuer:
    """What is learned of sales: how to value a home that was looked at through a model of them."""

    learner: Learner
    spread: Spread
    ranges: RangesByLack

    def values(self, sight: Sight) -> Valued:
        """Value homes."""
        learned = self.learner.adds(sight.features)
        value = self.spread.restored(sight.anchor + learned)
        low, high = self.ranges.around(value, sight)
        return Valued(value, low, high, learned)


@dataclass(frozen=True, slots=True)
class Valued:
    """Values of homes and the ends of their ranges, in logs, and what the trees added."""

    value: Floats
    low: Floats
    high: Floats
    learned: Floats


@dataclass(frozen=True, slots=True)
class View:
    """Sales that lack what a code says, and others of which it is hidden, as a model without their parcels sees them."""

    code: int
    sight: Sight
    log_price: Floats


_Seen = Sequence[tuple[View, Floats]]
"""With what trees without these sales add."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The sales as models without their parcels see and value them, in the order of the sales."""

    sight: Sight
    valued: Valued
    log_price: Floats
    lacks: Lacks
    seen: _Seen


Visit = Callable[[int, Finder, Valuer], None]
"""Is shown each fold's number, the model of the others' sales, and how to value homes that are seen through it."""


def dealt(sales: pl.DataFrame, rules: Rules) -> Codes:
    """Return the fold of each sale; all sales of a parcel lie in the same."""
    return folds_of(sales["parcel_number"], rules.folds, seed=rules.seed)


def examine(sales: pl.DataFrame, rules: Rules, visit: Visit, *, homes: pl.DataFrame | None = None) -> Trial:
    """Value every sale by what is learned without its fold; ranges are also learned for what ``homes`` lack."""
    fold, lacks = dealt(sales, rules), lacks_of(sales, homes)
    order, sights, found, seen = [], [], [], []
    for held in np.unique(fold).tolist():
        rows = np.flatnonzero(fold == held)
        known = sales.filter(pl.Series(fold != held))
        finder = Finder(fit(known))
        sight = look(finder, sales[rows], days(sales[rows]), rules.any_time)
        valuer = _learned(known, rules, lacks, round_=held)
        views = _views(finder, sales[rows], sight, rules, lacks)
        seen += [(view, valuer.learner.adds(view.sight.features)) for view in views]
        order.append(rows)
        sights.append(sight)
        found.append(valuer.values(sight))
        visit(held, finder, valuer)
    back = np.argsort(np.concatenate(order))
    valued = Valued(
        *(np.concatenate([getattr(one, name) for one in found])[back] for name in ("value", "low", "high", "learned"))
    )
    return Trial(taken(joined(sights), back), valued, log_prices(sales), lacks, seen)


def _views(finder: Finder, sales: pl.DataFrame, sight: Sight, rules: Rules, lacks: Lacks) -> Iterator[View]:
    """Yield, for each way of lacking something, the sales that lack just that, and others of which it is hidden."""
    own, log_price = sight.unknown & lacks.mask, log_prices(sales)
    for code in lacks.codes:
        same = np.flatnonzero(own == code)
        less = np.flatnonzero((own != code) & (own & ~code == 0))
        more = less[drawn(len(less), max(_TRIED // rules.folds - len(same), 0), seed=rules.seed)]
        bared = look(finder, hidden(sales[more], code), days(sales[more]), rules.any_time)
        yield View(code, joined([taken(sight, same), bared]), log_price[np.concatenate([same, more])])


def _ranges(seen: _Seen, lacks: Lacks, spread: Spread, level: float) -> RangesByLack:
    found = {}
    for code in lacks.codes:
        parts = [(view, learned) for view, learned in seen if view.code == code]
        sight = joined([view.sight for view, _ in parts])
        value = sight.anchor + np.concatenate([learned for _, learned in parts])
        log_price = np.concatenate([view.log_price for view, _ in parts])
        found[code] = ranges_of(spread.restored(value), log_price, sight, level)
    return RangesByLack(lacks.mask, found)


def valuer_of(trial: Trial, rules: Rules) -> Valuer:
    """Learn from all sales, as each is seen and valued without itself."""
    value = trial.sight.anchor + trial.valued.learned
    spread = spread_of(value, trial.log_price, rules.restored_spread)
    ranges = _ranges(trial.seen, trial.lacks, spread, rules.interval_level)
    rows = drawn(len(value), rules.most, seed=rules.seed)
    missing = (trial.log_price - trial.sight.anchor)[rows]
    return Valuer(learn(trial.sight.features[rows], missing, seed=rules.seed), spread, ranges)


def _learned(known: pl.DataFrame, rules: Rules, lacks: Lacks, *, round_: int) -> Valuer:
    """Learn from some sales, as each is seen without its part of them and valued by trees without it."""
    seed = rules.seed + round_ + 1
    part = folds_of(known["parcel_number"], _INNER, seed=seed)
    chosen = drawn(known.height, rules.most, seed=seed)
    parts = np.unique(part[chosen]).tolist()
    order = [chosen[part[chosen] == at] for at in parts]
    sights, views = [], []
    for at, rows in zip(parts, order, strict=True):
        finder = Finder(fit(known.filter(pl.Series(part != at))))
        sights.append(look(finder, known[rows], days(known[rows]), rules.any_time))
        views.append(list(_views(finder, known[rows], sights[-1], rules, lacks)))
    sight, rows = joined(sights), np.concatenate(order)
    log_price = log_prices(known)[rows]
    missing, own = log_price - sight.anchor, part[rows]
    value = sight.anchor.copy()
    seen = []
    for at, some in zip(parts, views, strict=True):
        others = own != at
        learner = learn(sight.features[others], missing[others], seed=rules.seed)
        value[~others] += learner.adds(sight.features[~others])
        seen += [(view, learner.adds(view.sight.features)) for view in some]
    spread = spread_of(value, log_price, rules.restored_spread)
    ranges = _ranges(seen, lacks, spread, rules.interval_level)
    return Valuer(learn(sight.features, missing, seed=rules.seed), spread, ranges)


def days(sales: pl.DataFrame) -> Codes:
    """Return the days of sales, counted from 1970."""
    found: Codes = sales["sale_date"].cast(pl.Int32).to_numpy().astype(np.int64)
    return found


def log_prices(sales: pl.DataFrame) -> Floats:
    """Return the logs of the prices of sales."""
    found: Floats = np.log(sales["sale_price"].to_numpy())
    return found
