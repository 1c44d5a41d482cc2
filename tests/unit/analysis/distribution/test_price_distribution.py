"""The distribution of prices: published, by other means, and where it must not move."""

import json
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.stats import binom, norm
from support.markets import Recipe, market

from terrafusion.analysis.cells import in_list, interval, needed_for_interval
from terrafusion.analysis.distribution.concentration import GINI, concentration
from terrafusion.analysis.distribution.findings import title
from terrafusion.analysis.document import render
from terrafusion.errors import InvalidParameters

KIND = "price_distribution"
MARKETS, SALES, SPREAD = 400, 200, 0.5
few = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def file(answer):
    return render(answer).sha256


def by_differences(prices):
    """The Gini coefficient as half the relative mean difference, over all pairs."""
    return np.abs(prices[:, None] - prices).mean() / (2 * prices.mean())


@pytest.fixture
def town(sales):
    made = market(Recipe(homes=500, periods=6, growth=0.2), seed=5)
    return sales(**{name: made[name] for name in made.columns})


@pytest.fixture
def one_month(sales):
    """Sales of one month at given prices, and the one row."""

    def make(prices):
        return sales(sale_date=[date(2014, 5, 6)] * len(prices), sale_price=[float(price) for price in prices])

    return make


def test_king_county_months_as_another_engine_has_them(ask, king_2014_15, king_2014_15_months):
    """All 13 medians and means of `kingcounty_2014_15_month.csv`."""
    rows = ask(KIND, king_2014_15).rows
    assert rows["sales_volume"].to_list() == king_2014_15_months["n"].to_list()
    np.testing.assert_allclose(rows["p50"], king_2014_15_months["m"], rtol=1e-12)
    np.testing.assert_allclose(rows["dollar_volume"] / rows["sales_volume"], king_2014_15_months["a"], rtol=1e-12)


def test_the_gini_coefficient_of_a_published_example():
    """R's package ineq, the example of its `ineq` page, as printed by it: 0.4620911."""
    incomes = np.array([541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261], dtype=float)
    assert f"{concentration(incomes, 0.95, corrected=False)['gini']:.7f}" == "0.4620911"
    assert concentration(incomes, 0.95, corrected=True)["gini"] == pytest.approx(0.4620911 * 10 / 9, abs=1e-7)


@pytest.mark.parametrize("ties", [False, True])
def test_the_gini_coefficient_and_its_error_by_other_means(ties):
    prices = np.sort(np.random.default_rng(1).lognormal(12, 0.6, 150))
    prices = np.sort(np.round(prices, -5) + 50_000) if ties else prices
    told = concentration(prices, 0.95, corrected=False)
    assert told["gini"] == pytest.approx(by_differences(prices), rel=1e-12)
    without = np.array([by_differences(np.delete(prices, at)) for at in range(150)])
    jackknife = np.sqrt(149 / 150 * ((without - without.mean()) ** 2).sum())
    assert told["gini_standard_error"] == pytest.approx(jackknife, rel=1e-9)
    assert told["gini_lognormal"] == pytest.approx(2 * norm.cdf(np.log(prices).std(ddof=1) / np.sqrt(2)) - 1)


@pytest.mark.parametrize("price", [2e5, 123_456.78, 1 / 3])
@pytest.mark.parametrize("corrected", [False, True])
def test_equal_prices_have_a_gini_coefficient_of_nothing(price, corrected):
    told = concentration(np.full(300, price), 0.95, corrected=corrected)
    assert [told[name] for name in GINI[:4]] == [0, 0, 0, 0]
    assert told["gini_lognormal"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("corrected", [False, True])
def test_the_gini_coefficient_lies_in_its_interval(corrected):
    widest = np.repeat([1e5, 4e5], [80, 40])  # G is as large as two prices allow, so its error is nothing
    told = concentration(widest, 0.95, corrected=corrected)
    assert told["gini_ci_low"] <= told["gini"] <= told["gini_ci_high"]


def test_quantiles_and_their_intervals_by_hand(ask, town):
    shares = [0.05, 0.1, 0.333, 0.5, 0.9]
    answer = ask(KIND, town, quantiles=shares, period="year", confidence_level=0.9)
    row = answer.rows.row(0, named=True)
    prices = np.sort(town["sale_price"].to_numpy())
    names = ["p5", "p10", "p33_3", "p50", "p90"]
    np.testing.assert_allclose([row[name] for name in names], np.quantile(prices, shares), rtol=1e-12)
    n = len(prices)
    for name, share in zip(names, shares, strict=True):
        reach = 1.6448536 * np.sqrt(n * share * (1 - share))
        low, high = int(np.ceil(n * share - reach)), int(np.floor(1 + n * share + reach))
        assert (row[f"{name}_ci_low"], row[f"{name}_ci_high"]) == (prices[low - 1], prices[high - 1])


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5, 0.9])
def test_intervals_of_order_statistics_cover_what_they_say(share):
    """By the binomial, exactly: 95% on average over n, never below 91%, whatever the distribution."""
    counts = range(3, 600)
    table = pl.DataFrame({"ordered": [list(range(1, n + 1)) for n in counts], "n": counts})
    first, last = interval(in_list(pl.col("ordered")), pl.col("n"), share, 0.95)
    told = table.select("n", first.alias("low"), last.alias("high")).drop_nulls()
    n, low, high = (told[name].to_numpy() for name in ("n", "low", "high"))
    assert n.min() == needed_for_interval(0.95, share)
    assert len(n) == 600 - n.min()  # told from there on
    covers = binom.cdf(high - 1, n, share) - binom.cdf(low - 1, n, share)
    assert covers.min() > 0.91
    assert covers.mean() == pytest.approx(0.95, abs=0.004)


def test_tiers_of_the_whole_span_by_hand(ask, town):
    answer = ask(KIND, town, tiers=3)
    prices = town["sale_price"].to_numpy()
    cuts = np.quantile(prices, [1 / 3, 2 / 3])
    row = answer.rows.filter(pl.col("period") == "2014-04").row(0, named=True)
    inside = town.filter(pl.col("sale_date").dt.month() == 4)["sale_price"].to_numpy()
    tier = np.searchsorted(cuts, inside, side="left")
    assert [row["tier_1_high"], row["tier_2_high"]] == pytest.approx(cuts)
    for place in range(3):
        mine = inside[tier == place]
        share = mine.sum() / inside.sum()
        assert row[f"tier_{place + 1}_count"] == len(mine)
        assert row[f"tier_{place + 1}_count_share"] == pytest.approx(len(mine) / len(inside))
        assert row[f"tier_{place + 1}_dollar_share"] == pytest.approx(share)
        n = len(inside)
        left = inside * (tier == place) - share * inside
        reach = 1.959964 * np.sqrt((left**2).sum() * n / (n - 1)) / inside.sum()
        assert row[f"tier_{place + 1}_dollar_share_ci_low"] == pytest.approx(share - reach)
    assert (row["tier_1_count_share_ci_low"], row["tier_1_count_share_ci_high"]) == pytest.approx(
        wilson(row["tier_1_count"], row["sales_volume"])
    )


def wilson(count, n):
    """Solve |p - share| = z sqrt(share (1 - share) / n) for the share."""
    p, z2 = count / n, 1.959963984540054**2
    return tuple(sorted(np.roots([n + z2, -(2 * n * p + z2), n * p * p])))


def test_a_price_on_a_cut_lies_in_the_tier_below(ask, one_month):
    prices = [100e3] * 5 + [200e3] * 5 + [300e3] * 5
    row = ask(KIND, one_month(prices), tier_edges=[100_000, 200_000]).rows.row(0, named=True)
    assert [row[f"tier_{place}_count"] for place in (1, 2, 3)] == [5, 5, 5]
    own = ask(KIND, one_month(prices), tiers=2, tier_basis="period").rows.row(0, named=True)
    assert (own["tier_1_high"], own["tier_1_count"], own["tier_2_count"]) == (200e3, 10, 5)
    assert own["tier_1_count_share_ci_low"] is None  # the cut itself fixes the share
    empty = ask(KIND, one_month(prices), tier_edges=[10_000, 900_000]).rows.row(0, named=True)
    assert [empty[f"tier_{place}_dollar_share"] for place in (1, 2, 3)] == [0, 1, 0]


@pytest.mark.parametrize("parts", range(2, 11))
def test_a_cut_that_is_a_price_is_on_it(ask, one_month, parts):
    """Where (n - 1) / parts is whole the cut is a sale, which lies below it whatever rounding does."""
    count = 12 * parts + 1
    prices = 1e5 + 7.7 * np.arange(count)
    row = ask(KIND, one_month(prices), tiers=parts, tier_basis="period").rows.row(0, named=True)
    assert [row[f"tier_{place}_count"] for place in range(1, parts + 1)] == [13] + [12] * (parts - 1)


def test_dollar_shares_of_own_quantiles_err_as_resampling_says(ask, one_month):
    draw = np.random.default_rng(4)
    prices = draw.lognormal(12, 0.6, 400)
    row = ask(KIND, one_month(prices), tier_basis="period").rows.row(0, named=True)
    drawn = np.sort(draw.choice(prices, (2000, 400)), axis=1).reshape(2000, 4, 100).sum(axis=2)
    errors = (drawn / drawn.sum(axis=1, keepdims=True)).std(axis=0)
    for place in range(4):
        low, high = (row[f"tier_{place + 1}_dollar_share_ci_{end}"] for end in ("low", "high"))
        assert (high - low) / (2 * 1.959964) == pytest.approx(errors[place], rel=0.08)


def in_band(count):
    """A right interval fails once in a thousand runs."""
    return binom.ppf(0.0005, MARKETS, 0.95) <= count <= binom.ppf(0.9995, MARKETS, 0.95)


@pytest.fixture
def markets(ask, sales):
    """400 lognormal markets as groups, each sold in two years of which the second is dearer by a tenth of ln S."""
    draw, n = np.random.default_rng(8), MARKETS * SALES * 2
    late = np.tile(np.repeat([0, 1], SALES), MARKETS)
    day = np.where(late, np.datetime64("2015-01-01"), np.datetime64("2014-01-01")) + draw.integers(0, 365, n)
    sold = sales(
        neighborhood=[f"m{at:03d}" for at in np.repeat(np.arange(MARKETS), 2 * SALES)],
        sale_date=day,
        sale_price=np.exp(12 + SPREAD * draw.normal(size=n) + 0.1 * late),
    )
    return ask(KIND, sold, group_by="neighborhood", period="year", tier_basis="period")


def test_intervals_hold_the_truth_as_often_as_promised(markets):
    rows = markets.rows.filter(pl.col("period") == "2014")
    cuts = norm.cdf(norm.ppf([0, 0.25, 0.5, 0.75, 1]) - SPREAD)
    truths = {f"p{100 * share:g}": np.exp(12 + SPREAD * norm.ppf(share)) for share in (0.1, 0.25, 0.5, 0.75, 0.9)}
    truths |= {f"tier_{place + 1}_dollar_share": share for place, share in enumerate(np.diff(cuts))}
    truths["gini"] = 2 * norm.cdf(SPREAD / np.sqrt(2)) - 1
    for name, truth in truths.items():
        held = rows.filter(pl.lit(float(truth)).is_between(f"{name}_ci_low", f"{name}_ci_high")).height
        assert in_band(held), name


def test_intervals_hold_the_true_change_as_often_as_promised(markets):
    groups = markets.table.filter(pl.col("record") == "group")
    grown = pl.lit(float(100 * np.expm1(0.1)))
    for name in ("p10", "p50", "p90"):
        bounds = [f"{name}_change_ci_{end}_pct" for end in ("low", "high")]
        assert in_band(groups.filter(grown.is_between(*bounds)).height), name
    assert in_band(groups.filter(pl.lit(0.0).is_between("gini_difference_ci_low", "gini_difference_ci_high")).height)


def test_all_prices_equal(ask, town):
    answer = ask(KIND, town.with_columns(sale_price=pl.lit(2e5)))
    row = answer.rows.row(0, named=True)
    assert (row["gini"], row["gini_standard_error"]) == pytest.approx((0, 0), abs=1e-12)
    assert row["p10"] == row["p90_ci_high"] == 2e5
    assert row["tier_1_count"] == row["sales_volume"]
    said = answer.summary["key_finding"]
    assert "rose" not in said
    assert "with no clear change since" in said


def test_the_sentence_names_what_moved(ask, king_wa):
    told = ask(KIND, king_wa, period="year", quantiles=[0.2, 0.81]).summary["key_finding"]
    assert "the 20th percentile rose" in told
    assert "the 81st percentile rose" in told
    assert [title(share) for share in (0.11, 0.025, 0.22, 0.5)] == [
        "the 11th percentile",
        "the 2.5th percentile",
        "the 22nd percentile",
        "the median price",
    ]


def test_an_empty_selection_is_an_answer_of_the_same_shape(ask, town):
    empty, full = ask(KIND, town, start_year=2100), ask(KIND, town)
    assert "no sales were found" in empty.summary["key_finding"]
    assert (empty.table.height, empty.table.schema) == (0, full.table.schema)
    assert set(empty.summary) == set(full.summary)
    assert ask(KIND, town.clear()).data_quality["read"] == 0


@pytest.mark.parametrize(("count", "least"), [(1, 10), (9, 10), (10, 10), (1, 1), (2, 1), (34, 10)])
def test_what_too_few_sales_cannot_tell(ask, town, count, least):
    answer = ask(KIND, town.head(count), period="year", min_sales=least)
    json.dumps(render(answer).document, allow_nan=False)
    row = answer.rows.row(0, named=True)
    assert row["sales_volume"] == count
    assert (row["p50"] is None) == row["suppressed"] == (count < least)
    assert (row["gini"] is None) == (count < max(least, 2))
    assert (row["p50_ci_low"] is None) == (count < max(least, 6))
    assert row["p90_ci_high"] is None
    codes = {caution.code for caution in answer.warnings}
    assert ("quantile_without_interval" in codes) == (count >= least)


def test_absurd_prices_and_future_dates_are_no_failure(ask, town, sales):
    odd = sales(sale_id=["x", "y"], sale_date=[date(2190, 1, 1)] * 2, sale_price=[1e12, 1e4])
    answer = ask(KIND, pl.concat([town, odd]), period="year", min_sales=1)
    json.dumps(render(answer).document, allow_nan=False)
    kept = ask(KIND, pl.concat([town, odd]), end_date="2014-06-30")
    assert kept.table.equals(ask(KIND, town, end_date="2014-06-30").table)


@few
@given(seed=st.integers(0, 1_000), basis=st.sampled_from(["span", "period"]))
def test_the_order_of_the_records_changes_no_byte(ask, known, town, seed, basis):
    mixed = town.sample(fraction=1, shuffle=True, seed=seed)
    asked = {"group_by": "zip_code", "tier_basis": basis}
    assert file(ask(KIND, mixed, **asked)) == file(known(KIND, town, **asked))


@few
@given(factor=st.sampled_from([0.3, 2.0, 9.9]))
def test_scaling_prices_scales_dollars_alone(ask, town, factor):
    one, other = (
        ask(KIND, given, sale_filter={"min_price": 0}).rows
        for given in (town, town.with_columns(pl.col("sale_price") * factor))
    )
    dollars = [name for name in one.columns if name[:2] in ("p1", "p2", "p5", "p7", "p9") or name.endswith("_high")]
    dollars = [name for name in dollars if "share" not in name and "gini" not in name] + ["dollar_volume"]
    assert_frame_equal(other, one.with_columns(pl.col(dollars) * factor), rel_tol=1e-7, abs_tol=1e-9)


@few
@given(price=st.sampled_from([-5.0, 0.0, 100.0, 5e12]))
def test_a_sale_that_is_excluded_changes_nothing(ask, known, town, sales, price):
    one = sales(sale_id=["x"], sale_date=[date(2014, 3, 9)], sale_price=[price])
    plain, more = known(KIND, town), ask(KIND, pl.concat([town, one]))
    assert plain.table.equals(more.table)
    assert more.data_quality["read"] == more.data_quality["used"] + 1


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"quantiles": []}, "quantiles", "at least 1"),
        ({"quantiles": [0.5, 0.1]}, "quantiles", "must ascend"),
        ({"quantiles": [0.5, 0.5]}, "quantiles", "must ascend"),
        ({"quantiles": [0.0]}, "quantiles.0", "greater than or equal to 0.01"),
        ({"quantiles": [0.5, 1.0]}, "quantiles.1", "less than or equal to 0.99"),
        ({"tiers": 1}, "tiers", "greater than or equal to 2"),
        ({"tiers": 11}, "tiers", "less than or equal to 10"),
        ({"tier_edges": [2e5, 1e5]}, "tier_edges", "must ascend"),
        ({"tier_edges": [0]}, "tier_edges.0", "greater than 0"),
        ({"tier_basis": "year"}, "tier_basis", "'span' or 'period'"),
        ({"gini_correction": "yes"}, "gini_correction", "true or false"),
        ({"tier": 5}, "tier", "tier_basis"),
    ],
)
def test_a_bad_parameter_names_the_field_and_what_is_allowed(ask, town, given, field, said):
    with pytest.raises(InvalidParameters) as refused:
        ask(KIND, town, **given)
    assert refused.value.field == field
    assert said in str(refused.value)


@pytest.mark.parametrize("asked", [{}, {"group_by": ["sale_year"]}])
def test_shares_of_sales_that_the_cuts_fix_have_no_interval(ask, sales, asked):
    """A period that is all of its group's sales is cut at its own quantiles."""
    draw, years = np.random.default_rng(3), 1 if not asked else 2
    day = [date(2014 + year, 5, 6) for year in range(years) for _ in range(150)]
    answer = ask(KIND, sales(sale_date=day, sale_price=draw.lognormal(12, 0.5, len(day))), period="year", **asked)
    groups = answer.table.filter(pl.col("record") == "group")
    for name in ("count_share_ci_low", "count_share_ci_high", "dollar_share_ci_low", "dollar_share_ci_high"):
        assert answer.rows[f"tier_1_{name}"].to_list() == groups[f"tier_1_{name}"].to_list()[-answer.rows.height :]
    assert answer.rows["tier_1_count_share_ci_low"].null_count() == years
    assert answer.rows["tier_1_dollar_share_ci_low"].null_count() == 0


@pytest.mark.parametrize(("count", "told"), [(99, False), (100, True)])
def test_below_a_hundred_sales_concentration_has_no_interval(ask, one_month, count, told):
    answer = ask(
        KIND, one_month(np.random.default_rng(2).lognormal(12, 0.5, count)), period="month", tier_basis="period"
    )
    row = answer.rows.row(0, named=True)
    assert row["gini"] > 0
    for name in ("gini", "tier_1_dollar_share", "tier_4_dollar_share"):
        assert (row[f"{name}_ci_low"] is not None) == (row[f"{name}_ci_high"] is not None) == told
    assert ("Gini coefficient was" in answer.summary["key_finding"]) or row["partial"]


@pytest.mark.parametrize(("count", "spread"), [(100, 0.3), (100, 0.7), (400, 0.5)])
def test_how_often_the_interval_of_the_gini_coefficient_holds(count, spread):
    """Prices more and less spread than a county's: .94 to .95; two standard errors below are let be."""
    draw, runs = np.random.default_rng(6), 800
    truth, held = 2 * norm.cdf(spread / np.sqrt(2)) - 1, 0
    for _ in range(runs):
        told = concentration(np.sort(draw.lognormal(12, spread, count)), 0.95, corrected=False)
        held += told["gini_ci_low"] <= truth <= told["gini_ci_high"]
    assert 0.925 <= held / runs <= binom.ppf(0.9995, runs, 0.95) / runs


@pytest.mark.parametrize(("first", "told"), [(99, False), (100, True)])
def test_a_change_of_concentration_has_an_interval_where_both_periods_have_sales_enough(ask, sales, first, told):
    counts = {2013: 1, 2014: first, 2015: 150, 2016: 1}
    day = [date(year, 5, 6) for year, count in counts.items() for _ in range(count)]
    prices = np.random.default_rng(2).lognormal(12, 0.5, len(day))
    moved = ask(KIND, sales(sale_date=day, sale_price=prices), period="year").summary
    assert moved["first_period"] == "2014"
    assert moved["gini_difference"] is not None
    assert (moved["gini_difference_ci_low"] is not None) == told
    assert ("since 2014" in moved["key_finding"]) == told
