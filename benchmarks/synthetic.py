"""Sales that nobody made: seeded, so they are the same in every run."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import polars as pl

ZIP_CODES: Final = 60
FIRST_DAY: Final = date(2015, 1, 1)
DAYS: Final = 3652
YEARLY_GROWTH: Final = 0.05
SPREAD: Final = 0.25
"""Standard deviation of the log price that characteristics do not tell."""


def sales(count: int, *, seed: int = 0) -> pl.DataFrame:
    """Return ``count`` sales of ten years in 60 ZIPs; log price is linear in what a house is, where and when."""
    draw = np.random.default_rng(seed)
    day = draw.integers(0, DAYS, count)
    zip_code = draw.integers(0, ZIP_CODES, count)
    size = np.exp(draw.normal(7.5, 0.35, count)).round()
    bathrooms = draw.integers(2, 9, count) / 2
    built = draw.integers(1900, 2015, count)
    grade = draw.integers(4, 12, count)
    log_price = (
        6.2
        + 0.75 * np.log(size)
        + 0.05 * bathrooms
        + 0.001 * (built - 1950)
        + 0.04 * grade
        + draw.normal(0, 0.3, ZIP_CODES)[zip_code]
        + YEARLY_GROWTH * day / 365.25
        + draw.normal(0, SPREAD, count)
    )
    return pl.DataFrame(
        {
            "sale_id": np.arange(count).astype(str),
            "parcel_number": draw.integers(0, count, count).astype(str),
            "sale_date": np.datetime64(FIRST_DAY) + day,
            "sale_price": np.exp(log_price).round(-2),
            "zip_code": (98001 + zip_code).astype(str),
            "building_size_sqft": size,
            "lot_size_sqft": np.exp(draw.normal(8.8, 0.5, count)).round(),
            "year_built": built,
            "bedrooms": draw.integers(1, 6, count),
            "bathrooms": bathrooms,
            "grade": grade,
        }
    )
