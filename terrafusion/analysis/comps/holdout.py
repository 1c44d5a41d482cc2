"""How good values are where the price is known: every sale valued by a model that never saw its parcel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.comps.homes import Homes
from terrafusion.analysis.comps.model import fit
from terrafusion.analysis.comps.reconcile import reconcile
from terrafusion.analysis.comps.search import Finder, Limits, Subjects


@dataclass(frozen=True, slots=True)
class Held:
    """Values of sales at their own dates, in the order of the sales; nan where there are no comparables."""

    value: Floats
    expected: Floats
    """What the price model alone says."""
    spread: Floats


def folds_of(parcels: pl.Series, count: int, *, seed: int) -> Codes:
    """Deal parcels into ``count`` folds, so that all sales of one lie in the same; seeded, whatever the order."""
    named = parcels.unique().sort()
    dealt = np.random.default_rng(seed).permutation(len(named)) % count
    return np.asarray(dealt[parcels.cast(pl.Enum(named)).to_physical().to_numpy()], dtype=np.int64)


def holdout(sales: pl.DataFrame, folds: Codes, limits: Limits) -> Held:
    """Value the sales of each fold by a model of the others' sales; every parcel's sales lie in one fold."""
    held = Held(*(np.full(sales.height, np.nan) for _ in range(3)))
    for fold in range(int(folds.max()) + 1):
        out = np.flatnonzero(folds == fold)
        found = valued(sales.filter(pl.Series(folds != fold)), sales[out], limits)
        held.value[out], held.expected[out], held.spread[out] = found.value, found.expected, found.spread
    return held


def valued(known: pl.DataFrame, asked: pl.DataFrame, limits: Limits) -> Held:
    """Value the sales ``asked``, each at its own date, by a model of those ``known``."""
    model = fit(known)
    day = asked["sale_date"].cast(pl.Int32).to_numpy().astype(np.int64)
    subjects = Subjects(Homes.of(asked), day)
    found = reconcile(model, subjects, Finder(model).find(subjects, limits))
    return Held(found.value, found.expected, found.spread)
