import json
from datetime import date
from typing import get_args

import numpy as np
import polars as pl
import pytest
from scipy.stats import linregress

from terrafusion.analysis import timing
from terrafusion.analysis.document import render
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.time_adjustment.parameters import AdjustmentMethod
from terrafusion.errors import InvalidParameters

from .conftest import RECIPE, asked_of

KIND = "time_adjustment"
METHODS = get_args(AdjustmentMethod)


def codes(answer):
    return [caution.code for caution in answer.warnings]


def sold(answer):
    return answer.table.filter(pl.col("record") == "sale")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_growth(ask, town, method):
    answer = ask(KIND, town, method=method, min_hold_months=1)
    told = answer.summary
    assert (told["method_name"], told["first_period"], told["valuation_period"]) == (method, "2014-01", "2014-12")
    within = 0.10 if method in {"stratified_median", "ratio_trend"} else 0.05
    assert np.log(told["factor"]) == pytest.approx(RECIPE.growth, abs=within)
    assert told["change_ci_low_pct"] < told["change_pct"] < told["change_ci_high_pct"]
    assert "rose" in told["key_finding"]
    assert told["cross_check"] not in (None, told["method"])
    assert abs(told["cross_check_difference_pct_points"]) < 12


def test_resold_within_two_years_is_no_check_and_warned_of(ask, town, king_wa):
    assert "repeat sales" not in ask(KIND, town).summary["cross_check"]
    assert "repeat_sales_short_span" in codes(ask(KIND, town, method="robust", min_hold_months=1))
    years = ask(KIND, king_wa, method="robust", period="year")
    assert "repeat_sales_short_span" not in codes(years)
    assert "repeat sales" in ask(KIND, king_wa, period="year").summary["cross_check"]


def test_a_price_is_multiplied_by_the_index_then_over_the_index_at_the_sale(ask, town):
    answer = ask(KIND, town, valuation_date="2014-09-15")
    index = ask("price_index", town, method="hedonic_time_dummy").rows
    factor = index.select("period", wanted=index.filter(period="2014-09")["index"].item() / pl.col("index"))
    found = sold(answer).join(factor, on="period")
    np.testing.assert_allclose(found["time_adjusted_price"], found["sale_price"] * found["wanted"], rtol=1e-9)
    assert found.height == town.height
    assert set(found["sale_id"]) == set(town["sale_id"])
    line = timing.timeline(town, "hedonic_time_dummy", period="month")
    by_day = dict(zip(town["sale_id"], line.factors(town["sale_date"], date(2014, 9, 15)), strict=True))
    np.testing.assert_allclose(found["factor"], [by_day[name] for name in found["sale_id"]], rtol=1e-9)


def test_the_interval_is_that_of_the_difference_of_the_index(ask, town):
    rows = ask(KIND, town, valuation_date="2014-01-15").rows
    index = ask("price_index", town, method="hedonic_time_dummy").rows
    np.testing.assert_allclose(rows["standard_error"], index["standard_error"], rtol=1e-9)
    np.testing.assert_allclose(rows["ci_high"], 100 / index["ci_low"], rtol=1e-9)
    assert rows.row(0, named=True)["factor"] == rows.row(0, named=True)["ci_low"] == 1.0


def test_the_trend_of_ratios_is_the_line_of_least_squares(ask, town):
    answer = ask(KIND, town, method="ratio_trend")
    years = town["sale_date"].to_physical().to_numpy() / 365.25
    line = linregress(years, np.log((town["assessed_value"] / town["sale_price"]).to_numpy()))
    assert answer.summary["time_slope"] == pytest.approx(line.slope)
    assert answer.summary["adjusted_time_slope_ci_low"] < 0 < answer.summary["adjusted_time_slope_ci_high"]
    rows = answer.rows
    middle = [(date(2014, 12, 16) - date(2014, 1, 16)).days / 365.25]
    assert np.log(rows["factor"][0]) == pytest.approx(-line.slope * middle[0], rel=1e-3)
    assert rows["standard_error"][0] == pytest.approx(line.stderr * middle[0], rel=1e-3)


def test_the_slope_of_ratios_goes_away(ask, lucas_oh):
    told = ask(KIND, lucas_oh).summary
    study = ask("ratio_study", lucas_oh, interval_method="analytic", time_adjust="hedonic").summary
    for name in ("time_slope", "adjusted_time_slope", "time_slope_ci_low", "adjusted_time_slope_ci_high"):
        assert told[name] == pytest.approx(study[name], rel=1e-9)
    assert abs(told["adjusted_time_slope"]) < abs(told["time_slope"]) / 3


def test_each_area_moves_by_its_own_as_far_as_its_sales_tell(ask, county):
    answer = ask(KIND, county, group_by="zip_code")
    first = {row["group"]: row for row in answer.rows.filter(period="2014-01").iter_rows(named=True)}
    assert list(first) == ["98101", "98102", "98103", "98104", "98105"]
    for name, growth in (("98101", 0.3), ("98102", 0.1), ("98103", 0.2)):
        row = first[name]
        assert row["log_factor"] == pytest.approx(growth, abs=0.06)
        assert row["weight"] > 0.8
        own, whole = np.log(row["own_factor"]), np.log(row["county_factor"])
        assert row["log_factor"] == pytest.approx(row["weight"] * own + (1 - row["weight"]) * whole)
        assert row["weight"] == pytest.approx(row["tau"] ** 2 / (row["tau"] ** 2 + row["own_standard_error"] ** 2))
    for name in ("98104", "98105"):
        row = first[name]
        assert (row["weight"], row["factor"], row["own_factor"]) == (0.0, row["county_factor"], None)
        assert row["standard_error"] > row["tau"]
    assert first["98105"]["group_observations"] == 0
    assert "groups_borrow" in codes(answer)
    assert answer.summary["groups"] == 5
    assert answer.summary["groups_with_own_factors"] == 3


def test_areas_of_the_roll_without_a_sale_have_the_countys_factors(county):
    roll = pl.DataFrame({"zip_code": ["98101", "98199"], "neighborhood": None, "property_type": None})
    rows = asked_of(county, roll, group_by="zip_code", zip_codes=["98101", "98102", "98103", "98199"]).rows
    assert rows["group"].unique().sort().to_list() == ["98101", "98102", "98103", "98199"]
    bare = rows.filter(group="98199")
    assert bare["factor"].to_list() == bare["county_factor"].to_list()


def test_market_areas_of_the_profile_are_areas(county):
    areas = {
        "north": {"zip_codes": ["98101", "98102"]},
        "south": {"zip_codes": ["98103", "98104"]},
        "west": {"zip_codes": ["98199"]},
    }
    profile = CountyProfile.model_validate({"market_areas": areas})
    roll = pl.DataFrame({"zip_code": ["98199"], "neighborhood": None, "property_type": None})
    rows = asked_of(county, roll, profile, group_by="market_area").rows
    assert rows["group"].unique().sort().to_list() == ["north", "south", "west"]
    assert rows.filter(group="west")["group_observations"].unique().to_list() == [0]


def test_ratios_may_be_to_the_values_of_the_roll(town):
    values = {"assessed_value": 2.0, "market_value": 1.0, "assessment_year": 2014}
    parcels = town.unique("parcel_number", keep="first", maintain_order=True).select("parcel_number", "assessed_value")
    roll = parcels.select("parcel_number", **{name: pl.col("assessed_value") * by for name, by in values.items()})
    bare = town.with_columns(assessed_value=pl.lit(None, pl.Float64))
    told = asked_of(bare, roll, value_field="market_value").summary
    assert told["time_slope_ci_high"] < 0
    assert told["time_slope_sales"] == town.height
    trend = asked_of(bare, roll, value_field="roll_assessed_value", method="ratio_trend").summary
    assert trend["time_slope"] == pytest.approx(told["time_slope"])
    with pytest.raises(InvalidParameters, match="allowed is roll_assessed_value, market_value"):
        asked_of(bare, roll, method="ratio_trend")


def test_pooling_none_and_county_are_the_two_ends(ask, county):
    found = {
        how: ask(KIND, county, group_by="zip_code", pooling=how).rows for how in ("none", "county", "dersimonian_laird")
    }
    county_rows = found["county"]
    assert county_rows["factor"].to_list() == county_rows["county_factor"].to_list()
    alone = found["none"].filter(group="98101")
    np.testing.assert_allclose(alone["factor"], alone["own_factor"], rtol=1e-12)
    single = ask(KIND, county.filter(pl.col("zip_code") == "98101")).rows
    np.testing.assert_allclose(alone["factor"], single["factor"], rtol=1e-9)
    assert found["none"].filter(group="98104")["factor"].null_count() == 12
    answer = ask(KIND, county, group_by="zip_code", pooling="none")
    assert "factors_unavailable" in codes(answer)
    assert sold(answer).filter(group="98104")["time_adjusted_price"].null_count() == 25


def test_areas_too_few_to_differ_take_the_countys_without_interval(ask, county):
    some = county.filter(pl.col("zip_code").is_in(["98101", "98104"]))
    answer = ask(KIND, some, group_by="zip_code")
    assert "between_areas_unknown" in codes(answer)
    assert answer.rows["factor"].to_list() == answer.rows["county_factor"].to_list()
    assert answer.rows.filter(period="2014-01")["ci_low"].to_list() == [None, None]


def test_a_silent_area_moves_with_the_county_from_where_it_is_known(ask, county):
    late = (pl.col("zip_code") == "98102") & (pl.col("sale_date") > date(2014, 8, 31))
    rows = ask(KIND, county.filter(~late), group_by="zip_code").rows.filter(group="98102")
    row = rows.row(0, named=True)
    expected = 0.1 * 7 / 11 + np.log(rows["county_factor"][7])
    assert row["weight"] > 0.5
    assert row["log_factor"] == pytest.approx(expected, abs=0.06)
    assert rows["weight"].to_list()[7:] == [0.0] * 5


@pytest.mark.parametrize(
    ("day", "period", "beyond"),
    [("2013-10-05", "2014-01", -3), ("2014-05-05", "2014-05", 0), ("2015-02-01", "2014-12", 2)],
)
def test_a_date_beyond_the_sales_takes_the_nearest_period_and_says_so(ask, town, day, period, beyond):
    answer = ask(KIND, town, valuation_date=day)
    assert (answer.summary["valuation_period"], answer.summary["periods_beyond"]) == (period, beyond)
    assert ("valuation_date_beyond_sales" in codes(answer)) is bool(beyond)
    assert answer.rows.filter(period=period)["factor"].to_list() == [1.0]


def test_dates_of_which_only_the_year_is_known(ask, town):
    years = pl.concat([town, town.with_columns(pl.col("sale_date").dt.offset_by("1y"), pl.col("sale_price") * 1.1)])
    known = years.with_columns(year_only=True)
    with pytest.raises(InvalidParameters, match="only the year is known"):
        ask(KIND, known)
    answer = ask(KIND, known, period="auto", valuation_date="2015-07-01")
    assert answer.rows["period"].to_list() == ["2014", "2015"]
    assert answer.rows["factor"][0] == pytest.approx(1.1, rel=0.01)
    assert "year_only" in codes(answer)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("grouped", ["county", "zip_code"])
def test_an_empty_selection_is_an_answer_of_the_same_shape(ask, town, method, grouped):
    empty, full = (ask(KIND, town, method=method, group_by=grouped, **more) for more in ({"start_year": 2100}, {}))
    assert "no sales were found" in empty.summary["key_finding"]
    assert empty.data_quality["excluded"] == {"outside_dates": town.height}
    assert (empty.table.height, empty.table.schema) == (0, full.table.schema)
    assert set(empty.summary) == set(full.summary)
    json.dumps(render(empty).document, allow_nan=False)
    assert ask(KIND, town.clear(), method=method).data_quality["read"] == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 2, 12])
def test_too_few_sales_have_no_factor_and_it_is_said(ask, town, method, count):
    answer = ask(KIND, town.head(count), method=method)
    json.dumps(render(answer).document, allow_nan=False)
    assert answer.summary["change_pct"] is None
    assert sold(answer).height == count
    if method not in {"ratio_trend", "stratified_median"}:
        assert "too_few_observations" in codes(answer)
        assert sold(answer)["time_adjusted_price"].null_count() == count
        assert "too few to tell" in answer.summary["key_finding"]


@pytest.mark.parametrize("method", METHODS)
def test_equal_prices_stay_as_they_are(ask, town, method):
    flat = town.with_columns(sale_price=250_000.0, assessed_value=200_000.0)
    answer = ask(KIND, flat, method=method)
    np.testing.assert_allclose(sold(answer)["time_adjusted_price"].drop_nulls(), 250_000, rtol=1e-9)
    assert "rose" not in answer.summary["key_finding"]


def test_two_periods_by_hand(ask, sales):
    draw = np.random.default_rng(4)
    size = draw.normal(7.5, 0.3, 120)
    late = np.repeat([0.0, 1.0], 60)
    logs = 5 + 0.8 * size + 0.1 * late + draw.normal(0, 0.1, 120)
    town = sales(
        sale_date=[date(2014 + int(year), 7, 1 + at % 28) for at, year in enumerate(late)],
        sale_price=np.exp(logs),
        building_size_sqft=np.exp(size),
    )
    found = np.linalg.lstsq(np.column_stack([np.ones(120), late, size]), logs, rcond=None)[0]
    rows = ask(KIND, town, period="year").rows
    assert rows["log_factor"].to_list() == [pytest.approx(found[1], rel=1e-9), 0.0]


def test_no_repeat_pair_gives_no_factor(ask, town):
    once = town.unique("parcel_number", keep="first", maintain_order=True)
    answer = ask(KIND, once, method="robust")
    assert "there are 0 pairs" in {one.code: one.message for one in answer.warnings}["too_few_observations"]
    assert sold(answer)["time_adjusted_price"].null_count() == once.height


def test_a_characteristic_that_repeats_another_and_absurd_prices_of_others_change_nothing_much(ask, town):
    plain = ask(KIND, town).rows
    twice = ask(KIND, town.with_columns(lot_size_sqft=pl.col("building_size_sqft") ** 2)).rows
    np.testing.assert_allclose(plain["factor"], twice["factor"], rtol=1e-7)
    absurd = pl.concat([town, town.head(3).with_columns(pl.lit(9e11).alias("sale_price"), sale_id=pl.lit("x"))])
    trimmed = ask(KIND, absurd, sale_filter={"outlier_method": "iqr"}, method="regression")
    assert trimmed.data_quality["excluded"]["outlier"] >= 3
    assert np.log(trimmed.summary["factor"]) == pytest.approx(RECIPE.growth, abs=0.05)


def test_one_period_adjusts_nothing(ask, town):
    answer = ask(KIND, town.filter(pl.col("sale_date") < date(2014, 2, 1)))
    assert sold(answer)["factor"].to_list() == [1.0] * sold(answer).height
    assert "no earlier full period" in answer.summary["key_finding"]


def test_a_thin_period_lies_between_its_neighbours_without_interval(ask, town):
    june = pl.col("sale_date").dt.month() == 6
    answer = ask(KIND, town.filter(~june | (pl.int_range(pl.len()) % 30 == 0)))
    logs = answer.rows["log_factor"].to_numpy()[4:7]
    assert np.diff(logs, 2) == pytest.approx(0, abs=1e-12)
    row = answer.rows.row(5, named=True)
    assert (row["imputed"], row["ci_low"], row["standard_error"]) == (True, None, None)
    assert "factors_imputed" in codes(answer)


def test_few_sales_at_the_valuation_date_are_told(ask, town):
    early = town.filter((pl.col("sale_date") < date(2014, 11, 5)) & (pl.col("sale_price") < 1e9))
    answer = ask(KIND, early)
    told = {caution.code: caution.message for caution in answer.warnings}["valuation_period_thin"]
    count = early.filter(pl.col("sale_date").dt.month() == 11).height
    assert f"rests on the {count} sales of 2014-11, which is not a full month" in told
    assert "valuation_period_thin" not in codes(ask(KIND, early, valuation_date="2014-10-05"))


def test_where_the_valuation_period_is_thin_no_factor_has_an_interval(ask, town):
    june = pl.col("sale_date").dt.month() == 6
    answer = ask(KIND, town.filter(~june | (pl.int_range(pl.len()) % 30 == 0)), valuation_date="2014-06-15")
    assert answer.rows["imputed"].all()
    assert answer.rows["ci_low"].to_list() == [None] * 5 + [1.0] + [None] * 6


def test_an_area_alone_that_stops_selling_has_no_interval(ask, county):
    late = (pl.col("zip_code") == "98102") & (pl.col("sale_date") > date(2014, 8, 31))
    rows = ask(KIND, county.filter(~late), group_by="zip_code", pooling="none").rows.filter(group="98102")
    assert rows["imputed"].all()
    assert rows["factor"].to_list()[7:] == [1.0] * 5
    assert rows["ci_low"].to_list()[:7] == [None] * 7


def test_without_values_the_slope_is_not_told(ask, town):
    answer = ask(KIND, town.with_columns(assessed_value=None))
    assert answer.summary["time_slope"] is None
    assert "time_slope_unavailable" in codes(answer)
    assert "ratios" not in answer.summary["key_finding"]


@pytest.mark.parametrize(
    ("lacking", "asked", "field", "said"),
    [
        ("assessed_value", {"method": "ratio_trend"}, "value_field", "records nothing"),
        ("building_size_sqft", {}, "method", "allowed are bmn, .*, ratio_trend"),
        ("building_size_sqft", {"method": "hedonic_imputation"}, "method", "any characteristic"),
        ("parcel_number", {"method": "robust"}, "method", "needs parcel_number.*allowed are regression"),
        ("grade", {"characteristics": ["grade"]}, "characteristics", "grade.*building_size_sqft"),
        ("zip_code", {"group_by": "zip_code"}, "group_by", "zip_code"),
    ],
)
def test_a_missing_column_is_named_with_what_can_be_asked(ask, town, lacking, asked, field, said):
    bare = town.with_columns(pl.lit(None, town.schema[lacking]).alias(lacking))
    with pytest.raises(InvalidParameters, match=said) as refused:
        ask(KIND, bare, **asked)
    assert refused.value.field == field
    assert refused.value.allowed


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"method": "guess"}, "method", "'regression'"),
        ({"pooling": "some"}, "pooling", "'dersimonian_laird', 'none' or 'county'"),
        ({"group_by": ["zip_code", "sale_year"]}, "group_by", "must not name sale_year"),
        ({"value_field": "price"}, "value_field", "'assessed_value'"),
        ({"compare": True}, "compare", "characteristics"),
    ],
)
def test_a_bad_parameter_names_the_field_and_what_is_allowed(ask, town, asked, field, said):
    with pytest.raises(InvalidParameters) as refused:
        ask(KIND, town, **asked)
    assert refused.value.field == field
    assert said in str(refused.value)


def test_a_hedonic_regression_by_any_name(ask, town):
    names = {ask(KIND, town, method=name).summary["parameter_hash"] for name in ("regression", "hedonic")}
    assert len(names) == 1


@pytest.mark.parametrize(("valued", "least"), [(2, 1), (None, 10)])
def test_a_slope_that_cannot_be_told_is_none_and_said(ask, town, valued, least):
    """Of two sales, or of sales of one day alone, a line has no slope with an error."""
    first = pl.col("sale_date") == town["sale_date"].mode().sort()[0]
    chosen = first if valued is None else pl.int_range(pl.len()) < valued
    made = town.with_columns(assessed_value=pl.when(chosen).then("assessed_value"))
    count = made["assessed_value"].count()
    answer = ask(KIND, made, min_sales=min(least, count), period="quarter")
    assert answer.summary["time_slope_sales"] == count
    assert answer.summary["time_slope"] is None
    assert answer.summary["adjusted_time_slope_ci_low"] is None
    assert "nan" not in answer.summary["key_finding"]
    assert "time_slope_unavailable" in codes(answer)


def test_a_slope_of_zero_keeps_its_interval(ask, town):
    told = ask(KIND, town.with_columns(assessed_value="sale_price")).summary
    assert (told["time_slope"], told["time_slope_ci_low"], told["time_slope_ci_high"]) == (0, 0, 0)
