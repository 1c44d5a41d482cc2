"""The learner: what boosted trees add to the comparables' value, and how values get back the spread they lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats

_TREES: Final = {
    "loss": "absolute_error",
    "learning_rate": 0.1,
    "max_leaf_nodes": 12,
    "min_samples_leaf": 20,
    "max_features": 0.5,
    "early_stopping": False,
}
"""Least absolute errors of the log price: values are medians of prices, as a level of 1 demands (IAAO)."""
_ROUNDS: Final = (50, 300)
_PER_ROUND: Final = 20
"""Few sales bear few trees: one for so many sales, within these bounds."""

_ABSURD: Final = 6.0
_MAD_OF_NORMAL: Final = 0.6745
"""The median absolute deviation of a standard normal."""


@dataclass(frozen=True, slots=True)
class Learner:
    """Boosted regression trees (Friedman 2001; histograms as in Ke and others 2017) on features of homes."""

    trees: Any
    told: Codes
    """The features that are known of any home."""

    def adds(self, features: Floats) -> Floats:
        """Return what is added to the log of the comparables' value, of no home nothing; on one thread, as `learn`."""
        if not len(features):
            return np.zeros(0)
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 - slow to import

        with threadpool_limits(1):
            found: Floats = self.trees.predict(features[:, self.told])
        return found


def learn(features: Floats, missing: Floats, *, seed: int) -> Learner:
    """Learn what log prices are beyond the anchor, on one thread: the same bytes whatever the machine has.

    `Analysis.answer` pins what is loaded when it begins; scikit-learn comes with an OpenMP of its own, and later.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - slow to import
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - slow to import

    told = np.flatnonzero(np.isfinite(features).any(axis=0))
    rounds = int(np.clip(len(missing) // _PER_ROUND, *_ROUNDS))
    with threadpool_limits(1):
        trees = HistGradientBoostingRegressor(**_TREES, max_iter=rounds, random_state=seed)
        trees.fit(features[:, told], missing)
    return Learner(trees, told)


@dataclass(frozen=True, slots=True)
class Spread:
    """How values are moved away from their centre."""

    centre: float
    factor: float

    def restored(self, value: Floats) -> Floats:
        """Return log values with their spread."""
        moved: Floats = self.centre + self.factor * (value - self.centre)
        return moved


def spread_of(value: Floats, log_price: Floats, share: float) -> Spread:
    """Learn from values of sales that took no part in learning (logs) how much less they spread than prices.

    The best forecast spreads less than what it forecasts, since it leaves out what it cannot know: cheap homes are
    valued too high and dear ones too low, which the price-related bias shows. Values that spread as prices do have none,
    at the cost of larger errors; ``share`` of the difference, in logs, is given back. Errors beyond six standard deviations
    (MAD / .6745) count as six: an absurd price stretches nothing.
    """
    centre, error = float(np.median(value)), log_price - value
    reach = _ABSURD * float(np.median(np.abs(error - np.median(error)))) / _MAD_OF_NORMAL
    mine, theirs = float(np.std(value)), float(np.std(value + np.clip(error, -reach, reach)))
    return Spread(centre, (theirs / mine) ** share if mine > 0 and theirs > 0 else 1.0)


def drawn(count: int, most: int, *, seed: int) -> Codes:
    """Return the places of at most so many of ``count`` sales, drawn by the seed, in order."""
    if count <= most:
        return np.arange(count)
    chosen: Codes = np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
    return chosen
