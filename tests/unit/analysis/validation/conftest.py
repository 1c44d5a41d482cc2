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
        return {row["sale_id"]: row for row in answer.table.iter_rows(named=True)}

    return run


@pytest.fixture
def injected(sales):
    """Make a market of ten ZIPs over two years, of whose sales ``share`` were made at ``discount`` of their worth."""

    def make(n=12_000, *, seed=0, share=0.05, discount=0.4, spread=0.2):
        random = np.random.default_rng(seed)
        area = random.integers(0, 10, n)
        size = random.normal(7.5, 0.25, n)
        unfair = random.random(n) < share
        logs = 5.2 + 0.1 * area + size + random.normal(0, spread, n) + np.where(unfair, np.log(discount), 0.0)
        given = sales(
            sale_id=[f"{'unfair' if bad else 'fair'}-{sale}" for sale, bad in enumerate(unfair)],
            sale_date=[date(2014, 1, 1) + timedelta(days=int(day)) for day in random.integers(0, 730, n)],
            sale_price=np.exp(logs),
            building_size_sqft=np.exp(size),
            zip_code=[f"9810{zip_code}" for zip_code in area],
        )
        return given, int(unfair.sum())

    return make
