import math

import polars as pl
import pytest

from terrafusion.analysis.comparison import compare

KINDS = dict.fromkeys(
    ("median_price", "median_ci_low", "median_ci_high", "index", "index_ci_low", "index_ci_high"), pl.Float64
)


def points(*rows):
    names = ["group", "period", "partial", "sales_volume", *KINDS]
    return pl.DataFrame(list(rows), schema=names, schema_overrides=KINDS, orient="row")


def only(*rows):
    return compare(points(*rows)).row(0, named=True)


FIRST = ("a", "1", False, 20, 100.0, 90.0, 105.0, 100.0, 100.0, 100.0)
LAST = ("a", "2", False, 30, 120.0, 110.0, 140.0, 107.0, 102.0, 112.0)


def test_the_two_changes_and_their_difference():
    found = only(FIRST, LAST)
    assert (found["first_period"], found["last_period"], found["sales"], found["periods"]) == ("1", "2", 50, 2)
    assert found["raw_change_pct"] == pytest.approx(20)
    assert found["constant_quality_change_pct"] == pytest.approx(7)
    assert (found["constant_quality_ci_low_pct"], found["constant_quality_ci_high_pct"]) == pytest.approx((2, 12))
    assert found["difference_pct_points"] == pytest.approx(13)


def test_the_raw_interval_joins_the_medians_intervals():
    moved = math.log(1.2)
    low = moved - math.hypot(math.log(120 / 110), math.log(105 / 100))
    high = moved + math.hypot(math.log(140 / 120), math.log(100 / 90))
    found = only(FIRST, LAST)
    assert found["raw_change_ci_low_pct"] == pytest.approx(100 * math.expm1(low))
    assert found["raw_change_ci_high_pct"] == pytest.approx(100 * math.expm1(high))


def test_partial_and_suppressed_periods_and_those_without_an_index_are_passed_over():
    partial = ("a", "0", True, 20, 50.0, 40.0, 60.0, 90.0, 80.0, 95.0)
    hidden = ("a", "3", False, 2, None, None, None, None, None, None)
    unindexed = ("a", "4", False, 20, 500.0, 400.0, 600.0, None, None, None)
    found = only(partial, FIRST, LAST, hidden, unindexed)
    assert (found["first_period"], found["last_period"]) == ("1", "2")
    assert (found["sales"], found["periods"]) == (92, 5)


def test_a_group_without_an_index_still_has_its_raw_change():
    found = only((*FIRST[:7], None, None, None), (*LAST[:7], None, None, None))
    assert found["raw_change_pct"] == pytest.approx(20)
    assert (found["constant_quality_change_pct"], found["difference_pct_points"]) == (None, None)


def test_one_full_period_tells_no_change():
    found = only(FIRST)
    assert (found["sales"], found["first_period"], found["raw_change_pct"]) == (20, None, None)
