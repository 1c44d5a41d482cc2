"""The sales most like a home: near, alike as the market prices it, and recent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.comps.homes import Homes, codes_of, haversine_km, on_the_map
from terrafusion.analysis.comps.model import Model
from terrafusion.analysis.comps.regression import PARTS
from terrafusion.analysis.groups import numbered

NEAR_KM: Final = 1.0
ALIKE: Final = 0.1
RECENT_YEARS: Final = 1.0
"""Differences that count as one unit: of place, of log price by one characteristic, of age."""
OTHER_TYPE: Final = 3.0
"""Units that another property type counts."""

LEAST_OUTLIER: Final = 0.5
"""Log price by which a sale must be off, at least, to be no comparable at all."""

_YEAR: Final = 365.25
_QUALITY: Final = 0.3
"""One unit of the sum of characteristics in the coarse search: the root of their number times `ALIKE`."""
_CANDIDATES: Final = 120
_PER_COMP: Final = 10
_MOST: Final = 0.8
"""Where fewer of the sales are recent enough, they have a tree of their own."""
_NOWHERE: Final = 1e9
_BEYOND: Final = 1.02
"""The map errs by less."""
_MOST_PAIRS: Final = 500_000


@dataclass(frozen=True, slots=True)
class Subjects:
    """Homes to value, each at a day."""

    homes: Homes
    day: Codes
    """Days since 1970 that values refer to."""
    rows: Codes | None = None
    """Where the subjects are sales of the model: their places, so that their own residuals are left out of the surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a comparable may be."""

    k: int = 5
    max_distance_km: float = 5.0
    max_age_days: int = 731
    candidates: int | None = None
    """How many sales the coarse search hands on; of few, the most similar are found a little less surely."""
    exclude_outlier_sd: float = 6.0
    """Sales priced farther from what the model says, in its spreads (and by more than `LEAST_OUTLIER`), are none."""
    later: bool = False
    """Whether sales after the valuation day count, as far away in time (in holdouts alone)."""


@dataclass(frozen=True, slots=True)
class Comps:
    """The comparables of each subject, the most alike first: subjects x k, -1 and nan where there are fewer."""

    sale: Codes
    """Places among the model's sales."""
    dissimilarity: Floats
    """The sum of squared units."""
    distance_km: Floats
    """Great-circle; nan where either home has no coordinates of its own."""
    km: Floats
    """By which they were chosen: the same, else as the homes' places lie on the map."""
    other_type: Flags
    parts: Floats
    """Of the subjects: what each of `PARTS` adds (subjects x parts)."""
    sale_parts: Floats
    """Of the comparables (subjects x k x parts)."""
    located: Flags
    """Which subjects lie where their own coordinates say."""
    placed: Flags
    """Which subjects lie anywhere at all."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Subjects with what the model says of them."""

    subjects: Subjects
    places: Floats
    located: Flags
    parts: Floats
    kind: Codes

    def only(self, rows: Codes) -> _Asked:
        all_ = self.subjects
        own = None if all_.rows is None else all_.rows[rows]
        subjects = Subjects(all_.homes.taken(rows), all_.day[rows], own)
        return _Asked(subjects, self.places[rows], self.located[rows], self.parts[rows], self.kind[rows])


class Finder:
    """Finds comparables among a model's sales."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._tabled = False
        self._trees: dict[tuple[int, int], Any] = {}
        self._kinds = model.homes.kind.drop_nulls().unique().sort().to_list()
        self._kind = codes_of(model.homes.kind, self._kinds)

    def find(self, subjects: Subjects, limits: Limits) -> Comps:
        """Return each subject's ``k`` most similar sales within the limits.

        Never a sale of the subject's own parcel, and of another parcel the most recent sale alone. A tree yields
        candidates, which are then compared exactly; where too few of them are within the limits, all sales within
        the distance are compared.
        """
        model, homes = self.model, subjects.homes
        places, located = model.map.put(homes)
        parts = model.parts(homes, places, without=subjects.rows)
        asked = _Asked(subjects, places, located, parts, codes_of(homes.kind, self._kinds))
        rows = self._eligible(subjects.day, limits)
        count = min(limits.candidates or max(_CANDIDATES, _PER_COMP * limits.k), len(rows))
        self._tabled |= count * len(homes) > len(model.log_price)
        step = max(_MOST_PAIRS // count, 1)
        some = [np.arange(begin, min(begin + step, len(homes))) for begin in range(0, max(len(homes), 1), step)]
        found = [self._found(asked.only(part), rows, count, limits) for part in some]
        fields = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
        return Comps(**fields, parts=parts, located=located, placed=on_the_map(places))

    def _found(self, asked: _Asked, rows: Codes, count: int, limits: Limits) -> dict[str, Any]:
        points = self._coarse(asked.places, np.nansum(asked.parts[:, :-1], axis=1), asked.kind, asked.subjects.day)
        _, places = self._tree(rows).query(points, k=np.arange(1, count + 1))
        found = self._ranked(asked, rows[places], limits)
        if count < len(self.model.log_price):
            self._widen(asked, found, limits)
        return found

    def _coarse(self, places: Floats, quality: Floats, kind: Codes, day: Codes) -> Floats:
        """Return points that are about as far apart as homes are unlike, or nearer."""
        columns = [places / NEAR_KM, quality[:, None] / _QUALITY, day[:, None] / (_YEAR * RECENT_YEARS)]
        if len(self._kinds) > 1:
            columns.append(kind[:, None].astype(np.float64) * OTHER_TYPE)
        points: Floats = np.hstack(columns)
        points[np.isnan(points)] = _NOWHERE
        return points

    def _eligible(self, days: Codes, limits: Limits) -> Codes:
        """Return the sales that may be recent enough for some subject; all where these are most."""
        day = self.model.day
        early, late = (int(days.min()), int(days.max())) if len(days) else (0, 0)
        late += limits.max_age_days if limits.later else 0
        rows = np.flatnonzero((day >= early - limits.max_age_days) & (day <= late))
        return rows if 0 < len(rows) < _MOST * len(day) else np.arange(len(day))

    def _tree(self, rows: Codes) -> Any:
        from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

        model = self.model
        key = (int(rows[0]), len(rows))
        if key not in self._trees:
            kind = self._kind[rows]
            points = self._coarse(model.places[rows], model.quality[rows], kind, model.day[rows])
            self._trees[key] = cKDTree(points, balanced_tree=False, compact_nodes=False)
        return self._trees[key]

    @cached_property
    def _map(self) -> Any:
        from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

        return cKDTree(np.nan_to_num(self.model.places, nan=_NOWHERE))

    def _widen(self, asked: _Asked, found: Mapping[str, Any], limits: Limits) -> None:
        """Look at all sales around the subjects that have too few comparables, in place."""
        short = np.flatnonzero((found["sale"] < 0).any(axis=1) & on_the_map(asked.places))
        if not len(short):
            return
        around = self._map.query_ball_point(asked.places[short], limits.max_distance_km * _BEYOND, return_sorted=True)
        sizes = np.array([len(near) for near in around], dtype=np.int64)
        by_size = np.argsort(sizes, kind="stable")
        for some in np.split(by_size, _cuts(sizes[by_size])):
            width = int(sizes[some].max(initial=0))
            if width:
                near = np.array([[*around[at], *[-1] * (width - sizes[at])] for at in some.tolist()], dtype=np.int64)
                for name, values in self._ranked(asked.only(short[some]), near, limits).items():
                    found[name][short[some]] = values

    def _ranked(self, asked: _Asked, candidates: Codes, limits: Limits) -> dict[str, Any]:
        """Return the fields of `Comps` that concern sales: the most similar candidates (-1 is none) within the limits."""
        real, candidates = candidates >= 0, np.maximum(candidates, 0)
        theirs = self._parts(asked, candidates)
        age = asked.subjects.day[:, None] - self.model.day[candidates]
        km, circle = self._distances(asked, candidates)
        inside = real & (km <= limits.max_distance_km)
        inside &= (np.abs(age) <= limits.max_age_days) & (limits.later | (age >= 0)) & self._foreign(asked, candidates)
        inside &= self._sound(limits)[candidates]
        inside &= _latest(self._parcels(candidates, inside), np.abs(age))
        theirs_kind = self._kind[candidates]
        other = (asked.kind[:, None] != theirs_kind) & (asked.kind[:, None] >= 0) & (theirs_kind >= 0)
        apart = np.nan_to_num(theirs[:, :, :-1] - asked.parts[:, None, :-1])
        unlike = (km / NEAR_KM) ** 2 + (apart**2).sum(axis=2) / ALIKE**2
        unlike += (age / (_YEAR * RECENT_YEARS)) ** 2 + other * OTHER_TYPE**2
        unlike = np.where(inside, unlike, np.inf)
        order = np.lexsort((candidates, unlike), axis=1)[:, : limits.k]
        line = np.arange(len(candidates))[:, None]
        there = np.isfinite(unlike[line, order])
        chosen = {
            "sale": np.where(there, candidates[line, order], -1),
            "dissimilarity": np.where(there, unlike[line, order], np.nan),
            "distance_km": np.where(there, circle[line, order], np.nan),
            "km": np.where(there, km[line, order], np.nan),
            "other_type": there & other[line, order],
            "sale_parts": theirs[line, order],
        }
        return {name: _padded(values, limits.k, -1 if name == "sale" else np.nan) for name, values in chosen.items()}

    def _sound(self, limits: Limits) -> Flags:
        """Say which sales are not priced absurdly."""
        bound = max(limits.exclude_outlier_sd * self.model.spread, LEAST_OUTLIER)
        sound: Flags = np.abs(self.model.residual) <= bound
        return sound

    def absurd(self, limits: Limits) -> int:
        """Return how many sales are priced so far from what the model says that they are no comparables."""
        return int((~self._sound(limits)).sum())

    def _distances(self, asked: _Asked, candidates: Codes) -> tuple[Floats, Floats]:
        """Return great-circle distances, where either home has no coordinates those on the map, and the former alone."""
        model, homes = self.model, asked.subjects.homes
        flat = model.places[candidates] - asked.places[:, None, :]
        km = np.hypot(flat[:, :, 0], flat[:, :, 1])
        theirs = model.homes.latitude[candidates], model.homes.longitude[candidates]
        circle = haversine_km(homes.latitude[:, None], homes.longitude[:, None], *theirs)
        known = asked.located[:, None] & model.located[candidates]
        circle = np.where(known, circle, np.nan)
        return np.where(known, circle, np.nan_to_num(km, nan=np.inf)), circle

    def _parts(self, asked: _Asked, candidates: Codes) -> Floats:
        """Return what `PARTS` add to the candidates' log prices; looked up where all sales are worth a table."""
        flat, rows, model = candidates.ravel(), asked.subjects.rows, self.model
        if rows is None and self._tabled:
            return np.asarray(self._table[candidates])
        without = None if rows is None else np.repeat(rows, candidates.shape[1])
        found = model.parts(model.homes.taken(flat), model.places[flat], without=without)
        return found.reshape(*candidates.shape, len(PARTS))

    @cached_property
    def _table(self) -> Floats:
        return self.model.parts(self.model.homes, self.model.places)

    def _foreign(self, asked: _Asked, candidates: Codes) -> Flags:
        """Say which candidates are sales of another parcel than the subject's."""
        own = numbered(asked.subjects.homes.parcel)
        named = asked.subjects.homes.parcel.is_not_null().to_numpy()
        foreign: Flags = (self._parcel[candidates] != own[:, None]) | ~named[:, None]
        return foreign

    @cached_property
    def _parcel(self) -> Codes:
        """A number for each sale's parcel; the sale's own place where it has none."""
        parcel = self.model.homes.parcel
        return np.where(parcel.is_not_null().to_numpy(), numbered(parcel), np.arange(len(parcel)))

    def _parcels(self, candidates: Codes, inside: Flags) -> Codes:
        """Return a number for each candidate's parcel; one that is not inside has one of its own."""
        return np.where(inside, self._parcel[candidates], candidates)


def _cuts(sizes: Codes) -> Codes:
    """Return where to cut ascending sizes, so that a part padded to its largest has at most `_MOST_PAIRS` pairs."""
    cuts, begin = [], 0
    for at, size in enumerate(sizes.tolist()):
        if at > begin and size * (at - begin + 1) > _MOST_PAIRS:
            cuts.append(at)
            begin = at
    return np.array(cuts, dtype=np.int64)


def _padded(values: Any, width: int, missing: float) -> Any:
    lacking = width - values.shape[1]
    if not lacking:
        return values
    edge = [(0, 0), (0, lacking), *((0, 0) for _ in values.shape[2:])]
    return np.pad(values, edge, constant_values=False if values.dtype == bool else missing)


def _latest(parcel: Codes, age: Codes) -> Flags:
    """Say which sale of each parcel is the most recent, subject by subject."""
    order = np.lexsort((age, parcel), axis=1)
    rows = np.arange(len(parcel))[:, None]
    again = np.zeros(parcel.shape, bool)
    sorted_ = parcel[rows, order]
    again[rows, order[:, 1:]] = sorted_[:, 1:] == sorted_[:, :-1]
    return ~again
