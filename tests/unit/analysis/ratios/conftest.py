"""Worked tables as sales, and what is asked of them."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).parents[4]
CARRIED = ROOT / "tests" / "data" / "ratio"
REFERENCE = ROOT.parent / "shared" / "reference" / "ratio"


@pytest.fixture(scope="session")
def table():
    """Read a worked table: appraised values and prices. Those that the project does not carry may be absent."""

    def read(name):
        path = next(
            (folder / f"{name}.csv" for folder in (CARRIED, REFERENCE) if (folder / f"{name}.csv").exists()), None
        )
        if path is None:
            pytest.skip(f"{name}.csv is not here")
        columns = pl.read_csv(path)
        value = columns["estimate" if "estimate" in columns.columns else "prediction"]
        return value.cast(pl.Float64), columns["sale_price"].cast(pl.Float64)

    return read


@pytest.fixture
def valued(sales):
    """Make sales of values and prices, one a day."""

    def make(values, prices, **columns):
        n = len(values)
        days = [date(2014, 1, 1) + timedelta(days=day) for day in range(n)]
        return sales(**{"sale_date": days, "assessed_value": values, "sale_price": prices} | columns)

    return make


@pytest.fixture
def market(valued):
    """Make sales of a market in which the ratio is lognormal around ``level`` whatever the price."""

    def make(n, *, seed=0, level=1.0, spread=0.15, **columns):
        random = np.random.default_rng(seed)
        prices = np.round(np.exp(random.normal(12, 0.5, n)), -2)
        values = np.round(prices * level * np.exp(random.normal(0, spread, n)), -1)
        return valued(values, prices, **columns)

    return make
