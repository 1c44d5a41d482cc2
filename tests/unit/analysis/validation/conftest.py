"""Sales of one group with what a test wants to change, and the row of a sale."""

from datetime import date, timedelta

import numpy as np
import pytest


@pytest.fixture
def market(sales):
    """Make ``n`` sales of one market: ln price normal with sd ``spread``, one day after another from 2014 on."""

    def make(n=60, *, seed=0, spread=0.2, step=1, **columns):
        random = np.random.default_rng(seed)
        size = np.exp(random.normal(7.5, 0.2, n))
        plain = {
            "sale_date": [date(2014, 1, 1) + timedelta(days=step * day) for day in range(n)],
            "sale_price": np.exp(random.normal(12.5, spread, n)),
            "building_size_sqft": size,
        }
        return sales(**plain | columns)

    return make


@pytest.fixture
def judge(ask):
    """Ask for a validation; return its rows by ``sale_id``."""

    def run(given, profile=None, **parameters):
        answer = ask("sale_validation", given, profile, **parameters)
        return {row["sale_id"]: row for row in answer.rows.iter_rows(named=True)}

    return run
