from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from terrafusion.wording import (
    NOTHING,
    ago,
    bounds,
    compact,
    difference,
    duration,
    estimates,
    facts,
    figure,
    group_of,
    instant,
    label,
)


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (61_000.0, "median_price", "+$61,000"),
        (-61_000.0, "median_price", "-$61,000"),
        (21, "periods", "+21"),
        (1004, "index_sales", "+1,004"),
        (-0.04, "index", "0.0"),
        (6.19, "raw_change_pct", "+6.2 points"),
        (-0.179, "thin_cell_share", "-17.9 points"),
        (-5.0, "mdape", "-5.0 points"),
        (-0.21, "moran_p", "-0.210"),
        (3e-18, "moran_p", "0.000"),
        (-0.3, "median_price", "$0"),
        (2, "roll_year", "+2"),
    ],
)
def test_a_difference_tells_its_sign_and_is_in_points_between_percentages(value, name, text):
    assert difference(value, name) == text


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (None, "median_price", NOTHING),
        (450_000.4, "median_price", "$450,000"),
        (-1200.0, "difference_usd", "-$1,200"),
        (25_505_080_940, "dollar_volume", "$25.51 billion"),
        (253.8, "median_price_per_sqft", "$254"),
        (390_000.0, "median_ci_low", "$390,000"),
        (-2.345, "z_unit_price", "-2.35"),
        (12.5, "mean_log_price", "12.50"),
        (0.0312, "mom", "+3.1%"),
        (-0.0312, "yoy", "-3.1%"),
        (0.7346, "thin_cell_share", "73.5%"),
        (57.94, "constant_quality_change_pct", "+57.9%"),
        (52.9, "constant_quality_ci_low_pct", "+52.9%"),
        (12.0, "gross_adjustment_pct", "12.0%"),
        (7.108, "difference_pct_points", "+7.1 points"),
        (107.52, "index", "107.5"),
        (43313, "index_sales", "43,313"),
        (43313, "data_points_analyzed", "43,313"),
        (2014, "roll_year", "2014"),
        (17.81456, "cod", "17.81"),
        (12345.6, "weight", "12,346"),
        (5.57, "mdape", "5.6%"),
        (4.633, "naive_mape", "4.6%"),
        (81.61, "interval_coverage", "81.6%"),
        (72.3, "within_10_pct", "72.3%"),
        (8.626, "county_growth_pct_a_year", "+8.6%"),
        (0.8, "interval_level", "80%"),
        (0.999, "confidence_level", "99.9%"),
        (2 / 3, "interval_level", "66.7%"),
        (0.1241, "fsd", "12.4%"),
        (2.9e-20, "moran_p", "below 0.001"),
        (0.0021, "moran_permutation_p", "0.002"),
        (6187.4, "sales_per_year", "6,187"),
        (43313, "value", "43,313"),
        (True, "valid", "yes"),
        (False, "valid", "no"),
        (["a", 2, None], "flags", f"a, 2, {NOTHING}"),
        ([], "flags", "none"),
        ([{"a": 1}], "steps", '[{"a":1}]'),
        ({"a": [1]}, "adjustments", '{"a":[1]}'),
        ("98103", "zip_code", "98103"),
        ("", "note", NOTHING),
    ],
)
def test_a_figure_is_written_as_its_name_says(value, name, text):
    assert figure(value, name) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"),
        (0.0042, "4 ms"),
        (1.04, "1.0 s"),
        (59.94, "59.9 s"),
        (0.9999, "1.0 s"),
        (59.99, "1 min 0 s"),
        (60, "1 min 0 s"),
        (3599.6, "1 h 0 min"),
        (86399.9, "1 d 0 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds, text):
    assert duration(timedelta(seconds=seconds)) == text


def test_an_instant_is_in_utc():
    assert instant(datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))) == "2026-02-28 23:30:00 UTC"
    assert instant(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01 00:00:00 UTC"


def test_labels_are_readable():
    assert label("median_price_per_sqft") == "Median price per sq ft"
    assert label("mom") == "On the period before"
    assert label("raw_change_pct") == "Raw change"
    assert label("difference_pct_points") == "Difference"
    assert label("interval_level") == "Prediction interval"
    assert label("trimmed_cod") == "Trimmed COD"
    assert label("within_10_pct") == "Within 10%"


def test_the_ends_of_an_interval_are_found_by_their_names():
    names = {"a_change_pct", "a_ci_low_pct", "a_ci_high_pct", "median_price", "median_ci_low", "median_ci_high", "prd"}
    assert bounds("a_change_pct", names) == ("a_ci_low_pct", "a_ci_high_pct")
    assert bounds("median_price", names) == ("median_ci_low", "median_ci_high")
    assert bounds("prd", names) is None
    assert bounds("within_10_pct", {"within_10_pct_ci_low", "within_10_pct_ci_high"})


def test_an_estimate_stands_with_its_interval():
    values = {
        "prd": 1.05,
        "prd_ci_low": 1.03,
        "prd_ci_high": 1.06,
        "cod": 17.8,
        "cod_ci_low": None,
        "cod_ci_high": 19.0,
    }
    assert list(estimates(values, values)) == [("prd", "1.05", "1.03 to 1.06"), ("cod", "17.8", "")]


def test_the_ends_of_a_percentage_are_percentages():
    values = {"within_10_pct": 72.3, "within_10_pct_ci_low": 70.0, "within_10_pct_ci_high": 74.51}
    assert list(estimates(values, values)) == [("within_10_pct", "72.3%", "70.0% to 74.5%")]


def test_the_interval_of_a_median_ratio_is_no_amount():
    values = {"median": 0.9257, "median_ci_low": 0.9231, "median_ci_high": 0.928}
    assert list(estimates(values, values)) == [("median", "0.9257", "0.9231 to 0.928")]


def test_nested_values_are_flattened_and_bounded():
    assert facts({"excluded": {"too_cheap": 2}, "none": {}}) == [("Excluded: Too cheap", "2"), ("None", "none")]
    assert len(facts({str(n): n for n in range(1000)})) == 80


def test_a_tier_is_named_with_its_group():
    assert group_of({"group": "98103", "tier": 2}) == "98103, tier 2"
    assert group_of({"group": "98103", "tier": 0}) == group_of({"group": "98103"}) == "98103"


def test_what_was_left_out_is_counted_whatever_it_is_called():
    told = facts({"excluded": {"below_min_price": 115}, "latest": {"p50_price": 115.0}})
    assert told == [("Excluded: Below min price", "115"), ("Latest: Median price", "$115")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "just now"),
        (0.4, "just now"),
        (1, "1 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (7199, "1 h ago"),
        (86_400, "1 d ago"),
    ],
)
def test_how_long_ago(seconds, text):
    assert ago(timedelta(seconds=seconds)) == text


def test_a_value_on_a_line():
    assert compact({"a": [1, None]}) == '{"a":[1,null]}'
    assert compact(None) == "{}"
    assert len(compact({"a": "x" * 1000})) == 121
