import json
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.document import render
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.analysis.indexes import CHARACTERISTICS
from terrafusion.analysis.points import POINTS
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import InvalidParameters, SimulatedFailure


def reasons(answer):
    return [caution.code for caution in answer.warnings]


def test_the_catalogue_has_them():
    catalogue = load_catalogue()
    assert {"price_trend_by_zip", "trend_analysis", "simulated_price_trends", "FAILING_ANALYSIS_SIM"} <= catalogue.names
    assert catalogue.get("simulated_price_trends") is catalogue.get("trend_analysis")


def test_the_drill_fails(ask, sales):
    with pytest.raises(SimulatedFailure):
        ask("FAILING_ANALYSIS_SIM", sales(sale_date=[]), min_sales=5)


def test_an_empty_selection_is_an_answer_of_the_same_shape(ask, king_wa):
    empty = ask("price_trend_by_zip", king_wa, zip_codes=["00001"])
    full = ask("price_trend_by_zip", king_wa, zip_codes=["98103"])
    assert "no sales were found" in empty.summary["key_finding"]
    assert empty.summary["data_points_analyzed"] == 0
    assert empty.data_quality["excluded"] == {"outside_zip_codes": 43_313}
    assert (empty.table.height, empty.table.schema) == (0, full.table.schema)
    assert ask("trend_analysis", king_wa.clear()).data_quality["read"] == 0


def test_a_column_that_the_county_lacks_is_refused(ask, king_wa):
    with pytest.raises(InvalidParameters, match=r"group_by is 'deed_type'.*neighborhood") as refused:
        ask("trend_analysis", king_wa, group_by="deed_type")
    assert "condition" not in refused.value.allowed


def test_years_alone_allow_no_finer_period(ask, king_wa):
    known = king_wa.with_columns(pl.col("sale_date").dt.truncate("1y").dt.offset_by("6mo"), year_only=True)
    with pytest.raises(InvalidParameters, match=r"period is 'month'.*year, auto"):
        ask("trend_analysis", known)
    answer = ask("trend_analysis", known, period="auto")
    assert answer.trends["period"].to_list() == [str(year) for year in range(2010, 2017)]
    assert "year_only" in reasons(answer)


def test_years_alone_of_sales_that_are_not_asked_for_refuse_nothing(ask, king_wa):
    known = king_wa.with_columns(year_only=pl.col("zip_code") == "98103", property_type=pl.lit("house"))
    assert ask("trend_analysis", known, zip_codes=["98115"]).trends.height == 84
    assert ask(
        "ratio_study", known.with_columns(assessed_value="sale_price"), zip_codes=["98115"], group_by="sale_month"
    )
    for asked in ({"zip_codes": ["98103", "98115"]}, {"property_types": ["house"]}):
        with pytest.raises(InvalidParameters, match="only the year is known"):
            ask("trend_analysis", known, **asked)


def test_auto_takes_the_finest_period_whose_typical_cell_is_not_thin(ask, king_wa):
    assert ask("trend_analysis", king_wa, period="auto").summary["period"] == "month"
    assert ask("price_trend_by_zip", king_wa, period="auto").summary["period"] == "quarter"
    assert ask("price_trend_by_zip", king_wa, period="auto", fallback_min_sales=500).summary["period"] == "year"


def test_points_agree_with_a_plain_query(ask, king_wa):
    points = ask("price_trend_by_zip", king_wa, min_sales=1).trends
    plain = (
        king_wa.group_by(pl.col("zip_code").alias("group"), pl.col("sale_date").dt.strftime("%Y-%m").alias("period"))
        .agg(
            pl.col("sale_price").median(),
            pl.len(),
            (pl.col("sale_price") / pl.col("building_size_sqft")).median().alias("u"),
        )
        .sort("group", "period")
    )
    assert points.select("group", "period").equals(plain.select("group", "period"))
    assert points["sales_volume"].to_list() == plain["len"].to_list()
    assert points["median_price"].to_list() == plain["sale_price"].to_list()
    assert points["median_price_per_sqft"].to_list() == pytest.approx(plain["u"].to_list())


def test_a_suppressed_cell_keeps_its_count_and_shows_no_price(ask, king_wa):
    hidden = ask("price_trend_by_zip", king_wa).table.filter("suppressed")
    told = [name for name in POINTS if "price" in name or name.startswith(("index", "median", "dollar", "p2", "p7"))]
    prices = [name for name in told if not name.endswith("_n")]
    assert hidden.height == 405
    assert hidden["sales_volume"].max() == 9
    assert hidden.select(pl.col([*prices, "mom", "yoy"]).count()).sum_horizontal().item() == 0


def test_a_unit_price_of_too_few_sizes_is_not_published_and_its_n_is(ask, king_wa):
    """Of the sales of a group only some have an area; wider figures are held to their own least number."""
    some = king_wa.filter(pl.col("zip_code").is_in(["98103", "98115"]), pl.col("sale_date") < date(2010, 7, 1))
    place = pl.int_range(pl.len()).over("zip_code")
    known = pl.when(place < pl.when(pl.col("zip_code") == "98103").then(9).otherwise(10)).then("building_size_sqft")
    given, asked = some.with_columns(known.alias("building_size_sqft")), {"group_by": "zip_code", "period": "year"}
    answer = ask("trend_analysis", given, fallback="cascade", fallback_min_sales=10_000, **asked)
    assert answer.trends["price_per_sqft_n"].to_list() == answer.table["price_per_sqft_n"].to_list() == [9, 10]
    assert answer.trends["median_price_per_sqft"].is_null().to_list() == [True, False]
    assert answer.trends["median_price"].null_count() == 0
    wide = {"fallback": "cascade", "fallback_min_sales": some.height}
    for sizes, told in ((given, True), (some, False)):
        (thin, _) = ask("trend_analysis", sizes, **asked, **wide).trends.rows(named=True)
        assert thin["fallback_sales_volume"] == some.height
        assert thin["fallback_price_per_sqft_n"] == (19 if told else some.height)
        assert (thin["fallback_median_price_per_sqft"] is None) == told


def test_the_sample_county(ask, king_wa):
    answer = ask("price_trend_by_zip", king_wa)
    assert answer.summary["key_finding"] == (
        "From 2010-01 to 2016-12 prices at constant quality rose 57.9% (95% interval +52.9% to +63.1%), and the raw "
        "median price rose 65.0% (95% interval +52.7% to +74.6%) in here (43,313 sales; of 25 ZIP codes 23 rose, "
        "0 fell, 0 show no clear change, 2 cannot be told)."
    )
    assert answer.summary["difference_pct_points"] == pytest.approx(65.0 - 57.9, abs=0.1)
    assert answer.data_quality["partial_periods"] == []
    json.dumps(render(answer).document, allow_nan=False)


def test_a_placeholder_date_changes_no_figure_of_the_sample_county(ask, king_wa):
    placeholder = king_wa.head(1).with_columns(sale_date=date(1900, 1, 1), sale_id=pl.lit("placeholder"))
    told, asked = (ask("trend_analysis", sales) for sales in (pl.concat([placeholder, king_wa]), king_wa))
    assert told.summary == asked.summary
    assert told.table.equals(asked.table)
    assert told.data_quality["excluded"] == {**asked.data_quality["excluded"], "before_a_long_pause": 1}


def test_king_county_2014_15(ask, king_2014_15, king_2014_15_months):
    county = ask("trend_analysis", king_2014_15).trends
    assert county["period"].to_list() == king_2014_15_months["period"].to_list()
    for mine, theirs in (
        ("sales_volume", "n"),
        ("average_price", "a"),
        ("median_price", "m"),
        ("median_price_per_sqft", "ppsf"),
    ):
        assert county[mine].to_list() == pytest.approx(king_2014_15_months[theirs].to_list(), rel=1e-12)
    quality = ask("price_trend_by_zip", king_2014_15).data_quality
    assert (quality["cells"], round(quality["thin_cell_share"], 3)) == (904, 0.706)


def test_the_raw_median_fell_while_like_homes_did_not(ask, king_2014_15):
    answer = ask("trend_analysis", king_2014_15, end_date="2015-02-28")
    assert (answer.summary["first_period"], answer.summary["last_period"]) == ("2014-05", "2015-02")
    assert answer.summary["raw_change_pct"] == pytest.approx(-8.28, abs=0.01)
    assert answer.summary["constant_quality_ci_low_pct"] > 0
    assert "raw median price fell 8.3%" in answer.summary["key_finding"]


@pytest.mark.parametrize(
    "parameters", [{"group_by": "neighborhood", "fallback": "cascade"}, {"group_by": ["zip_code", "sale_year"]}]
)
def test_the_file_does_not_depend_on_the_order_of_the_records(ask, king_wa, parameters):
    some = king_wa.filter(pl.col("sale_date") >= date(2015, 1, 1))
    files = [
        render(ask("trend_analysis", some.sample(fraction=1, shuffle=True, seed=seed), **parameters)).sha256
        for seed in range(3)
    ]
    assert len(set(files)) == 1


@pytest.mark.parametrize("factor", [0.5, 3.7])
def test_scaling_prices_scales_dollars_and_nothing_else(ask, king_wa, factor):
    some = king_wa.filter(pl.col("sale_date") >= date(2015, 1, 1))
    scaled = some.with_columns(pl.col("sale_price") * factor)
    one, other = (ask("price_trend_by_zip", given, sale_filter={"min_price": 0}).table for given in (some, scaled))
    dollars = [
        "dollar_volume",
        "average_price",
        "median_price",
        "median_ci_low",
        "median_ci_high",
        "p25",
        "p75",
        "median_price_per_sqft",
    ]
    wanted = one.with_columns(pl.col(dollars) * factor)
    assert_frame_equal(wanted, other, rel_tol=1e-9, abs_tol=1e-8)


@pytest.mark.parametrize("parameters", [{}, {"period": "week"}, {"group_by": ["property_type", "bedrooms"]}])
def test_every_sale_used_is_in_one_cell(ask, king_wa, parameters):
    answer = ask("trend_analysis", king_wa, sale_filter={"min_price": 300_000, "outlier_method": "iqr"}, **parameters)
    told = answer.data_quality
    assert answer.trends["sales_volume"].sum() == told["used"] == answer.summary["data_points_analyzed"]
    assert told["used"] + sum(told["excluded"].values()) == told["read"] == king_wa.height
    assert told["cells"] == answer.trends.height


def test_a_partial_period_is_shown_and_not_compared(ask, sales):
    days = [date(2014, 1, 1) + timedelta(days=day) for day in range(100) for _ in range(2)]
    answer = ask("trend_analysis", sales(sale_date=days, sale_price=100_000.0))
    assert answer.trends["partial"].to_list() == [False, False, False, True]
    assert answer.summary["last_period"] == "2014-03"
    cut = ask("trend_analysis", sales(sale_date=days, sale_price=100_000.0), start_date="2014-01-10")
    assert cut.trends["partial"].to_list() == [True, False, False, True]
    assert cut.data_quality["partial_periods"] == ["2014-01", "2014-04"]


def test_without_characteristics_there_is_no_index_and_a_warning(ask, sales):
    days = [date(2014, 1, 1) + timedelta(days=day) for day in range(90)]
    answer = ask("trend_analysis", sales(sale_date=days, sale_price=[100_000.0 + day for day in range(90)]))
    assert "index_unavailable" in reasons(answer)
    assert answer.summary["constant_quality_change_pct"] is None
    assert answer.trends["index"].null_count() == 3
    assert "index_unavailable" not in reasons(
        ask("trend_analysis", sales(sale_date=days, sale_price=1e5), index_method="none")
    )


@pytest.fixture
def two_places(sales):
    """Homes of two ZIPs that always fetch the same there; in February two thirds sell in the dear one, in January one third."""
    days = [date(2014, month, day) for month in (1, 2) for day in range(1, 29)] + [date(2014, 3, 1), date(2013, 12, 31)]
    dear = [day.day % 3 > (day.month == 1) for day in days]
    jitter = [1 + 0.01 * (day.day % 7 - 3) for day in days]
    price = [(600_000 if is_dear else 200_000) * by for is_dear, by in zip(dear, jitter, strict=True)]
    zips = ["98101" if is_dear else "98102" for is_dear in dear]
    return sales(sale_date=days, sale_price=price, zip_code=zips)


def test_without_an_index_medians_of_like_places_check_the_raw_one(ask, two_places):
    told = ask("trend_analysis", two_places, min_sales=5).summary
    assert (told["first_period"], told["last_period"]) == ("2014-01", "2014-02")
    assert told["raw_change_pct"] > 100
    assert told["cross_check"] == "medians of areas and types with fixed weights"
    assert told["cross_check_change_pct"] == pytest.approx(0, abs=1)
    assert told["cross_check_change_ci_low_pct"] < 0 < told["cross_check_change_ci_high_pct"]
    assert told["cross_check_change_observations"] == 58
    said = ", and medians of areas and types with fixed weights showed no clear change (+0.0%, 95% interval -2.5% to +2.5%) in"
    assert said in told["key_finding"]
    assert "change_unchecked" not in reasons(ask("trend_analysis", two_places, min_sales=5))


@pytest.mark.parametrize("asked", [{}, {"period": "quarter"}])
def test_the_check_is_the_index_else_that_of_another_type(ask, king_wa, asked):
    whole = ask("price_trend_by_zip", king_wa, **asked).summary
    ends = ("pct", "ci_low_pct", "ci_high_pct")
    quality = ("constant_quality_change_pct", "constant_quality_ci_low_pct", "constant_quality_ci_high_pct")
    assert [whole[f"cross_check_change_{end}"] for end in ends] == [whole[name] for name in quality]
    assert (whole["cross_check"], whole["cross_check_change_observations"]) == ("hedonic time-dummy regression", 43_313)
    bare = king_wa.with_columns(
        pl.lit(None, SALES_SCHEMA[name]).alias(name) for name in (*CHARACTERISTICS, "property_type")
    )
    told = ask("price_trend_by_zip", bare, **asked).summary
    other = ask("price_index", bare, method="stratified_median", **asked).summary
    assert [told[f"cross_check_change_{end}"] for end in ends] == pytest.approx([other[name] for name in quality])


@pytest.mark.parametrize("asked", [{}, {"index_method": "none"}])
def test_a_change_that_nothing_checks_is_told(ask, two_places, asked):
    alike = two_places.with_columns(zip_code=pl.lit("98101"))
    given = two_places if asked else alike
    answer = ask("trend_analysis", given, min_sales=5, **asked)
    assert answer.summary["cross_check"] is answer.summary["cross_check_change_pct"] is None
    assert "change_unchecked" in reasons(answer)
    assert "change_unchecked" not in reasons(ask("trend_analysis", given.head(20), min_sales=5, **asked))


def test_incomplete_characteristics_are_told(ask, king_wa):
    gaps = king_wa.with_row_index("row").with_columns(
        pl.when(pl.col("row") % 50 > 0).then("grade").alias("grade"),
        pl.when(pl.col("row") % 5 > 0).then("bedrooms").alias("bedrooms"),
    )
    answer = ask("trend_analysis", gaps)
    assert {"index_characteristics_left_out", "index_sales_incomplete"} <= set(reasons(answer))
    assert any(caution.message.startswith("867 of 43313 sales lack") for caution in answer.warnings)
    assert "grade" in answer.summary["characteristics"]
    assert "bedrooms" not in answer.summary["characteristics"]
    assert answer.summary["index_sales"] == 43_313 - 867


def test_missing_periods_are_not_there(ask, sales):
    days = [date(2014, 1, 5)] * 12 + [date(2014, 3, 5)] * 12
    points = ask("trend_analysis", sales(sale_date=days, sale_price=100_000.0)).trends
    assert points["period"].to_list() == ["2014-01", "2014-03"]
    assert points["mom"].to_list() == [None, None]


@pytest.mark.parametrize("kind", ["trend_analysis", "price_trend_by_zip"])
@pytest.mark.parametrize("least", [1, 10])
def test_one_sale_is_counted_and_nothing_is_compared(ask, king_wa, kind, least):
    """A price is told where one sale is enough, without an interval; no change and no index is."""
    answer = ask(kind, king_wa.head(1), min_sales=least)
    (point,) = answer.trends.rows(named=True)
    price = king_wa["sale_price"][0]
    assert (point["sales_volume"], point["suppressed"]) == (1, least > 1)
    for name in ("average_price", "median_price", "p25", "p75", "dollar_volume"):
        assert point[name] == (price if least == 1 else None)
    for name in ("median_ci_low", "median_ci_high", "mom", "yoy", "index"):
        assert point[name] is None
    assert answer.summary["raw_change_pct"] is answer.summary["cross_check"] is None
    assert "the request selects 1 sale; no two full periods" in answer.summary["key_finding"]
    json.dumps(render(answer).document, allow_nan=False)


def test_a_few_sales_of_a_day_to_come_change_nothing_unless_asked_for(ask, few, sales):
    days = [date(2190, 1, 1), date(9999, 12, 31)]
    odd = sales(sale_id=["x", "y"], sale_date=days, sale_price=[1e12, 1e5], zip_code=["98103", "98199"])
    given = pl.concat([few, odd])
    plain, more = (ask("price_trend_by_zip", sold, period="quarter") for sold in (few, given))
    assert more.table.equals(plain.table)
    assert more.summary == plain.summary
    assert "after_a_long_pause" in reasons(more)
    assert more.data_quality["excluded"] == {**plain.data_quality["excluded"], "after_a_long_pause": 2}
    kept = ask("price_trend_by_zip", given, period="quarter", end_date="2200-12-31", min_sales=1)
    assert kept.trends.filter(pl.col("period") == "2190-Q1")["median_price"].to_list() == [1e12]
    assert kept.data_quality["excluded"] == {"outside_dates": 1}


@pytest.fixture(scope="module")
def few(king_wa):
    """Two years of three ZIPs."""
    return king_wa.filter(
        pl.col("zip_code").is_in(["98103", "98115", "98117"]), pl.col("sale_date") >= date(2015, 1, 1)
    )


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    why=st.sampled_from(["no price", "no date", "too cheap", "elsewhere", "too early", "excluded code"]),
    at=st.integers(0, 2_000),
    bare=st.booleans(),
)
def test_a_sale_that_is_excluded_changes_nothing(ask, few, why, at, bare):
    given = few.with_columns(pl.lit(None, SALES_SCHEMA[name]).alias(name) for name in CHARACTERISTICS) if bare else few
    asked = {
        "start_date": "2015-01-01",
        "zip_codes": ["98103", "98115", "98117"],
        "sale_filter": {"exclude_codes": ["X"]},
        "period": "quarter",
    }
    changed = {
        "no price": {"sale_price": [None, -5.0, 0.0, float("nan"), 5e12][at % 5]},
        "no date": {"sale_date": None},
        "too cheap": {"sale_price": 9_999.0},
        "elsewhere": {"zip_code": "98199"},
        "too early": {"sale_date": date(2014, 12, 31 - at % 28)},
        "excluded code": {"validity_code": "X", "sale_price": 1e9},
    }[why]
    one = given[at % given.height].with_columns(
        pl.lit(value, SALES_SCHEMA[name]).alias(name) for name, value in changed.items()
    )
    codes = given.with_columns(validity_code=pl.lit("A"))
    other = one if "validity_code" in changed else one.with_columns(validity_code=pl.lit("A"))
    plain, more = (ask("price_trend_by_zip", sold, **asked) for sold in (codes, pl.concat([codes, other])))
    assert more.table.equals(plain.table)
    assert more.summary == plain.summary
    assert more.data_quality["read"] == plain.data_quality["read"] + 1
    assert more.data_quality["used"] == plain.data_quality["used"] == plain.data_quality["read"]
