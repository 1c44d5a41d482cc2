"""Towns that nobody made, with known prices of everything."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

TRUTH = {"size": 0.7, "grade": 0.08, "growth": 0.12, "east": 0.02, "noise": 0.1}
"""Elasticity of size; what a grade, two years, and a km to the east add to ln S; sd of ln S."""

KM_A_DEGREE = 111.195
WEST, SOUTH = -122.3, 47.5


def draw_town(homes: int = 1_600, *, seed: int = 0, noise: float = TRUTH["noise"]) -> pl.DataFrame:
    """Return sales of a town: 20 km x 20 km, two years, an eighth of the parcels sold twice."""
    draw = np.random.default_rng(seed)
    home = np.concatenate([np.arange(homes), draw.choice(homes, homes // 8, replace=False)])
    east, north = draw.uniform(0, 20, (2, homes))
    size, grade = np.exp(draw.normal(7.5, 0.35, homes)), draw.integers(5, 11, homes)
    day = draw.integers(0, 730, len(home))
    logs = 6 + TRUTH["size"] * np.log(size) + TRUTH["grade"] * grade + TRUTH["east"] * east
    sold = logs[home] + TRUTH["growth"] * day / 730 + draw.normal(0, noise, len(home))
    return pl.DataFrame(
        {
            "sale_id": [f"s{number:05d}" for number in range(len(home))],
            "parcel_number": [f"p{number:05d}" for number in home],
            "sale_date": (np.datetime64(date(2014, 1, 1)) + day).astype("datetime64[D]"),
            "sale_price": np.exp(sold).round(),
            "zip_code": [f"9810{int(at // 5)}" for at in north[home]],
            "latitude": SOUTH + north[home] / KM_A_DEGREE,
            "longitude": WEST + east[home] / (KM_A_DEGREE * np.cos(np.radians(47.59))),
            "building_size_sqft": size[home].round(),
            "grade": grade[home].astype(float),
            "bedrooms": draw.integers(1, 5, homes)[home].astype(float),
        }
    ).sort("sale_date", "parcel_number", "sale_id")


def worth(sales: pl.DataFrame) -> np.ndarray:
    """Return the log of what each home is worth on the last day."""
    east = (sales["longitude"].to_numpy() - WEST) * KM_A_DEGREE * np.cos(np.radians(47.59))
    size = np.log(sales["building_size_sqft"].to_numpy())
    grade = sales["grade"].to_numpy()
    return 6 + TRUTH["size"] * size + TRUTH["grade"] * grade + TRUTH["east"] * east + TRUTH["growth"]
