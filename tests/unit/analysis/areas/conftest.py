"""A county of eighteen ZIPs in three parts that behave unlike."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

ZIPS = tuple(f"43{600 + number}" for number in range(18))
PART = np.arange(18) % 6 // 2
"""A grid of three rows and six columns; two columns make a part."""


@pytest.fixture
def county(sales):
    """Make sales: parts differ by ``apart`` in level and growth, and in size of homes; ``each`` sales a ZIP."""

    def make(each=40, *, seed=0, apart=1.0, noise=0.12, years=4, **columns):
        random = np.random.default_rng(seed)
        place = np.repeat(np.arange(18), each)
        n, part = len(place), PART[place]
        day = random.integers(0, 365 * years, n)
        size = np.round(np.exp(random.normal(7.3 + 0.15 * apart * part, 0.25, n)))
        built = random.integers(1920, 2000, n)
        logs = 6.0 + 0.8 * np.log(size) + 0.002 * (built - 1950) + 0.25 * apart * part
        logs += (0.03 + 0.04 * apart * part) * day / 365 + random.normal(0, noise, n)
        given = {
            "sale_date": [date(2010, 1, 1) + timedelta(days=int(one)) for one in day],
            "sale_price": np.round(np.exp(logs)),
            "zip_code": [ZIPS[one] for one in place],
            "neighborhood": [
                f"{ZIPS[one]}-{letter}" for one, letter in zip(place, np.tile(list("ab"), n)[:n], strict=True)
            ],
            "building_size_sqft": size,
            "year_built": built,
            "latitude": 41.5 + 0.05 * (place // 6) + random.uniform(0, 0.04, n),
            "longitude": -83.7 + 0.07 * (place % 6) + random.uniform(0, 0.06, n),
        }
        return sales(**given | columns)

    return make


@pytest.fixture
def bare(county):
    """Make the county without some columns."""

    def make(*names, **given):
        made = county(**given)
        return made.with_columns(pl.lit(None, made.schema[name]).alias(name) for name in names)

    return make
