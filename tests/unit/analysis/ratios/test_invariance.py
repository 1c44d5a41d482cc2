"""What must not change an answer: order, scale, sales that are not used."""

import json
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.document import render

STUDY = "ratio_study"
WHOLE = {"bootstrap_iterations": 100, "sale_filter": {"min_price": 0}, "min_sales": 3, "trim": "iqr1.5"}
LEVELS = [
    f"{prefix}{name}{end}"
    for prefix in ("", "trimmed_")
    for name in ("median", "mean", "weighted_mean")
    for end in ("", "_ci_low", "_ci_high")
]
VERDICTS = ["median_verdict", "trimmed_median_verdict", "chasing_suspected"]
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

PAIRS = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from(["43617", "43618"])), min_size=1, max_size=90
)


def file(answer):
    return render(answer).sha256


@few
@given(PAIRS, st.integers(0, 1000))
def test_the_order_of_the_records_does_not_show(ask, valued, pairs, seed):
    values, prices, places = zip(*pairs, strict=True)
    sales = valued([v * 1e4 for v in values], [p * 1e4 for p in prices], zip_code=list(places))
    mixed = sales.sample(fraction=1, shuffle=True, seed=seed)
    assert file(ask(STUDY, sales, group_by="zip_code", **WHOLE)) == file(
        ask(STUDY, mixed, group_by="zip_code", **WHOLE)
    )


MONEY = st.floats(1e-2, 1e12)


@few
@given(st.lists(st.tuples(MONEY, MONEY), min_size=1, max_size=60), st.sampled_from(["bootstrap", "analytic"]))
def test_absurd_values_are_no_failure(ask, valued, pairs, method):
    values, prices = zip(*pairs, strict=True)
    answer = ask(STUDY, valued(values, prices), **WHOLE | {"min_sales": 1}, interval_method=method)
    row = answer.rows.row(0, named=True)
    assert row["n"] == len(pairs)
    assert min(v / p for v, p in pairs) <= row["median"] <= max(v / p for v, p in pairs)
    assert row["median_verdict"] in {"met", "statistically met", "not met", None}
    json.dumps(render(answer).document, allow_nan=False)


@few
@given(PAIRS, st.sampled_from([0.25, 2.0, 1024.0]))
def test_values_and_prices_scaled_together_change_nothing(ask, valued, pairs, factor):
    values, prices, _ = zip(*pairs, strict=True)
    one, other = (
        ask(STUDY, valued([v * scale for v in values], [p * scale for p in prices]), **WHOLE) for scale in (1.0, factor)
    )
    assert_frame_equal(one.rows, other.rows, rel_tol=1e-9)


@pytest.mark.parametrize("factor", [0.5, 0.33, 7.3])
def test_values_scaled_alone_move_levels_only(ask, market, factor):
    sales = market(300, spread=0.3)
    scaled = sales.with_columns(pl.col("assessed_value") * factor)
    one, other = (ask(STUDY, given, **WHOLE).rows for given in (sales, scaled))
    assert_frame_equal(other.select(LEVELS), one.select(pl.col(LEVELS) * factor), rel_tol=1e-9)
    assert_frame_equal(one.drop(*LEVELS, *VERDICTS), other.drop(*LEVELS, *VERDICTS), rel_tol=1e-7, abs_tol=1e-9)


@pytest.mark.parametrize(
    "odd",
    [
        {"sale_price": None},
        {"sale_price": 9_999.0},
        {"assessed_value": None},
        {"sale_date": date(2030, 1, 1)},
        {"zip_code": None},
    ],
)
def test_a_sale_that_is_not_used_changes_no_byte(ask, market, odd):
    sales = market(200, zip_code=["43617", "43618"] * 100)
    one = sales.head(1).with_columns(
        sale_id=pl.lit("odd"), **{name: pl.lit(value, sales.schema[name]) for name, value in odd.items()}
    )
    wanted = {"group_by": "zip_code", "end_date": "2029-12-31", "bootstrap_iterations": 100}
    assert file(ask(STUDY, sales, **wanted)) == file(ask(STUDY, pl.concat([one, sales]), **wanted))


@pytest.mark.parametrize("how", ["hedonic", "robust", "stratified_median"])
def test_the_sample_county_in_any_order(ask, lucas_oh, king_wa, how):
    valued = king_wa.with_columns(assessed_value=pl.col("sale_price") * 0.9)  # of homes that sold again
    county = lucas_oh if how == "hedonic" else valued
    wanted = {
        "group_by": ["zip_code", "sale_year"],
        "time_adjust": how,
        "fallback": "cascade",
        "interval_method": "analytic",
    }
    files = {file(ask(STUDY, county.sample(fraction=1, shuffle=True, seed=seed), **wanted)) for seed in range(2)}
    assert len(files) == 1


def test_every_group_has_its_sales(ask, lucas_oh):
    answer = ask(STUDY, lucas_oh, group_by="zip_code", interval_method="analytic")
    told = answer.data_quality
    assert answer.rows["n"].sum() == told["used"] == answer.summary["data_points_analyzed"]
    assert told["used"] + sum(told["excluded"].values()) == told["read"] == lucas_oh.height
    assert np.isfinite(answer.rows["median"].drop_nulls().to_numpy()).all()
