"""A town whose values are made to be fair, or unfair in a known way."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest


@pytest.fixture
def town(sales):
    """Make sales of homes in three ZIPs; ``bias`` is what ln r gains where value doubles, ``places`` by ZIP."""

    def make(n=600, *, seed=0, bias=0.0, places=(0.0, 0.0, 0.0), noise=0.08, **columns):
        random = np.random.default_rng(seed)
        zip_ = random.integers(0, 3, n)
        size = np.round(np.exp(random.normal(7.4, 0.3, n)))
        price = np.round(size * np.exp(4.6 + 0.2 * zip_ + random.normal(0, 0.1, n)), -2)
        wrong = bias * np.log2(price / np.median(price)) + np.array(places)[zip_] + random.normal(0, noise, n)
        given = {
            "sale_date": [date(2014, 1, 1) + timedelta(days=int(day)) for day in random.integers(0, 700, n)],
            "sale_price": price,
            "assessed_value": np.round(price * np.exp(wrong), -1),
            "zip_code": [f"4360{place}" for place in zip_],
            "property_type": ["house"] * n,
            "building_size_sqft": size,
            "year_built": random.integers(1900, 2010, n),
            "latitude": 41.6 + 0.05 * zip_ + random.uniform(0, 0.05, n),
            "longitude": -83.6 + random.uniform(0, 0.05, n),
        }
        return sales(**given | columns)

    return make


@pytest.fixture
def without(town):
    """Make the town without some columns."""

    def make(*names, **given):
        made = town(**given)
        return made.with_columns(pl.lit(None, made.schema[name]).alias(name) for name in names)

    return make
