from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.document import render

KIND = "time_adjustment"
QUICK = settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("method", ["regression", "robust", "ratio_trend", "stratified_median"])
@QUICK
@given(seed=st.integers(0, 1_000))
def test_the_order_of_the_records_changes_no_byte(ask, town, method, seed):
    mixed = town.sample(fraction=1, shuffle=True, seed=seed)
    both = [render(ask(KIND, given, method=method, group_by="zip_code")) for given in (town, mixed)]
    assert both[0].sha256 == both[1].sha256
    assert both[0].document == both[1].document


@pytest.mark.parametrize("method", ["regression", "robust", "ratio_trend"])
@QUICK
@given(factor=st.floats(0.5, 20))
def test_scaling_prices_moves_no_factor(ask, town, method, factor):
    scaled = town.with_columns(pl.col("sale_price", "assessed_value") * factor)
    rows = [
        ask(KIND, given, method=method, group_by="zip_code", sale_filter={"min_price": 0}).rows
        for given in (town, scaled)
    ]
    assert_frame_equal(*rows, rel_tol=1e-6, abs_tol=1e-7)


@QUICK
@given(price=st.sampled_from([-5.0, 0.0, 9_999.0, 5e12]))
def test_a_sale_that_is_excluded_changes_nothing(ask, town, sales, price):
    one = sales(sale_id=["x"], parcel_number=["p000001"], sale_date=[date(2014, 6, 9)], sale_price=[price])
    plain, more = (ask(KIND, given) for given in (town, pl.concat([town, one])))
    assert plain.table.equals(more.table)
    assert more.data_quality["read"] == more.data_quality["used"] + 1
