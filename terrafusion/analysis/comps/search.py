"""The sales most like a home: near, alike as the market prices it, and recent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.comps.homes import Homes, codes_of, haversine_km
from terrafusion.analysis.comps.model import PARTS, Model
from terrafusion.analysis.hedonic import Codes, Floats

NEAR_KM: Final = 1.0
ALIKE: Final = 0.1
RECENT_YEARS: Final = 1.0
"""Differences that count as one unit of dissimilarity: of place, of log price by a characteristic, of age."""

_OTHER_TYPE: Final = 3.0
_QUALITY: Final = 0.3
"""Of the characteristics' sum in the coarse search: their difference is at most this share of the true one."""
_CANDIDATES: Final = 200
_PER_COMP: Final = 10


@dataclass(frozen=True, slots=True)
class Subjects:
    """Homes to value, each at a day."""

    homes: Homes
    day: Codes
    """Days since 1970 that values refer to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a comparable may be."""

    k: int = 5
    max_distance_km: float = 5.0
    max_age_days: int = 731
    later: bool = False
    """Whether sales after the valuation day count (for holdouts alone)."""
    latest_per_parcel: bool = True


@dataclass(frozen=True, slots=True)
class Comps:
    """The comparables of each subject, the most alike first: subjects x k, -1 and nan where there are fewer."""

    sale: Codes
    """Places among the model's sales."""
    dissimilarity: Floats
    distance_km: Floats
    """Great-circle; nan where either has no coordinates of its own."""
    parts: Floats
    """Of the subjects: what each of `PARTS` adds (subjects x parts)."""
    sale_parts: Floats
    """Of the comparables (subjects x k x parts)."""
    within: Codes
    """How many sales of all that were looked at are within the limits."""


class Finder:
    """Finds comparables among a model's sales."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._kinds = model.homes.kind.drop_nulls().unique().sort().to_list()

    def _coarse(self, places: Floats, quality: Floats, kind: pl.Series, day: Codes) -> Floats:
        """Return points whose distance is at most about the dissimilarity."""
        columns = [places / NEAR_KM, quality[:, None] / _QUALITY, day[:, None] / (365.25 * RECENT_YEARS)]
        if len(self._kinds) > 1:
            columns.append(codes_of(kind, self._kinds)[:, None] * _OTHER_TYPE)
        return np.nan_to_num(np.hstack(columns), nan=1e9)

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

        model = self.model
        points = self._coarse(model.places, model.quality, model.homes.kind, model.day)
        return cKDTree(points, balanced_tree=False, compact_nodes=False)

    @cached_property
    def _parcels(self) -> dict[str, int]:
        return {}

    def find(self, subjects: Subjects, limits: Limits) -> Comps:
        """Return each subject's ``k`` most similar sales within the limits; never a sale of its own parcel."""
        model, homes = self.model, subjects.homes
        places, located = model.map.put(homes)
        parts = model.parts(homes, places)
        quality = np.nansum(parts[:, :-1], axis=1)
        points = self._coarse(places, quality, homes.kind, subjects.day)
        count = min(max(_CANDIDATES, _PER_COMP * limits.k), len(model.log_price))
        _, found = self._tree.query(points, k=np.arange(1, count + 1))
        return self._ranked(subjects, limits, found.astype(np.int64), (places, located, parts))
    def _ranked(self, subjects: Subjects, limits: Limits, found: Codes, own: tuple[Floats, Any, Floats]) -> Comps:
        model, homes = self.model, subjects.homes
        places, located, parts = own
        flat = found.ravel()
        theirs = model.parts(_taken(model.homes, flat), model.places[flat]).reshape(*found.shape, len(PARTS))
        apart = np.nan_to_num(theirs[:, :, :-1] - parts[:, None, :-1])
        km = np.hypot(*np.moveaxis(model.places[found] - places[:, None, :], 2, 0))
        km = np.nan_to_num(km, nan=0.0)
        age = (subjects.day[:, None] - model.day[found])
        other = codes_of(homes.kind, self._kinds)[:, None] != codes_of(model.homes.kind, self._kinds)[found]
        unlike = (km / NEAR_KM) ** 2 + (apart**2).sum(axis=2) / ALIKE**2 + (age / 365.25 / RECENT_YEARS) ** 2 + other * _OTHER_TYPE**2
        circle = haversine_km(homes.latitude[:, None], homes.longitude[:, None], model.homes.latitude[found], model.homes.longitude[found])
        circle = np.where(located[:, None] & model.located[found], circle, np.nan)
        inside = np.where(np.isnan(circle), km, circle) <= limits.max_distance_km
        inside &= (np.abs(age) if limits.later else age) <= limits.max_age_days
        inside &= limits.later | (age >= 0)
        both = pl.concat([model.homes.parcel, homes.parcel]).rank("dense").to_numpy()
        parcel = both[: len(model.log_price)][found]
        mine = both[len(model.log_price) :]
        inside &= ~(parcel == mine[:, None])
        unlike = np.where(inside, unlike, np.inf)
        order = np.lexsort((found, unlike), axis=1)[:, : limits.k]
        rows = np.arange(len(found))[:, None]
        chosen = np.isfinite(unlike[rows, order])
        return Comps(
            np.where(chosen, found[rows, order], -1),
            np.where(chosen, unlike[rows, order], np.nan),
            np.where(chosen, circle[rows, order], np.nan),
            parts,
            theirs[rows, order],
            inside.sum(axis=1),
        )


def _taken(homes: Homes, rows: Codes) -> Homes:
    return Homes(
        {name: values[rows] for name, values in homes.values.items()},
        homes.kind.gather(rows),
        homes.zip_code.gather(rows),
        homes.neighborhood.gather(rows),
        homes.latitude[rows],
        homes.longitude[rows],
        homes.parcel.gather(rows),
    )
