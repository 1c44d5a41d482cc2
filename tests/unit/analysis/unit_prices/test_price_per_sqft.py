"""Prices per square foot: published, by hand, and where they must not move."""

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.stats import binom
from support.markets import Recipe, market

from terrafusion.analysis.document import render
from terrafusion.analysis.unit_prices.size_effect import slope_within
from terrafusion.errors import InvalidParameters

KIND = "price_per_sqft"
MARKETS = 400
few = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def file(answer):
    return render(answer).sha256


@pytest.fixture
def town(sales):
    made = market(Recipe(homes=500, periods=6, growth=0.2), seed=5)
    return sales(**{name: made[name] for name in made.columns})


def test_king_county_months_as_another_engine_has_them(ask, king_2014_15, king_2014_15_months):
    """All 13 medians of $/sqft of `kingcounty_2014_15_month.csv`."""
    answer = ask(KIND, king_2014_15)
    rows = answer.rows.filter(pl.col("band") == "all")
    assert rows["period"].to_list() == king_2014_15_months["period"].to_list()
    assert rows["sales_volume"].to_list() == king_2014_15_months["n"].to_list()
    np.testing.assert_allclose(rows["median_price_per_sqft"], king_2014_15_months["ppsf"], rtol=1e-12)


def test_every_figure_of_a_band_by_hand(ask, town):
    answer = ask(KIND, town, bands=[1500, 2500], period="quarter")
    row = answer.rows.filter(pl.col("band") == "1,500 to 2,500", pl.col("period") == "2014-Q2").row(0, named=True)
    inside = town.filter(
        (pl.col("building_size_sqft") >= 1500) & (pl.col("building_size_sqft") < 2500),
        pl.col("sale_date").is_between(date(2014, 4, 1), date(2014, 6, 30)),
    )
    unit = np.sort((inside["sale_price"] / inside["building_size_sqft"]).to_numpy())
    n = len(unit)
    low, high = np.ceil(n / 2 - 1.959964 * np.sqrt(n) / 2), np.floor(1 + n / 2 + 1.959964 * np.sqrt(n) / 2)
    assert row["sales_volume"] == n > 50
    told = [row[f"price_per_sqft_{name}"] for name in ("p25", "p75", "iqr")]
    told += [row["median_price_per_sqft_ci_low"], row["median_price_per_sqft_ci_high"]]
    q1, middle, q3 = np.quantile(unit, [0.25, 0.5, 0.75])
    assert row["median_price_per_sqft"] == pytest.approx(middle)
    assert told == pytest.approx([q1, q3, q3 - q1, unit[int(low) - 1], unit[int(high) - 1]])
    over = inside["sale_price"].mean() / inside["building_size_sqft"].mean()
    assert abs(over / middle - 1) > 1e-3  # a mean over a mean is another figure


def test_an_edge_belongs_to_the_band_above_it(ask, sales):
    sold = sales(
        sale_date=[date(2014, 5, 6)] * 4, sale_price=[4e5] * 4, building_size_sqft=[999.9, 1000.0, 1999.9, 2000.0]
    )
    rows = ask(KIND, sold, bands=[1000, 2000], min_sales=1).rows
    assert dict(rows.select("band", "sales_volume").iter_rows()) == {
        "all": 4,
        "below 1,000": 1,
        "1,000 to 2,000": 2,
        "2,000 and more": 1,
    }
    assert rows["median_price_per_sqft_ci_low"].null_count() == 4


def test_automatic_bands_hold_as_many_sales_each(ask, king_wa):
    answer = ask(KIND, king_wa, bands="auto", auto_bands=5, period="year")
    bands = answer.table.filter(pl.col("record") == "band", pl.col("band") != "all")
    cuts = np.quantile(king_wa["building_size_sqft"].to_numpy(), [0.2, 0.4, 0.6, 0.8])
    np.testing.assert_allclose(bands["band_high"].to_numpy()[:-1].astype(float), cuts)
    assert bands["sales_volume"].sum() == king_wa.height
    assert bands["sales_volume"].min() > 0.19 * king_wa.height


def test_homes_of_one_size_are_one_band(ask, town):
    answer = ask(KIND, town.with_columns(building_size_sqft=pl.lit(1500.0)), bands="auto")
    assert set(answer.rows["band"]) == {"all"}
    assert answer.summary["size_elasticity"] is None
    assert answer.warnings[-1].code == "size_elasticity_too_few_sales"


def test_the_size_effect_is_that_of_statsmodels(ask, town):
    answer = ask(KIND, town)
    months = town["sale_date"].dt.month().to_numpy()
    size = np.log(town["building_size_sqft"].to_numpy())
    dummies = (months[:, None] == np.unique(months)).astype(float)
    fit = sm.OLS(np.log(town["sale_price"].to_numpy()) - size, np.column_stack([size, dummies])).fit(cov_type="HC1")
    assert answer.summary["size_elasticity"] == pytest.approx(fit.params[0], rel=1e-9)
    assert answer.summary["size_elasticity_standard_error"] == pytest.approx(fit.bse[0], rel=1e-9)
    assert (answer.summary["size_elasticity_ci_low"], answer.summary["size_elasticity_ci_high"]) == pytest.approx(
        tuple(fit.conf_int()[0]), rel=1e-6
    )


def in_band(count):
    """A right interval fails once in a thousand runs."""
    return binom.ppf(0.0005, MARKETS, 0.95) <= count <= binom.ppf(0.9995, MARKETS, 0.95)


def test_intervals_hold_the_true_size_effect_as_often_as_promised():
    draw, held = np.random.default_rng(2), 0
    cell = np.repeat(np.arange(6), 50)
    for _ in range(MARKETS):
        x = draw.normal(7.5, 0.35, 300)
        y = 6 - 0.25 * x + 0.1 * cell + draw.normal(0, 0.1, 300) * (1 + (x > 7.5))
        steep, error = slope_within(cell, x, y)
        held += abs(steep + 0.25) <= 1.959964 * error
    assert in_band(held)


def test_intervals_hold_the_true_median_and_its_change_as_often_as_promised(ask, sales):
    draw, count = np.random.default_rng(9), 80
    n = MARKETS * count * 2
    late = np.tile(np.repeat([0, 1], count), MARKETS)
    size = draw.uniform(800, 3000, n)
    sold = sales(
        neighborhood=[f"m{at:03d}" for at in np.repeat(np.arange(MARKETS), 2 * count)],
        sale_date=[
            date(2014 + at, 1, 1) + timedelta(days=int(day))
            for at, day in zip(late, draw.integers(0, 365, n), strict=True)
        ],
        sale_price=size * np.exp(draw.normal(5, 0.3, n) + 0.1 * late),
        building_size_sqft=size,
    )
    answer = ask(KIND, sold, group_by="neighborhood", period="year", bands=[1e9])
    rows = answer.rows.filter(pl.col("band") == "all", pl.col("period") == "2014")
    truth = pl.lit(float(np.exp(5)))
    assert in_band(
        rows.filter(truth.is_between("median_price_per_sqft_ci_low", "median_price_per_sqft_ci_high")).height
    )
    moved = answer.table.filter(pl.col("record") == "band", pl.col("band") == "all")
    name = "median_price_per_sqft_change"
    grown = pl.lit(float(100 * np.expm1(0.1)))
    assert in_band(moved.filter(grown.is_between(f"{name}_ci_low_pct", f"{name}_ci_high_pct")).height)


def test_the_sentence_says_rose_only_where_the_interval_does(ask, king_wa):
    told = ask(KIND, king_wa, period="year").summary
    assert "it rose" in told["key_finding"]
    flat = ask(KIND, king_wa.with_columns(sale_price=200 * pl.col("building_size_sqft")), period="year").summary
    assert "it showed no clear change (+0.0%" in flat["key_finding"]
    assert "no clear difference" in flat["key_finding"]
    assert (told["smallest_band"], told["largest_band"]) == ("below 1,000", "3,000 and more")
    assert told["largest_to_smallest_ci_low_pct"] < told["largest_to_smallest_pct"] < 0


def test_sales_without_an_area_are_counted_and_not_used(ask, town):
    some = town.with_columns(
        building_size_sqft=pl.when(pl.int_range(pl.len()) % 5 > 0).then("building_size_sqft"),
    )
    quality = ask(KIND, some).data_quality
    assert quality["excluded"] == {"missing_building_size": -(-town.height // 5)}
    assert quality["read"] == quality["used"] + quality["excluded"]["missing_building_size"]
    zero = town.with_columns(building_size_sqft=pl.lit(0.0))
    assert ask(KIND, zero).data_quality["used"] == 0


def test_a_county_without_areas_is_refused_with_the_types_that_do_without(ask, town):
    with pytest.raises(InvalidParameters, match="building_size_sqft is needed") as refused:
        ask(KIND, town.with_columns(building_size_sqft=pl.lit(None, pl.Float64)))
    assert refused.value.field == "building_size_sqft"
    assert "sales_velocity" in refused.value.allowed
    assert KIND not in refused.value.allowed


def test_an_empty_selection_is_an_answer_of_the_same_shape(ask, town):
    empty, full = ask(KIND, town, start_year=2100), ask(KIND, town)
    assert "no sales with a building area were found" in empty.summary["key_finding"]
    assert (empty.table.height, empty.table.schema) == (0, full.table.schema)
    assert set(empty.summary) == set(full.summary)
    assert ask(KIND, town.clear(), bands="auto").data_quality["read"] == 0


@pytest.mark.parametrize("count", [1, 2, 9, 10])
def test_below_the_minimum_a_cell_has_its_count_alone(ask, town, count):
    answer = ask(KIND, town.head(count), period="year")
    json.dumps(render(answer).document, allow_nan=False)
    row = answer.rows.filter(pl.col("band") == "all").row(0, named=True)
    assert row["sales_volume"] == count
    assert (row["median_price_per_sqft"] is None) == row["suppressed"] == (count < 10)
    assert "no full period has 10 or more" in answer.summary["key_finding"]


@few
@given(seed=st.integers(0, 1_000), bands=st.sampled_from([[1500, 2500], "auto"]))
def test_the_order_of_the_records_changes_no_byte(ask, known, town, seed, bands):
    mixed = town.sample(fraction=1, shuffle=True, seed=seed)
    asked = {"group_by": "zip_code", "bands": bands}
    assert file(ask(KIND, mixed, **asked)) == file(known(KIND, town, **asked))


@few
@given(factor=st.sampled_from([0.3, 2.0, 9.9]))
def test_scaling_prices_scales_unit_prices_alone(ask, town, factor):
    one, other = (
        ask(KIND, given, sale_filter={"min_price": 0}).table
        for given in (town, town.with_columns(pl.col("sale_price") * factor))
    )
    dollars = [
        "median_price_per_sqft",
        "median_price_per_sqft_ci_low",
        "median_price_per_sqft_ci_high",
        *(f"price_per_sqft_{name}" for name in ("p25", "p75", "iqr")),
    ]
    assert_frame_equal(other, one.with_columns(pl.col(dollars) * factor), rel_tol=1e-7, abs_tol=1e-9)


@few
@given(price=st.sampled_from([-5.0, 0.0, 100.0, 5e12]))
def test_a_sale_that_is_excluded_changes_nothing(ask, known, town, sales, price):
    one = sales(sale_id=["x"], sale_date=[date(2014, 3, 9)], sale_price=[price], building_size_sqft=[1234.0])
    plain, more = known(KIND, town, bands="auto"), ask(KIND, pl.concat([town, one]), bands="auto")
    assert plain.table.equals(more.table)
    assert more.data_quality["read"] == more.data_quality["used"] + 1


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"bands": []}, "bands", "must be 'auto', or 1 to 50 ascending numbers above 0"),
        ({"bands": [2000, 1000]}, "bands", "ascending numbers"),
        ({"bands": [1000, 1000]}, "bands", "ascending numbers"),
        ({"bands": [0]}, "bands", "above 0"),
        ({"bands": [True]}, "bands", "numbers"),
        ({"bands": ["1000"]}, "bands", "numbers"),
        ({"bands": [2e9]}, "bands", "up to 1,000,000,000"),
        ({"bands": "quartiles"}, "bands", "'auto'"),
        ({"auto_bands": 1}, "auto_bands", "greater than or equal to 2"),
        ({"auto_bands": 21}, "auto_bands", "less than or equal to 20"),
        ({"size": 5}, "size", "auto_bands"),
    ],
)
def test_a_bad_parameter_names_the_field_and_what_is_allowed(ask, town, given, field, said):
    with pytest.raises(InvalidParameters) as refused:
        ask(KIND, town, **given)
    assert refused.value.field == field
    assert said in str(refused.value)
