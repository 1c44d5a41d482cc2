"""A town that nobody made, with known prices of everything."""

from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl
import pytest

TRUTH = {"size": 0.7, "grade": 0.08, "growth": 0.12, "east": 0.02, "noise": 0.1}
"""Elasticity of size; what a grade, two years, and a km to the east add to ln S; sd of ln S."""

ASKED = ["p00007", "p00100", "p01234"]


def comps(ask, given, parcels=ASKED, **parameters):
    """Ask for the comparables of some parcels."""
    return ask("comparable_sales", given, subject_parcel_ids=list(parcels), **parameters)


@pytest.fixture(scope="session")
def draw_town() -> Callable[..., pl.DataFrame]:
    """Return the columns of a town: 20 km x 20 km, sales of two years, an eighth of the parcels sold twice."""

    def town(homes: int = 1_600, *, seed: int = 0, noise: float = TRUTH["noise"]) -> pl.DataFrame:
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
                "latitude": 47.5 + north[home] / 111.195,
                "longitude": -122.3 + east[home] / (111.195 * np.cos(np.radians(47.59))),
                "building_size_sqft": size[home].round(),
                "grade": grade[home].astype(float),
                "bedrooms": draw.integers(1, 5, homes)[home].astype(float),
            }
        ).sort("sale_date", "parcel_number", "sale_id")

    return town


@pytest.fixture
def town(draw_town, sales) -> pl.DataFrame:
    """1,800 sales in the one schema."""
    return sales(**draw_town().to_dict(as_series=False))
