"""Markets of a known growth."""

from datetime import date

import numpy as np
import pytest
from support.markets import Recipe, market, path

from terrafusion.analysis.api import Records
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue

RECIPE = Recipe(homes=500, periods=12, sales_per_home=2.0, growth=0.2, noise=0.08)


@pytest.fixture
def town(sales):
    """A year of one market that rises by 22%, with values that do not move."""
    made = market(RECIPE, seed=5)
    month = made["sale_date"].dt.month().to_numpy() - 1
    level = made["sale_price"].to_numpy() / np.exp(path(RECIPE)[month])
    return sales(**{name: made[name] for name in made.columns} | {"assessed_value": level})


@pytest.fixture
def county(sales):
    """Areas that move by their own: one in which much is sold, some thin ones, one whose sales are no evidence."""
    draw = np.random.default_rng(2)
    growth = {"98101": 0.3, "98102": 0.1, "98103": 0.2, "98104": 0.2, "98105": 0.2}
    area = np.repeat(list(growth), [2_000, 900, 900, 25, 4])
    month, size = draw.integers(0, 12, len(area)), draw.normal(7.5, 0.3, len(area))
    logs = 5 + size + np.array([growth[name] for name in area]) * month / 11 + draw.normal(0, 0.1, len(area))
    prices = np.exp(logs)
    prices[-4:] = 5_000.0
    return sales(
        sale_date=[date(2014, 1 + int(at), 10) for at in month],
        sale_price=prices,
        building_size_sqft=np.exp(size),
        zip_code=area,
    )


def asked_of(given, roll, profile=None, **parameters):
    """Ask of sales and of a roll beside them."""
    catalogue = load_catalogue()
    records = Records("here", "v1", given.lazy(), profile or CountyProfile(), properties=roll.lazy())
    checked = catalogue.check("time_adjustment", parameters)
    return catalogue.get("time_adjustment").compute(records, checked, lambda _done, _doing: None)
