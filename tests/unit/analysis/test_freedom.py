"""The least sales of a fit: 30 more than the parameters that it has, not more than those that it was asked for."""

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis import indexes, tiers
from terrafusion.analysis.hedonic import Sample
from terrafusion.analysis.price_forecast import series
from terrafusion.analysis.price_index.hedonic_index import Placed, time_dummy
from terrafusion.analysis.price_index.imputation import imputation
from terrafusion.analysis.price_index.repeat_sales import Options

PERIODS, LOCATIONS, KEPT = 3, 2, 1
LEAST = PERIODS + LOCATIONS - 1 + KEPT + 30
CALLED = range(36_000, 36_000 + PERIODS)


def sample(n, *, periods=PERIODS):
    """Sales of a size that tells, twice over, and a year that all share: the fit keeps one of three characteristics."""
    random = np.random.default_rng(0)
    size = random.normal(7, 0.3, n)
    price = 5 + size + random.normal(0, 0.1, n)
    place = np.arange(n)
    return Sample(price, np.sort(place % periods), place % LOCATIONS, [size, 2 * size, np.full(n, 1980.0)])


def design(n):
    made = sample(n)
    columns = {f"c{place}": row for place, row in enumerate(made.characteristics)}
    sales = pl.DataFrame(
        {"group_code": np.zeros(n, np.int32), "ordinal": made.period.astype(np.int32) + CALLED[0]}
        | {"location": made.location.astype(np.int32), "log_price": made.log_price}
        | columns
    )
    return indexes.Design(sales, tuple(columns), by_zip=True)


def dummies(n):
    return time_dummy(Placed(sample(n), np.arange(PERIODS), PERIODS), Options()).estimated.all()


def trend(n):
    rules = indexes.Rules(full=frozenset(CALLED), min_sales=1, z=1.96)
    return indexes.indices(design(n), rules, lambda done, doing: None).height == PERIODS


def forecast(n):
    return len(series.hedonic(sample(n), np.arange(PERIODS), least=1, begin=1).estimated) == PERIODS


def predicted(n):
    return tiers._predicted(design(n)) is not None


@pytest.mark.parametrize("told", [dummies, trend, forecast, predicted])
def test_as_many_sales_as_the_fit_needs_are_enough_and_one_fewer_are_not(told):
    assert told(LEAST)
    assert not told(LEAST - 1)
    assert not told(PERIODS)


def test_a_period_with_as_many_sales_as_its_own_fit_needs_is_imputed():
    """Its parameters are its locations and what is kept: 33 of one period, and one fewer."""
    least = LOCATIONS + KEPT + 30
    for n, told in ((least, [0, 1]), (least - 1, [0])):
        made = sample(2 * least, periods=2)
        kept = np.arange(2 * least) < least + n
        part = Sample(*(values[kept] for values in (made.log_price, made.period, made.location)), [])
        part = Sample(part.log_price, part.period, part.location, [row[kept] for row in made.characteristics])
        found = imputation(Placed(part, np.arange(2), 2), Options())
        assert np.flatnonzero(found.estimated).tolist() == told
