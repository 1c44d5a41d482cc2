"""What comparables and the price model show of homes: the learner's features, and what an explanation is made of."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.comps.homes import Homes
from terrafusion.analysis.comps.lacking import unknown
from terrafusion.analysis.comps.model import Model
from terrafusion.analysis.comps.reconcile import Reconciled, reconcile
from terrafusion.analysis.comps.search import Comps, Finder, Limits, Subjects
from terrafusion.analysis.indexes import CHARACTERISTICS

FEATURES: Final = (
    *CHARACTERISTICS,
    "east",
    "north",
    "day",
    "characteristics",
    "location",
    "expected",
    "comparables",
    "level",
)
"""What the learner sees of a home: the last five are in log price, the last two as its comparables have it."""

_AT_ONCE: Final = 4_000


@dataclass(frozen=True, slots=True)
class Sight:
    """Homes at their valuation dates as a model of other sales shows them; nan where it does not."""

    features: Floats
    """Homes x `FEATURES`."""
    anchor: Floats
    """The log of the comparables' value; of the model's where there are none."""
    expected: Floats
    """The log of what the model says, comparables aside."""
    parts: Floats
    """What each of `terrafusion.analysis.comps.regression.PARTS` adds to it."""
    spread: Floats
    """How far the comparables' adjusted log prices lie apart."""
    sale: Codes
    """Homes x k: the comparables' places among the model's sales; -1 where there are fewer."""
    weight: Floats
    adjusted: Floats
    distance_km: Floats
    km: Floats
    """The distances by which they were chosen: where coordinates are not known, those of places on the map."""
    unknown: Codes
    """What is not known of each home, as `terrafusion.analysis.comps.lacking.unknown` tells."""

    @property
    def comparables(self) -> Codes:
        """How many there are of each home."""
        return np.asarray((self.sale >= 0).sum(axis=1))


def look(finder: Finder, homes: pl.DataFrame, day: Codes, limits: Limits) -> Sight:
    """Look at homes through a model of sales; a home's own sales are never among its comparables.

    A sale that the model has learned from must not be looked at: its price would be among what is seen of it.
    """
    parts = [
        _looked(finder, Subjects(Homes.of(homes[begin : begin + _AT_ONCE]), day[begin : begin + _AT_ONCE]), limits)
        for begin in range(0, max(len(day), 1), _AT_ONCE)
    ]
    return joined(parts)


def joined(parts: list[Sight]) -> Sight:
    """Put homes that were looked at apart together."""
    return Sight(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Sight)))


def taken(sight: Sight, rows: Codes | Flags) -> Sight:
    """Return the homes at those places."""
    return Sight(*(getattr(sight, field.name)[rows] for field in fields(Sight)))


def _looked(finder: Finder, subjects: Subjects, limits: Limits) -> Sight:
    model = finder.model
    comps = finder.find(subjects, limits)
    found = reconcile(model, subjects, comps)
    expected = np.log(found.expected)
    value = np.log(found.value)
    places, _ = model.map.put(subjects.homes)
    features = np.column_stack(
        [
            *(subjects.homes.values[name] for name in CHARACTERISTICS),
            places,
            subjects.day,
            np.nansum(comps.parts[:, :-1], axis=1),
            comps.parts[:, -1],
            expected,
            value - expected,
            _level(model, subjects, comps, found),
        ]
    )
    return Sight(
        features=features,
        anchor=np.where(np.isfinite(value), value, expected),
        expected=expected,
        parts=comps.parts,
        spread=found.spread,
        sale=comps.sale,
        weight=found.weight,
        adjusted=found.adjusted,
        distance_km=comps.distance_km,
        km=comps.km,
        unknown=unknown(subjects.homes, model.map),
    )


def _level(model: Model, subjects: Subjects, comps: Comps, found: Reconciled) -> Floats:
    """Return the weighted mean of the comparables' log prices at the valuation date, else unadjusted; nan without any."""
    sale = np.maximum(comps.sale, 0)
    dated = model.log_price[sale] + model.time(subjects.day)[:, None] - model.time(model.day)[sale]
    level: Floats = np.where((comps.sale >= 0).any(axis=1), np.nansum(found.weight * dated, axis=1), np.nan)
    return level
