import json
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.document import render
from terrafusion.errors import InvalidParameters

KIND = "price_forecast"


def month(place):
    return date(2010 + place // 12, place % 12 + 1, 1)


@pytest.fixture
def market(sales):
    """Make months of a market that grows by 4% a year and is dearest in summer, in two areas."""

    def make(months=48, a_month=60, seed=1):
        draw = np.random.default_rng(seed)
        place = np.repeat(np.arange(months), a_month)
        size, area = draw.normal(7.5, 0.3, len(place)), draw.integers(0, 2, len(place))
        days = draw.integers(0, 28, len(place))
        wave = 0.04 * np.sin(2 * np.pi * (place - 3) / 12)
        logs = 5 + size + 0.3 * area + 0.04 / 12 * place + wave + draw.normal(0, 0.08, len(place))
        return sales(
            sale_date=[month(at).replace(day=1 + int(day)) for at, day in zip(place, days, strict=True)],
            sale_price=np.exp(logs),
            building_size_sqft=np.exp(size),
            zip_code=np.where(area == 1, "98101", "98102"),
        )

    return make


def codes(answer):
    return [caution.code for caution in answer.warnings]


def records(answer, kind):
    table = answer.table.filter(pl.col("record") == kind)
    return table.select(name for name in table.columns if table[name].null_count() < max(table.height, 1))


def test_growth_and_seasons_go_on(ask, market):
    answer = ask(KIND, market(60), horizon=12, end_date="2014-12-31")
    place = np.arange(60, 72)
    truth = 0.04 / 12 * (place - 59) + 0.04 * (np.sin(2 * np.pi * (place - 3) / 12) - np.sin(2 * np.pi * 56 / 12))
    found = np.log1p(answer.rows["change_pct"].to_numpy() / 100)
    np.testing.assert_allclose(found, truth, atol=0.025)
    assert answer.rows["period"].to_list() == [f"2015-{number:02d}" for number in range(1, 13)]
    assert answer.rows["method"].to_list() == ["ets"] * 6 + ["blend"] * 5 + ["last_year"]
    assert answer.rows["months_ahead"].to_list() == list(range(1, 13))
    assert answer.summary["beats_naive"] is True
    low, high = (np.log1p(answer.rows[f"change_ci_{end}_pct"].to_numpy() / 100) for end in ("low", "high"))
    assert ((low < truth) & (truth < high)).sum() >= 11


def test_the_index_goes_on_from_the_history(ask, market):
    answer = ask(KIND, market(36))
    history, rows = records(answer, "history"), answer.rows
    index = ask("price_index", market(36), method="hedonic_time_dummy").rows
    np.testing.assert_allclose(history["index"], index["index"], rtol=1e-9)
    last = history["index"][-1]
    np.testing.assert_allclose(rows["index"], last * (1 + rows["change_pct"] / 100), rtol=1e-12)
    np.testing.assert_allclose(rows["ci_low"], last * (1 + rows["change_ci_low_pct"] / 100), rtol=1e-12)
    reached = np.log(rows["ci_high"] / rows["index"]).to_numpy()
    np.testing.assert_allclose(reached, np.log(rows["index"] / rows["ci_low"]), rtol=1e-9)
    assert (np.diff(reached) >= -1e-12).all()


def test_errors_and_measures_are_those_of_the_backtest_in_the_file(ask, market):
    answer = ask(KIND, market(48))
    past = records(answer, "backtest")
    for row in answer.rows.iter_rows(named=True):
        ahead = past.filter(horizon=row["horizon"])
        assert row["errors"] == ahead.height == 25 - row["horizon"]
        assert row["mape"] == pytest.approx(100 * np.abs(np.expm1(ahead["error"].to_numpy())).mean())
        assert row["naive_mape"] == pytest.approx(100 * np.abs(np.expm1(ahead["naive_error"].to_numpy())).mean())
    assert answer.summary["mean_mape"] == pytest.approx(answer.rows["mape"].mean())
    assert answer.summary["backtest_origins"] == 24
    first = past.row(0, named=True)
    assert (first["origin"], first["period"], first["horizon"]) == ("2011-12", "2012-01", 1)


def test_forecasts_of_the_past_do_not_see_later_sales(ask, market):
    """Not even through the hedonic slopes: later prices hang on size in another way."""
    town = market(48)
    late = pl.col("sale_date") >= date(2013, 1, 1)
    other = town.with_columns(
        pl.when(late).then(pl.col("sale_price") * pl.col("building_size_sqft") ** 0.8).otherwise(pl.col("sale_price"))
    )
    made = []
    for one in (town, other):
        past = records(ask(KIND, one, sale_filter={"min_price": 0}), "backtest")
        told = pl.col("error") - pl.col("naive_error")  # what was forecast, less the last value known then
        made.append(past.filter(pl.col("origin") < "2013-01", pl.col("horizon") == 1).select("origin", told))
    assert made[0].height == 13
    assert_frame_equal(*made, abs_tol=1e-12)


@pytest.mark.parametrize(("months", "refused"), [(5, True), (23, True), (24, False)])
def test_fewer_than_24_periods_are_refused_with_how_many_there_are(ask, market, months, refused):
    answer = ask(KIND, market(months))
    assert answer.summary["refused"] is refused
    assert (answer.summary["periods"], answer.summary["periods_needed"]) == (months, 24)
    assert answer.rows.height == (0 if refused else 6)
    if refused:
        assert f"{months} full months have sales enough, and 24 are needed" in answer.summary["key_finding"]
        assert "too_few_periods" in codes(answer)
        assert answer.summary["change_pct"] is None
        assert records(answer, "history").height == months
    json.dumps(render(answer).document, allow_nan=False)


def test_where_no_past_forecast_can_be_judged_there_is_no_interval(ask, market):
    answer = ask(KIND, market(24))
    assert answer.rows["ci_low"].null_count() == 6
    assert answer.rows["errors"].to_list() == [0] * 6
    assert "interval_unavailable" in codes(answer)
    assert "without an interval" in answer.summary["key_finding"]
    assert answer.summary["beats_naive"] is None


def test_one_of_anything_is_told_as_one(ask, market):
    year = ask(KIND, market(14), period="year")
    assert "1 full year has sales enough" in year.summary["key_finding"]
    (said,) = (caution.message for caution in year.warnings if caution.code == "too_few_periods")
    assert "at most 1 full period has sales enough" in said
    near, far = (ask(KIND, market(25), horizon=ahead).summary["key_finding"] for ahead in (1, 2))
    assert "from 1 past forecast)" in near
    assert "past forecasts 1 month ahead missed by" in far


def test_the_level_of_the_interval_is_told_as_it_is(ask, market):
    asked = ask(KIND, market(48), horizon=1, confidence_level=0.825).summary
    assert asked["interval_level"] == 0.825
    assert "82.5% interval" in asked["key_finding"]
    less = ask(KIND, market(30), horizon=1).summary
    assert less["interval_level"] == pytest.approx(6 / 7)
    assert "85.71% interval" in less["key_finding"]


def test_few_past_forecasts_promise_less(ask, market):
    rows = ask(KIND, market(30)).rows
    assert rows["errors"].to_list() == [6, 5, 4, 3, 2, 1]
    assert rows["interval_level"].to_list() == pytest.approx([n / (n + 1) for n in (6, 5, 4, 3, 2, 1)])
    assert "interval_less_sure" in codes(ask(KIND, market(30)))
    assert "interval_less_sure" not in codes(ask(KIND, market(48), horizon=3, confidence_level=0.8))


def test_the_last_unfinished_period_is_left_out(ask, market):
    town = market(30)
    cut = town.filter(pl.col("sale_date") < date(2012, 6, 10))
    answer = ask(KIND, cut, sale_filter={"min_price": 0})
    assert answer.summary["last_period"] == "2012-05"
    assert answer.rows["period"][0] == "2012-06"
    whole = ask(KIND, town.filter(pl.col("sale_date") < date(2012, 6, 1)))
    assert_frame_equal(answer.rows, whole.rows)


def test_a_thin_period_lies_between_its_neighbours_and_is_not_judged(ask, market):
    town = market(40)
    june = pl.col("sale_date").is_between(date(2012, 6, 1), date(2012, 6, 30))
    answer = ask(KIND, town.filter(~june | (pl.int_range(pl.len()) % 20 == 0)))
    history = records(answer, "history")
    assert history.filter("imputed")["period"].to_list() == ["2012-06"]
    assert np.diff(history["log_index"].to_numpy()[28:31], 2) == pytest.approx(0, abs=1e-12)
    past = records(answer, "backtest")
    assert "2012-06" not in past["period"].to_list() + past["origin"].to_list()
    assert "periods_imputed" in codes(answer)


def test_a_series_that_ends_before_the_records_is_told(ask, market):
    town = market(40)
    late = pl.col("sale_date") >= date(2013, 3, 1)
    answer = ask(KIND, town.filter(~late | (pl.int_range(pl.len()) % 20 == 0)))
    assert answer.summary["last_period"] == "2013-02"
    assert "forecast_begins_early" in codes(answer)
    assert "forecast_begins_early" not in codes(ask(KIND, town))


def test_without_characteristics_medians_are_forecast(ask, market):
    bare = market(36).with_columns(building_size_sqft=None)
    answer = ask(KIND, bare)
    assert answer.summary["index_method"] == "median price"
    assert "median prices in here" in answer.summary["key_finding"]
    medians = bare.group_by(pl.col("sale_date").dt.strftime("%Y-%m").alias("period")).agg(pl.col("sale_price").median())
    told = records(answer, "history").join(medians, on="period", maintain_order="left")
    np.testing.assert_allclose(told["index"] / 100, told["sale_price"] / told["sale_price"][0], rtol=1e-9)
    assert_frame_equal(ask(KIND, market(36), index_method="median").rows, answer.rows)
    with pytest.raises(InvalidParameters, match="allowed are auto, median") as refused:
        ask(KIND, bare, index_method="hedonic")
    assert refused.value.field == "index_method"


def test_groups_are_forecast_by_themselves_and_together(ask, market):
    town = market(40)
    answer = ask(KIND, town, group_by="zip_code")
    alone = ask(KIND, town.filter(pl.col("zip_code") == "98101"))
    mine = answer.rows.filter(group="98101")
    assert_frame_equal(mine.drop("group"), alone.rows.drop("group"), rel_tol=1e-9)
    assert answer.summary["change_pct"] == pytest.approx(ask(KIND, town).summary["change_pct"])
    thin = town.filter((pl.col("zip_code") == "98101") | (pl.col("sale_date") < date(2011, 1, 1)))
    some = ask(KIND, thin, group_by="zip_code")
    assert (some.summary["groups"], some.summary["groups_refused"]) == (2, 1)
    assert some.rows["group"].unique().to_list() == ["98101"]
    assert "too_few_periods" in codes(some)


@pytest.mark.parametrize(("period", "first"), [("week", "2014-W01"), ("quarter", "2014-Q1"), ("year", None)])
def test_any_period(ask, market, period, first):
    answer = ask(KIND, market(48, 120), period=period, horizon=2)
    if first is None:
        assert "4 full years" in answer.summary["key_finding"]
    elif period == "week":
        assert answer.summary["periods"] > 200
        assert answer.rows["months_ahead"].to_list() == pytest.approx([12 / 52, 24 / 52])
    else:
        assert "16 full quarters" in answer.summary["key_finding"]


def test_years_of_which_only_the_year_is_known(ask, sales):
    draw = np.random.default_rng(1)
    year = np.repeat(np.arange(1985, 2015), 40)
    town = sales(
        sale_date=[date(int(at), 7, 1) for at in year],
        sale_price=100_000 * 1.03 ** (year - 1985) * np.exp(draw.normal(0, 0.05, len(year))),
        year_only=[True] * len(year),
    )
    with pytest.raises(InvalidParameters, match="only the year is known"):
        ask(KIND, town)
    answer = ask(KIND, town, period="year", horizon=2)
    assert answer.rows["method"].to_list() == ["last_year"] * 2
    assert answer.rows["change_pct"].to_list() == pytest.approx([3.0, 6.1], abs=3)
    assert "year_only" in codes(answer)


def test_a_market_that_only_wanders_is_said_to_be_no_better_than_naive(ask, sales):
    draw = np.random.default_rng(3)
    level = 12 + np.cumsum(draw.normal(0, 0.05, 60))
    place = np.repeat(np.arange(60), 40)
    size = draw.normal(0, 0.3, len(place))
    town = sales(
        sale_date=[month(at).replace(day=1 + number % 28) for number, at in enumerate(place)],
        sale_price=np.exp(level[place] + size),
        building_size_sqft=np.exp(7.5 + size),
    )
    answer = ask(KIND, town)
    assert answer.summary["beats_naive"] is False
    assert "no_better_than_naive" in codes(answer)
    assert "it is no better than the last value carried on" in answer.summary["key_finding"]


@pytest.mark.parametrize("months", [60, 30])
def test_the_error_that_is_told_is_that_of_the_horizon_spoken_of(ask, market, months):
    answer = ask(KIND, market(months), horizon=12)
    row = answer.rows.filter(pl.col("errors") > 0).row(-1, named=True)
    far = "as far ahead" if row["horizon"] == 12 else f"{row['horizon']} months ahead"
    assert (months == 60) == (row["horizon"] == 12)
    assert f"{row['mape']:.1f}" != f"{answer.summary['mean_mape']:.1f}"
    assert f"past forecasts {far} missed by {row['mape']:.1f}% on average" in answer.summary["key_finding"]


def test_an_empty_selection_is_an_answer_of_the_same_shape(ask, market):
    town = market(30)
    empty, full = (ask(KIND, town, group_by="zip_code", **more) for more in ({"start_year": 2100}, {}))
    assert "no sales were found" in empty.summary["key_finding"]
    assert empty.data_quality["excluded"] == {"outside_dates": town.height}
    assert (empty.table.height, empty.table.schema) == (0, full.table.schema)
    assert set(empty.summary) == set(full.summary)
    json.dumps(render(empty).document, allow_nan=False)
    assert ask(KIND, town.clear()).data_quality["read"] == 0
    assert ask(KIND, town.head(1)).summary["periods"] == 0


def test_equal_prices_stay(ask, market):
    flat = ask(KIND, market(36).with_columns(sale_price=250_000.0))
    np.testing.assert_allclose(flat.rows["index"], 100, atol=1e-6)
    assert "rise by" not in flat.summary["key_finding"]
    json.dumps(render(flat).document, allow_nan=False)


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"horizon": 0}, "horizon", "greater than or equal to 1"),
        ({"horizon": 25}, "horizon", "less than or equal to 24"),
        ({"horizon": 2.5}, "horizon", "whole number"),
        ({"index_method": "arima"}, "index_method", "'auto', 'hedonic' or 'median'"),
        ({"group_by": "sale_month"}, "group_by", "must not name sale_month"),
        ({"group_by": "neighborhood"}, "group_by", "records nothing"),
        ({"model": "ets"}, "model", "horizon"),
    ],
)
def test_a_bad_parameter_names_the_field_and_what_is_allowed(ask, market, asked, field, said):
    with pytest.raises(InvalidParameters) as refused:
        ask(KIND, market(2), **asked)
    assert refused.value.field == field
    assert said in str(refused.value)


QUICK = settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@QUICK
@given(seed=st.integers(0, 1_000))
def test_the_order_of_the_records_changes_no_byte(ask, market, seed):
    town = market(30)
    both = [
        render(ask(KIND, given, group_by="zip_code"))
        for given in (town, town.sample(fraction=1, shuffle=True, seed=seed))
    ]
    assert both[0].sha256 == both[1].sha256
    assert both[0].document == both[1].document


@QUICK
@given(factor=st.floats(0.5, 20))
def test_scaling_prices_moves_no_index(ask, market, factor):
    town = market(30)
    scaled = town.with_columns(pl.col("sale_price") * factor)
    rows = [ask(KIND, given, sale_filter={"min_price": 0}).rows for given in (town, scaled)]
    assert_frame_equal(*rows, rel_tol=1e-6, abs_tol=1e-6)


@QUICK
@given(price=st.sampled_from([-5.0, 0.0, 9_999.0, 5e12]))
def test_a_sale_that_is_excluded_changes_nothing(ask, market, sales, price):
    town = market(30)
    one = sales(sale_id=["x"], parcel_number=["p"], sale_date=[date(2011, 6, 9)], sale_price=[price])
    plain, more = (ask(KIND, given) for given in (town, pl.concat([town, one])))
    assert plain.table.equals(more.table)
    assert more.data_quality["read"] == more.data_quality["used"] + 1
