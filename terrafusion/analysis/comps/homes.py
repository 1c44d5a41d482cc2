"""Homes as arrays: what is known of each, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.indexes import CHARACTERISTICS, SIZES

EARTH_KM: Final = 6371.0088
"""The mean radius (IUGG)."""

COLUMNS: Final = (
    "parcel_number",
    *CHARACTERISTICS,
    "property_type",
    "zip_code",
    "neighborhood",
    "latitude",
    "longitude",
)
"""What is read of a home, be it a sale's, a parcel's of the roll or a subject's."""

_FARTHEST_KM: Final = 250.0
"""Coordinates farther from the county's middle are a slip of the pen."""

_POLE: Final = 90.0
_AREA_APART_KM: Final = 1e4


@dataclass(frozen=True, slots=True)
class Homes:
    """Homes, each a place in all arrays; nan and empty text stand for what is not known."""

    values: dict[str, Floats]
    """Characteristics by name; sizes in logs."""
    kind: pl.Series
    """Property types."""
    zip_code: pl.Series
    neighborhood: pl.Series
    latitude: Floats
    longitude: Floats
    parcel: pl.Series

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Homes:
        """Take the `COLUMNS` of a frame; coordinates that are none (0, 0 or off the globe) are not known."""
        latitude, longitude = (_floats(frame[name]) for name in ("latitude", "longitude"))
        strange = (np.abs(latitude) > _POLE) | (np.abs(longitude) > 2 * _POLE) | ((latitude == 0) & (longitude == 0))
        texts = [frame[name].cast(pl.String) for name in ("property_type", "zip_code", "neighborhood", "parcel_number")]
        kind, zip_code, neighborhood, parcel = texts
        return cls(
            values={name: _characteristic(frame[name], name) for name in CHARACTERISTICS},
            kind=kind,
            zip_code=zip_code,
            neighborhood=neighborhood,
            latitude=np.where(strange, np.nan, latitude),
            longitude=np.where(strange, np.nan, longitude),
            parcel=parcel,
        )

    def __len__(self) -> int:
        return len(self.latitude)

    def taken(self, rows: Codes) -> Homes:
        """Return the homes at those places."""
        return Homes(
            {name: values[rows] for name, values in self.values.items()},
            self.kind.gather(rows),
            self.zip_code.gather(rows),
            self.neighborhood.gather(rows),
            self.latitude[rows],
            self.longitude[rows],
            self.parcel.gather(rows),
        )


def _floats(column: pl.Series) -> Floats:
    values: Floats = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return values


def _characteristic(column: pl.Series, name: str) -> Floats:
    values = _floats(column)
    if name in SIZES:
        return np.log(np.where(values > 0, values, np.nan))
    return np.where(np.isfinite(values), values, np.nan)


def haversine_km(latitude: Floats, longitude: Floats, to_latitude: Floats, to_longitude: Floats) -> Floats:
    """Return great-circle distances in km on a sphere of `EARTH_KM` (Sinnott 1984); degrees in, broadcast."""
    a, b = np.radians(latitude), np.radians(to_latitude)
    across = np.radians(np.asarray(to_longitude) - np.asarray(longitude))
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(across / 2) ** 2
    distance: Floats = 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return distance


@dataclass(frozen=True, slots=True)
class Places:
    """How homes are put on a flat map in km: east and north of the county's middle.

    A home without coordinates lies in the middle of its neighborhood, else of its ZIP, as the sales have it; where
    no sale has coordinates, each area is a point of its own, far from all others.
    """

    latitude: float
    longitude: float
    neighborhoods: pl.DataFrame
    zip_codes: pl.DataFrame

    @classmethod
    def of(cls, homes: Homes) -> Places:
        """Learn the middles of county, ZIPs and neighborhoods from sales."""
        known = np.isfinite(homes.latitude) & np.isfinite(homes.longitude)
        middle = (
            (float(np.median(homes.latitude[known])), float(np.median(homes.longitude[known])))
            if known.any()
            else (np.nan, np.nan)
        )
        near = known & (_flat_km(homes, middle) < _FARTHEST_KM)
        return cls(*middle, *(_middles(names, homes, near) for names in (homes.neighborhood, homes.zip_code)))

    @property
    def mapped(self) -> bool:
        """Whether any sale has coordinates."""
        return bool(np.isfinite(self.latitude))

    def put(self, homes: Homes) -> tuple[Floats, Flags]:
        """Return east and north in km (n x 2; nan where nothing tells), and which are known by coordinates."""
        if not self.mapped:
            return self._by_area(homes), np.zeros(len(homes), bool)
        known = _flat_km(homes, (self.latitude, self.longitude)) < _FARTHEST_KM
        latitude, longitude = np.where(known, homes.latitude, np.nan), np.where(known, homes.longitude, np.nan)
        for names, middles in ((homes.neighborhood, self.neighborhoods), (homes.zip_code, self.zip_codes)):
            rows = np.flatnonzero(np.isnan(latitude))
            lacking = names.gather(rows).alias("name").to_frame()
            found = lacking.join(middles, on="name", how="left", maintain_order="left")
            latitude[rows], longitude[rows] = _floats(found["latitude"]), _floats(found["longitude"])
        return _flat(latitude, longitude, (self.latitude, self.longitude)), known

    def _by_area(self, homes: Homes) -> Floats:
        """Return a point for each neighborhood, and for each ZIP of homes that tell no neighborhood."""
        place = np.full(len(homes), np.nan)
        begin = 0
        for names, middles in ((homes.neighborhood, self.neighborhoods), (homes.zip_code, self.zip_codes)):
            codes = codes_of(names, middles["name"].to_list())
            place = np.where(np.isnan(place) & (codes >= 0), (begin + codes) * _AREA_APART_KM, place)
            begin += middles.height
        return np.column_stack([place, np.zeros(len(homes))])


def _flat(latitude: Floats, longitude: Floats, middle: tuple[float, float]) -> Floats:
    """Project equirectangularly about a middle: within a county, distances err by less than one per cent."""
    degree = np.radians(1.0) * EARTH_KM
    east = (longitude - middle[1]) * degree * np.cos(np.radians(middle[0]))
    return np.column_stack([east, (latitude - middle[0]) * degree])


def _flat_km(homes: Homes, middle: tuple[float, float]) -> Floats:
    flat = _flat(homes.latitude, homes.longitude, middle)
    distance: Floats = np.hypot(flat[:, 0], flat[:, 1])
    return np.where(np.isnan(distance), np.inf, distance)


def on_the_map(places: Floats) -> Flags:
    """Say which places are known."""
    known: Flags = np.isfinite(places[:, 0] + places[:, 1])
    return known


def _middles(names: pl.Series, homes: Homes, near: Flags) -> pl.DataFrame:
    """Return the median coordinates of each area, null where no home of it has any; sorted by name."""
    table = pl.DataFrame(
        {
            "name": names,
            "latitude": pl.Series(np.where(near, homes.latitude, np.nan)).fill_nan(None),
            "longitude": pl.Series(np.where(near, homes.longitude, np.nan)).fill_nan(None),
        }
    )
    grouped = table.drop_nulls("name").group_by("name").agg(pl.col("latitude", "longitude").median())
    return grouped.sort("name")


def codes_of(names: pl.Series, known: Sequence[str]) -> Codes:
    """Return each name's place among the ``known``; -1 where it is not one of them."""
    if names.null_count() == len(names):
        return np.full(len(names), -1, np.int64)
    places = {name: place for place, name in enumerate(known)}
    codes: Codes = names.replace_strict(places, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()
    return codes
