from datetime import date

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from support.markets import Recipe, market

from terrafusion.analysis import timing
from terrafusion.analysis.parameters import SharedParameters

RECIPE = Recipe(homes=400, periods=12, growth=0.2)


@pytest.fixture
def town(sales):
    made = market(RECIPE, seed=3)
    return sales(**{name: made[name] for name in made.columns})


def days(*given):
    return pl.Series(given, dtype=pl.Date)


def test_factors_are_those_of_a_regression_with_dummies(town):
    line = timing.timeline(town, "hedonic_time_dummy", period="month")
    month = town["sale_date"].dt.month().to_numpy()
    dummies = [month == number for number in range(2, 13)]
    zips = [(town["zip_code"] == name).to_numpy() for name in ("98101", "98102")]
    size = np.log(town["building_size_sqft"].to_numpy())
    design = np.column_stack([np.ones(town.height), *dummies, *zips, size]).astype(float)
    found = sm.OLS(np.log(town["sale_price"].to_numpy()), design).fit(cov_type="HC1")
    effects = np.concatenate([[0.0], found.params[1:12]])
    np.testing.assert_allclose(
        line.factors(town["sale_date"], date(2014, 12, 5)), np.exp(effects[11] - effects[month - 1]), rtol=1e-9
    )
    moved, error = line.estimate.difference(0, 11)
    assert (moved, error) == (pytest.approx(effects[11], rel=1e-9), pytest.approx(found.bse[11], rel=1e-9))


def test_nothing_is_extrapolated_and_it_is_said_by_how_much(town):
    line = timing.timeline(town, "hedonic_time_dummy", period="month")
    asked = days(date(2013, 11, 1), date(2014, 1, 1), date(2014, 12, 31), date(2015, 3, 1))
    assert line.beyond(asked).tolist() == [-2, 0, 0, 3]
    levels = line.levels(asked)
    assert (levels[0], levels[3]) == (levels[1], levels[2])


def test_silent_periods_lie_between_their_neighbours(town):
    silent = town.filter(~pl.col("sale_date").is_between(date(2014, 6, 1), date(2014, 7, 31)))
    line = timing.timeline(silent, "hedonic_time_dummy", period="month")
    levels = line.levels(days(*(date(2014, month, 9) for month in (5, 6, 7, 8))))
    np.testing.assert_allclose(np.diff(levels, 2), 0, atol=1e-12)


def test_a_period_of_few_sales_has_the_level_that_price_index_gives_it(ask, town):
    june = pl.col("sale_date").dt.month() == 6
    thin = town.filter(~june | (pl.int_range(pl.len()) % 40 == 0))
    sold = thin.filter(june).height
    assert 0 < sold < 10
    line = timing.timeline(thin, "hedonic_time_dummy", period="month")
    index = ask("price_index", thin, method="hedonic_time_dummy").rows
    first, then = line.levels(days(date(2014, 1, 9), date(2014, 6, 9)))
    assert then - first == pytest.approx(np.log(index.filter(period="2014-06")["index"].item() / 100), rel=1e-9)
    assert line.observations(date(2014, 6, 9)) == sold


def test_of_too_few_sales_nothing_is_known(town):
    assert not timing.timeline(town.clear(), "hedonic_time_dummy", period="month").known
    assert not timing.timeline(town.head(20), "hedonic_time_dummy", period="month").known
    bare = timing.timeline(town.with_columns(building_size_sqft=None), "hedonic_time_dummy", period="month")
    assert not bare.known
    assert [caution.code for caution in bare.warnings] == ["index_unavailable"]


def test_the_order_of_sales_changes_nothing(town):
    mixed = town.sample(fraction=1, shuffle=True, seed=1)
    asked = days(date(2014, 3, 1), date(2014, 9, 1))
    lines = [timing.timeline(given, "hedonic_time_dummy", period="quarter") for given in (town, mixed)]
    assert lines[0].levels(asked).tolist() == lines[1].levels(asked).tolist()


def test_values_refer_to_the_date_asked_for_else_to_the_last(town):
    last = town["sale_date"].max()
    assert timing.valuation_day(town, SharedParameters()) == last
    assert timing.valuation_day(town, SharedParameters(end_date="2015-06-30")) == date(2015, 6, 30)
    asked = SharedParameters(end_date="2015-06-30", valuation_date="2015-01-01")
    assert timing.valuation_day(town, asked) == date(2015, 1, 1)
    assert timing.valuation_day(town.clear(), SharedParameters()) is None
