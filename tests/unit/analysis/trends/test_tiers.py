"""Tiers part homes by what they are: another regression agrees, and a change of what sells does not move them."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from statsmodels.regression.linear_model import OLS

from terrafusion.analysis.document import render
from terrafusion.analysis.points import POINTS
from terrafusion.analysis.tiers import with_tiers


def codes(answer):
    return [caution.code for caution in answer.warnings]


def tier(answer, number):
    return answer.rows.filter(pl.col("tier") == number).row(0, named=True)


@pytest.fixture(scope="session")
def market():
    """Make sales of large and small homes; each third by size grows as it is told, and may sell more as time goes on."""

    def make(growth=(0.0, 0.0, 0.0), *, drift=0.0, noise=0.05, n=3_000, seed=1):
        draw = np.random.default_rng(seed)
        month = np.sort(draw.integers(0, 12, n))
        dear = draw.random(n) < 0.5 + drift * (month - 5.5) / 11
        third = np.where(draw.random(n) < 1 / 3, 1, np.where(dear, 2, 0))
        size = 800 * 2.0 ** (third + draw.random(n) * 0.8)
        logs = 6 + 0.9 * np.log(size) + np.array(growth)[third] * month / 11 + draw.normal(0, noise, n)
        days = [
            date(2014, int(at) + 1, 1) + timedelta(days=int(day))
            for at, day in zip(month, draw.integers(0, 28, n), strict=True)
        ]
        return {"sale_date": days, "sale_price": np.exp(logs), "building_size_sqft": size}

    return make


def test_tier_0_is_the_answer_without_tiers(ask, king_wa):
    some = king_wa.filter(pl.col("sale_date") >= date(2015, 1, 1))
    plain, tiered = (ask("price_trend_by_zip", some, tiers=tiers) for tiers in (0, 3))
    assert "tier" not in plain.trends.columns
    for name in ("trends", "rows", "table"):
        whole = getattr(tiered, name).filter(pl.col("tier") == 0).drop("tier")
        assert_frame_equal(whole, getattr(plain, name), check_exact=True)
    assert tiered.trends.columns[:2] == ["group", "tier"]
    assert tiered.summary["key_finding"] == plain.summary["key_finding"]
    assert set(plain.summary) < set(tiered.summary)


def test_every_sale_lies_in_one_tier_and_they_are_equally_large(ask, king_wa):
    answer = ask("trend_analysis", king_wa, tiers=4)
    volumes = answer.trends.group_by("tier").agg(pl.col("sales_volume").sum()).sort("tier")["sales_volume"].to_list()
    assert volumes[0] == sum(volumes[1:]) == king_wa.height
    assert max(volumes[1:]) - min(volumes[1:]) < 20  # homes that are alike stay together
    medians = [answer.trends.filter(pl.col("tier") == number)["median_price"].mean() for number in range(1, 5)]
    assert medians == sorted(medians)


def test_homes_are_placed_as_a_dense_regression_places_them(king_wa):
    some = king_wa.filter(pl.col("sale_date") >= date(2016, 4, 1)).with_columns(
        group_code=pl.lit(0, pl.Int32), ordinal=pl.col("sale_date").dt.month().cast(pl.Int32)
    )
    tiered, basis = with_tiers(some, 3, predict=True)
    used = some.select(
        pl.col("building_size_sqft", "lot_size_sqft").log(),
        pl.col("year_built", "bedrooms", "bathrooms", "grade", "waterfront").cast(pl.Float64),
    ).to_numpy()
    kinds, places, months = (
        some.select(pl.col(name).cast(pl.String)).to_dummies().to_numpy()
        for name in ("property_type", "zip_code", "ordinal")
    )
    attributes = np.hstack([used - used.mean(axis=0), kinds[:, 1:], places[:, 1:]])
    fitted = OLS(np.log(some["sale_price"].to_numpy()), np.hstack([months, attributes]).astype(float)).fit()
    predicted = attributes @ fitted.params[months.shape[1] :]
    cuts = np.quantile(predicted, [1 / 3, 2 / 3])
    wanted = 1 + np.searchsorted(cuts, predicted)
    near = np.abs(predicted[:, None] - cuts).min(axis=1) < 1e-9
    assert basis == "predicted_price"
    assert near.sum() < 20
    assert np.array_equal(tiered["tier"].to_numpy()[~near], wanted[~near])


def test_what_each_tier_grew_by_is_recovered(ask, sales, market):
    truth = (0.02, 0.08, 0.16)
    held = 0
    for seed in range(6):
        answer = ask("trend_analysis", sales(**market(truth, seed=seed)), tiers=3)
        for number, growth in enumerate(truth, start=1):
            row = tier(answer, number)
            low, high = row["constant_quality_ci_low_pct"], row["constant_quality_ci_high_pct"]
            held += low <= 100 * np.expm1(growth) <= high
            assert row["constant_quality_change_pct"] == pytest.approx(100 * np.expm1(growth), abs=4)
    assert held >= 13  # of 18 at 95%


def test_a_change_of_mix_moves_price_bands_and_not_tiers(ask, sales, market):
    shifted = sales(**market(drift=0.9))
    by_home, by_price = (ask("trend_analysis", shifted, tiers=3, index_method=method) for method in ("hedonic", "none"))
    assert ask("trend_analysis", shifted).summary["raw_change_pct"] > 30
    assert abs(tier(by_home, 1)["constant_quality_change_pct"]) < 5
    assert tier(by_price, 2)["raw_change_pct"] > 30


def test_without_a_prediction_tiers_are_bands_of_price_and_say_so(ask, sales, market):
    given = sales(**market())
    answer = ask("trend_analysis", given, tiers=2, index_method="none")
    assert answer.summary["tier_basis"] == "price_in_period"
    assert "tiers_by_price" in codes(answer)
    for number, point in enumerate(answer.trends.filter(pl.col("period") == "2014-05").iter_rows(named=True)):
        prices = given.filter(pl.col("sale_date").dt.month() == 5)["sale_price"]
        middle = prices.median()
        part = {0: prices, 1: prices.filter(prices <= middle), 2: prices.filter(prices > middle)}[number]
        assert (point["tier"], point["sales_volume"]) == (number, len(part))
        assert point["median_price"] == pytest.approx(part.median(), rel=1e-12)
    bare = ask("trend_analysis", given.with_columns(pl.lit(None, pl.Float64).alias("building_size_sqft")), tiers=2)
    assert bare.summary["tier_basis"] == "price_in_period"
    known = ask("trend_analysis", given, tiers=2, sale_filter={"min_price": 10_001})
    assert known.trends.filter(pl.col("tier") > 0)["index"].null_count() == 0
    assert "; tiers by the price that characteristics predict" in known.summary["method"]


def test_sales_without_a_characteristic_are_in_no_tier(ask, sales, market):
    given = sales(**market()).with_row_index("row")
    gaps = given.with_columns(pl.when(pl.col("row") % 50 > 0).then("building_size_sqft").alias("building_size_sqft"))
    answer = ask("trend_analysis", gaps.drop("row"), tiers=3)
    assert answer.summary["tier_sales_left_out"] == 60
    assert "tiers_left_out" in codes(answer)
    assert answer.trends.filter(pl.col("tier") > 0)["sales_volume"].sum() == 2_940


def test_one_tier_is_all_and_too_few_sales_go_by_price(ask, sales, market):
    given = sales(**market())
    one = ask("trend_analysis", given, tiers=1).trends
    assert_frame_equal(one.filter(pl.col("tier") == 0).drop("tier"), one.filter(pl.col("tier") == 1).drop("tier"))
    few = ask("trend_analysis", given.head(20), tiers=2)
    assert few.summary["tier_basis"] == "price_in_period"
    alike = ask("trend_analysis", given.with_columns(sale_price=pl.lit(1e5)), tiers=3, index_method="none")
    assert alike.trends.filter(pl.col("tier") > 1).is_empty()  # what lies on a cut lies lower


def test_an_empty_selection_has_the_same_shape(ask, king_wa):
    empty = ask("price_trend_by_zip", king_wa, zip_codes=["00001"], tiers=3, seasonal_adjust=True)
    full = ask("price_trend_by_zip", king_wa, zip_codes=["98103"], tiers=3, seasonal_adjust=True)
    assert (empty.table.height, empty.table.schema) == (0, full.table.schema)
    assert [name for name in empty.trends.columns if not name.endswith("_sa")][2:] == [
        name for name in POINTS if not name.startswith("fallback_")
    ][1:]


def test_the_file_does_not_depend_on_the_order_of_the_records(ask, king_wa):
    some = king_wa.filter(pl.col("sale_date") >= date(2016, 1, 1))
    asked = {"tiers": 3, "group_by": "zip_code"}
    files = [
        render(ask("trend_analysis", some.sample(fraction=1, shuffle=True, seed=seed), **asked)).sha256
        for seed in range(3)
    ]
    assert len(set(files)) == 1


def test_scaling_prices_moves_no_sale_to_another_tier(ask, sales, market):
    given = sales(**market((0.0, 0.1, 0.2)))
    one, other = (
        ask("trend_analysis", part, tiers=3) for part in (given, given.with_columns(pl.col("sale_price") * 4))
    )
    assert one.trends["sales_volume"].to_list() == other.trends["sales_volume"].to_list()
    assert (one.trends["median_price"] * 4).to_list() == pytest.approx(other.trends["median_price"].to_list())
    assert one.trends["index"].to_list() == pytest.approx(other.trends["index"].to_list())
