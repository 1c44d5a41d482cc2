from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from terrafusion.errors import InvalidParameters

STUDY = "ratio_study"
QUICK = {"interval_method": "analytic", "sale_filter": {"min_price": 0}}
GROWTH = 0.08


@pytest.fixture
def rising(sales):
    """Sales of three years in a market that rises by a known rate, with values as of its last day."""
    random = np.random.default_rng(0)
    n = 3_000
    days = random.integers(0, 3 * 365, n)
    area = np.exp(random.normal(7.5, 0.3, n))
    worth = 100 * area
    prices = worth * np.exp(GROWTH * (days / 365.25 - 3)) * np.exp(random.normal(0, 0.08, n))
    return sales(
        sale_date=[date(2014, 1, 1) + timedelta(days=int(day)) for day in days],
        sale_price=prices,
        assessed_value=worth,
        building_size_sqft=area,
        zip_code=["43617"] * n,
    )


def codes(answer):
    return [caution.code for caution in answer.warnings]


def test_the_slope_of_the_ratio_is_told_and_an_index_takes_it_away(ask, rising):
    plain = ask(STUDY, rising, **QUICK).summary
    assert plain["time_slope_ci_low"] < -GROWTH < plain["time_slope_ci_high"]
    assert plain["adjusted_time_slope"] is None
    answer = ask(STUDY, rising, time_adjust="hedonic", **QUICK)
    told = answer.summary
    assert told["time_slope"] == pytest.approx(plain["time_slope"], rel=1e-9)
    assert told["adjusted_time_slope_ci_low"] < 0 < told["adjusted_time_slope_ci_high"]
    assert told["cod"] < plain["cod"]
    assert told["median"] == pytest.approx(1, abs=0.03)  # within three errors of a month's index
    assert (told["time_adjust"], told["time_adjust_period"]) == ("hedonic", "month")
    assert codes(answer) == ["arms_length_unknown"]


def moving(answer):
    return [caution for caution in answer.warnings if caution.code.startswith("ratios_move")]


@pytest.mark.parametrize(("rate", "said"), [(-0.5, "fell"), (0.5, "rose")])
def test_ratios_that_move_in_time_are_told_with_what_to_do(ask, rising, rate, said):
    years = pl.col("sale_date").dt.epoch("d") / 365.25 - 44
    sales = rising.with_columns(pl.col("assessed_value") * (rate * years).exp())
    (caution,) = moving(ask(STUDY, sales, **QUICK))
    assert caution.code == "ratios_move_in_time"
    assert f"Ratios {said} by" in caution.message
    assert "% a year (95% interval" in caution.message
    assert "time_adjust `hedonic`" in caution.message
    (left,) = moving(ask(STUDY, sales, time_adjust="hedonic", **QUICK))
    assert left.code == "ratios_move_after_adjustment"


def test_how_fast_ratios_move_is_told_in_percent_of_a_year_before(ask, rising):
    years = pl.col("sale_date").dt.epoch("d") / 365.25 - 44
    steep = rising.with_columns(pl.col("assessed_value") * (0.48 * years).exp())
    answer = ask(STUDY, steep, **QUICK)
    (caution,) = moving(answer)
    slope, *ends = (100 * np.expm1(answer.summary[f"time_slope{end}"]) for end in ("", "_ci_low", "_ci_high"))
    assert slope == pytest.approx(100 * np.expm1(0.4), abs=1.5)
    between = "95% interval {:+.1f}% to {:+.1f}%".format(*ends)
    assert caution.message.startswith(f"Ratios rose by {slope:.1f}% a year ({between}): prices fell against values, ")
    (fell,) = moving(ask(STUDY, rising, **QUICK))
    assert "): prices rose against values, " in fell.message


def test_ratios_that_stand_still_are_not_warned_of(ask, rising):
    years = pl.col("sale_date").dt.epoch("d") / 365.25 - 47
    level = rising.with_columns(pl.col("assessed_value") * (GROWTH * years).exp())
    assert moving(ask(STUDY, level, **QUICK)) == []
    assert moving(ask(STUDY, level.head(5), **QUICK)) == []


def test_true_and_false_are_understood(ask, rising):
    assert ask(STUDY, rising, time_adjust=True, **QUICK).summary["time_adjust"] == "hedonic"
    assert ask(STUDY, rising, time_adjust=False, **QUICK).summary["time_adjust"] == "none"


def test_prices_go_to_the_valuation_date(ask, rising):
    early = ask(STUDY, rising, time_adjust="hedonic", valuation_date="2014-01-15", **QUICK).summary
    late = ask(STUDY, rising, time_adjust="hedonic", valuation_date="2016-12-15", **QUICK).summary
    assert np.log(early["median"] / late["median"]) == pytest.approx(GROWTH * 35 / 12, abs=0.02)


def test_a_date_beyond_the_index_is_told(ask, rising):
    answer = ask(STUDY, rising, time_adjust="hedonic", valuation_date="2020-01-01", **QUICK)
    assert "time_adjust_date_beyond_index" in codes(answer)
    later = pl.col("sale_date") >= date(2014, 2, 1)
    unsized = rising.with_columns(pl.when(later).then("building_size_sqft"))
    assert "time_adjust_sales_beyond_index" in codes(ask(STUDY, unsized, time_adjust="hedonic", **QUICK))


def test_a_period_of_few_sales_counts_as_price_index_has_it(ask, rising):
    """And is told where all prices are brought to it."""
    last = pl.col("sale_date") >= date(2016, 12, 1)
    thin = rising.filter(~last | (pl.int_range(pl.len()) % 20 == 0))
    sold = thin.filter(last).height
    assert 0 < sold < 10
    rows = ask("price_index", thin, method="hedonic_time_dummy", sale_filter={"min_price": 0}).rows
    index = dict(rows.select("period", "index").iter_rows())
    answer = ask(STUDY, thin, time_adjust="hedonic", **QUICK)
    factor = [index["2016-12"] / index[f"{day:%Y-%m}"] for day in thin["sale_date"]]
    wanted = (thin["assessed_value"] / thin["sale_price"] / pl.Series(factor)).median()
    assert answer.summary["median"] == pytest.approx(wanted, rel=1e-9)
    (message,) = (caution.message for caution in answer.warnings if caution.code == "time_adjust_date_thin")
    assert f"rests on {sold} observations, fewer than 10" in message


def test_what_allows_no_index_is_refused(ask, rising):
    bare = rising.with_columns(building_size_sqft=None)
    with pytest.raises(InvalidParameters, match="no characteristic") as refused:
        ask(STUDY, bare, time_adjust="hedonic", **QUICK)
    assert (refused.value.field, refused.value.allowed) == ("time_adjust", "none")
    with pytest.raises(InvalidParameters, match="too few"):
        ask(STUDY, rising.head(20), time_adjust="hedonic", **QUICK)
    years = rising.with_columns(year_only=True)
    with pytest.raises(InvalidParameters, match="only the year is known"):
        ask(STUDY, years, time_adjust="hedonic", **QUICK)


@pytest.fixture
def resold(sales):
    """Sales of three years in a market that rises by a known rate: each parcel sold twice, and nothing else is known."""
    random = np.random.default_rng(1)
    n = 4_000
    days = random.integers(0, 3 * 365, 2 * n)
    worth = np.tile(np.exp(random.normal(12.5, 0.4, n)), 2)
    prices = worth * np.exp(GROWTH * (days / 365.25 - 3)) * np.exp(random.normal(0, 0.05, 2 * n))
    return sales(
        sale_date=[date(2014, 1, 1) + timedelta(days=int(day)) for day in days],
        sale_price=prices,
        assessed_value=worth,
        parcel_number=[str(place % n) for place in range(2 * n)],
    )


@pytest.mark.parametrize("how", ["bmn", "case_shiller", "robust", "arithmetic", "stratified_median"])
def test_a_county_without_characteristics_is_brought_to_one_date_too(ask, resold, how):
    placed = resold.with_columns(zip_code=pl.Series([str(98101 + place % 3) for place in range(resold.height)]))
    told = ask(STUDY, placed, time_adjust=how, **QUICK).summary
    assert told["time_slope_ci_high"] < 0
    noise = 0.02 if how == "stratified_median" else 0.005  # the mix of homes that sold is not in it
    assert told["adjusted_time_slope"] == pytest.approx(0, abs=noise)
    assert told["time_adjust"] == how


def test_the_index_is_that_of_price_index(ask, resold):
    """The price of one month over another's at the valuation date, by the same method."""
    rows = ask("price_index", resold, method="robust", sale_filter={"min_price": 0}).rows
    ratio = rows.filter(period="2016-11")["index"].item() / rows.filter(period="2014-02")["index"].item()
    early, late = (
        ask(STUDY, resold, time_adjust="robust", valuation_date=day, **QUICK).summary["median"]
        for day in ("2014-02-09", "2016-11-09")
    )
    assert early / late == pytest.approx(ratio, rel=1e-9)


def test_what_is_advised_is_what_the_records_allow(ask, resold):
    """Years apart, or an index of homes that sold again, or of medians by place or type, where there are any."""
    years = pl.col("sale_date").dt.truncate("1y").dt.offset_by("6mo")
    once = pl.int_range(pl.len()).cast(pl.String)
    zips = pl.Series([str(98101 + place % 3) for place in range(resold.height)])
    counties = {
        "apart, or time_adjust `robust` brings": resold,
        "apart, or time_adjust `robust` or `stratified_median` brings": resold.with_columns(zip_code=zips),
        "apart, or time_adjust `robust` with period `year` brings": resold.with_columns(
            sale_date=years, year_only=True
        ),
        "apart, or time_adjust `stratified_median` brings": resold.with_columns(parcel_number=once, zip_code=zips),
        "group_by `sale_year` keeps the years apart": resold.with_columns(parcel_number=once),
    }
    for said, county in counties.items():
        (caution,) = moving(ask(STUDY, county, **QUICK))
        assert said in caution.message
        with pytest.raises(InvalidParameters, match="no characteristic") as refused:
            ask(STUDY, county, time_adjust="hedonic", **QUICK, period="year")
        named = [name for name in ("robust", "stratified_median") if f"`{name}`" in said]
        assert refused.value.allowed == ", ".join([*named, "none"])
        for name in named:
            after = ask(STUDY, county, time_adjust=name, **QUICK, period="year").summary
            assert abs(after["adjusted_time_slope"]) < abs(after["time_slope"]) / 2


def test_parcels_that_sold_once_make_no_index_of_homes_that_sold_again(ask, rising):
    with pytest.raises(InvalidParameters, match="they make 0 pairs of sales of one parcel") as refused:
        ask(STUDY, rising, time_adjust="bmn", **QUICK)
    assert refused.value.allowed == "hedonic, none"


def test_the_names_of_time_adjustment_are_understood(ask, rising):
    assert ask(STUDY, rising, time_adjust="regression", **QUICK).summary["time_adjust"] == "hedonic"


def test_one_period_adjusts_nothing(ask, rising):
    month = rising.filter(pl.col("sale_date") < date(2014, 2, 1))
    one, other = (ask(STUDY, month, time_adjust=how, **QUICK).summary for how in ("none", "hedonic"))
    assert other["median"] == pytest.approx(one["median"], rel=1e-12)


def test_a_sale_beyond_a_long_pause_is_in_the_study_and_not_in_the_index(ask, rising):
    """Its price is brought to the valuation date from the nearest period of the index, and that is told."""
    stray = rising.head(1).with_columns(sale_date=date(2009, 1, 1), sale_id=pl.lit("stray"), parcel_number=pl.lit("x"))
    plain, told = (ask(STUDY, made, time_adjust="hedonic", **QUICK) for made in (rising, pl.concat([rising, stray])))
    assert told.summary["n"] == plain.summary["n"] + 1
    assert "time_adjust_sales_beyond_index" in codes(told)
    first = rising.filter(pl.col("sale_date") < date(2014, 2, 1)).head(1)
    for day in (date(2014, 1, 15), date(2009, 1, 1)):
        lone = first.with_columns(sale_date=day, sale_id=pl.lit("stray"), parcel_number=pl.lit("x"))
        after = ask(STUDY, pl.concat([rising, lone]), time_adjust="hedonic", **QUICK)
        assert after.summary["mean"] == pytest.approx(plain.summary["mean"], abs=5e-4)


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(2031, 1, 1)])
def test_a_placeholder_for_a_date_turns_no_slope(ask, rising, day):
    """Three sales in 3,003 of 1900 made a slope of -.08 a year one of -.006."""
    wrong = rising.head(3).with_columns(sale_date=day, sale_id=pl.format("{}-wrong", "sale_id"))
    plain, told = (ask(STUDY, made, group_by="zip_code", **QUICK) for made in (rising, pl.concat([rising, wrong])))
    assert told.summary["n"] == plain.summary["n"] + 3
    for name in ("time_slope", "time_slope_ci_low", "time_slope_ci_high"):
        assert told.summary[name] == pytest.approx(plain.summary[name], rel=1e-9)
        assert told.rows[name].to_list() == pytest.approx(plain.rows[name].to_list(), rel=1e-9)


def test_a_group_of_sales_beyond_a_pause_alone_has_no_slope(ask, rising):
    wrong = rising.head(12).with_columns(
        sale_date=date(1900, 1, 1), zip_code=pl.lit("43699"), sale_id=pl.format("{}-wrong", "sale_id")
    )
    told = ask(STUDY, pl.concat([rising, wrong]), group_by="zip_code", **QUICK).rows
    row = told.row(by_predicate=pl.col("group") == "43699", named=True)
    assert (row["n"], row["time_slope"], row["time_slope_ci_low"]) == (12, None, None)


def test_every_sale_of_king_county_in_2018_is_studied(ask, reference, sales):
    """Six of 2016 and 2017 are too: the contract names no exclusion of theirs."""
    table = reference("ratio/king_wa_2018_sales_assessments.csv")
    given = sales(
        sale_date=table["DocumentDate"].str.to_date(), sale_price=table["SalePrice"], assessed_value=table["ApprVal"]
    )
    told = ask(STUDY, given, interval_method="analytic").summary
    ratio = table["ApprVal"] / table["SalePrice"]
    middle = ratio.median()
    assert told["n"] == len(ratio) == 1000
    assert told["median"] == pytest.approx(middle, rel=1e-12)
    assert told["cod"] == pytest.approx(100 * (ratio - middle).abs().mean() / middle, rel=1e-12)


def test_what_is_allowed_in_place_of_an_index_that_cannot_be_is_all_that_can(ask, rising):
    zips = rising.with_columns(zip_code=pl.Series([str(98101 + place % 3) for place in range(rising.height)]))
    with pytest.raises(InvalidParameters) as refused:
        ask(STUDY, zips, time_adjust="robust", **QUICK)
    assert refused.value.allowed == "hedonic, stratified_median, none"
