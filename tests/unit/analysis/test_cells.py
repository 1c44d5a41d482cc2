import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terrafusion.analysis.cells import critical_value, figures, log_interval

PRICES = st.lists(st.integers(10_000, 5_000_000), min_size=1, max_size=60)


def cell(prices, unit_prices=None, level=0.95):
    prices = list(prices)
    units = unit_prices or [None] * len(prices)
    frame = pl.DataFrame(
        {"g": 0, "sale_price": prices, "unit_price": units},
        schema_overrides={"unit_price": pl.Float64, "sale_price": pl.Float64},
    )
    return figures(frame, ["g"], confidence_level=level).row(0, named=True)


@given(PRICES)
def test_quantiles_are_type_7_and_sums_are_exact(prices):
    found = cell(prices)
    assert found["sales_volume"] == len(prices)
    assert found["dollar_volume"] == sum(prices)
    assert found["average_price"] == pytest.approx(np.mean(prices), rel=1e-12)
    wanted = np.quantile(prices, [0.25, 0.5, 0.75])
    assert [found["p25"], found["median_price"], found["p75"]] == pytest.approx(list(wanted), rel=1e-12)


@given(PRICES, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_interval_is_of_order_statistics(prices, level):
    found, n, z = cell(prices, level=level), len(prices), critical_value(level)
    ranks = math.ceil(n / 2 - z * math.sqrt(n) / 2), math.floor(1 + n / 2 + z * math.sqrt(n) / 2)
    ordered = sorted(prices)
    wanted = [ordered[rank - 1] if 1 <= rank <= n and 1 - 2 ** (1 - n) >= level else None for rank in ranks]
    assert [found["median_ci_low"], found["median_ci_high"]] == wanted


def test_below_six_sales_there_is_no_95_percent_interval():
    five = cell(range(10_001, 10_006))
    assert (five["median_ci_low"], five["median_ci_high"]) == (None, None)
    six = cell(range(10_001, 10_007))
    assert (six["median_ci_low"], six["median_ci_high"]) == (10_001, 10_006)


def test_the_unit_price_is_the_median_of_each_sales_own():
    assert cell([100_000, 200_000, 900_000], [100.0, 250.0, None])["median_price_per_sqft"] == 175.0


SALES = st.tuples(
    st.sampled_from(["a", "b", "c"]), st.integers(-3, 3), st.integers(1, 99), st.none() | st.integers(1, 9)
)


@given(st.lists(SALES, max_size=60))
def test_every_cell_is_as_if_it_were_alone(sales):
    """Whatever keys tell cells apart, and in whatever order their sales stand; without sales there are none."""
    kinds = {"g": pl.String, "t": pl.Int32, "sale_price": pl.Float64, "unit_price": pl.Float64}
    told = figures(pl.DataFrame(sales, kinds, orient="row"), ["g", "t"], confidence_level=0.8)
    cells = sorted({sale[:2] for sale in sales})
    assert told.select("g", "t").rows() == cells
    for key, row in zip(cells, told.drop("g", "t").rows(named=True), strict=True):
        own = [sale[2:] for sale in sales if sale[:2] == key]
        alone = cell([price for price, _ in own], [unit for _, unit in own], level=0.8)
        assert row == {name: value for name, value in alone.items() if name != "g"}


def test_z():
    assert critical_value(0.95) == pytest.approx(1.959963984540054, abs=1e-12)


def test_an_interval_in_logs_is_cut_before_it_overflows():
    low, high = log_interval(2.0, 1e6)
    assert 0 < low < 2.0 < high < float("inf")
    assert log_interval(2.0, 0.5) == (2.0 * math.exp(-0.5), 2.0 * math.exp(0.5))
