"""Sales of which only the year is known, sales of a day to come, prices that are none."""

import json
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from support.markets import Recipe, market

from terrafusion.analysis.document import render
from terrafusion.analysis.price_index.parameters import METHODS
from terrafusion.errors import InvalidParameters

BY_YEAR = {"period": "year", "min_hold_months": 0}


@pytest.fixture(scope="module")
def made():
    """Four years of one market."""
    return market(Recipe(homes=200, periods=48, sales_per_home=3.0, growth=0.4), seed=5)


@pytest.fixture
def town(made, sales):
    return sales(**{name: made[name] for name in made.columns})


@pytest.fixture
def of_years(town):
    return town.with_columns(year_only=True, sale_date=pl.date(pl.col("sale_date").dt.year(), 7, 1))


def reasons(answer):
    return [caution.code for caution in answer.warnings]


@pytest.mark.parametrize("method", METHODS)
def test_the_index_of_years_needs_no_days(ask, town, of_years, method):
    """Of several sales of a parcel in a year one counts, and pairs hold whole years: 1 July stands for any day."""
    dated, vague = (ask("price_index", given, method=method, **BY_YEAR) for given in (town, of_years))
    assert vague.rows["period"].to_list() == ["2014", "2015", "2016", "2017"]
    assert_frame_equal(vague.rows, dated.rows, rel_tol=1e-9)
    assert vague.rows["standard_error"][1:].null_count() == 0
    assert reasons(vague) == ["year_only", *reasons(dated)]
    assert vague.data_quality["partial_periods"] == []


@pytest.mark.parametrize("share", [1, 600])
def test_periods_finer_than_what_is_known_are_refused(ask, town, of_years, share):
    some = pl.concat([of_years[::share], town.filter(pl.int_range(pl.len()) % share > 0)])
    for period in ("month", "quarter", "week"):
        with pytest.raises(InvalidParameters, match=rf"period is '{period}'.*year, auto"):
            ask("price_index", some, period=period)
    assert ask("price_index", some, period="auto").summary["period"] == "year"


@pytest.mark.parametrize("method", METHODS)
def test_a_few_sales_of_a_day_to_come_change_nothing(ask, town, sales, method):
    odd = sales(sale_id=["x", "y"], parcel_number=["0", "1"], sale_date=[date(2190, 1, 1)] * 2, sale_price=[1e12, 1e5])
    plain, more = (ask("price_index", given, method=method) for given in (town, pl.concat([town, odd])))
    assert more.table.equals(plain.table)
    assert more.summary == plain.summary
    assert more.data_quality["excluded"] == {**plain.data_quality["excluded"], "after_a_long_pause": 2}


@pytest.mark.parametrize("method", METHODS)
def test_sales_of_a_day_to_come_that_are_asked_for_lie_in_their_period(ask, town, sales, method):
    odd = sales(parcel_number=["new", "newer"], sale_date=[date(2031, 5, 1)] * 2, sale_price=[1e12, 1e5])
    given = pl.concat([town, odd.with_columns(sale_id=pl.format("x{}", "sale_id"))])
    answer = ask("price_index", given, method=method, end_date="2031-12-31", **BY_YEAR)
    rows = answer.rows
    assert rows["period"].to_list() == [str(year) for year in range(2014, 2032)]
    assert rows["observations"][4:17].to_list() == [0] * 13
    alone = ask("price_index", town, method=method, **BY_YEAR).rows
    assert rows["observations"].head(4).to_list() == alone["observations"].to_list()
    json.dumps(render(answer).document, allow_nan=False)


@pytest.mark.parametrize("method", METHODS)
def test_prices_that_are_none_are_left_out_and_counted(ask, town, sales, method):
    prices = [0.0, -0.0, -5.0, float("nan"), float("inf"), -float("inf"), None, 1.1e12]
    none = sales(parcel_number=list("01234567"), sale_date=[date(2015, 6, 9)] * 8, sale_price=prices)
    given = pl.concat([town, none.with_columns(sale_id=pl.format("x{}", "sale_id"))])
    asked = {"method": method, "sale_filter": {"min_price": 0}}
    plain, more = (ask("price_index", sold, **asked) for sold in (town, given))
    assert more.table.equals(plain.table)
    assert more.data_quality["excluded"] == {**plain.data_quality["excluded"], "missing_price": 8}


def test_homes_that_sold_again_within_two_years_are_warned_of(ask, town):
    """They are mostly flips, whichever method of those computed takes them."""

    def warned(**asked):
        return "repeat_sales_short_span" in reasons(ask("price_index", town, min_hold_months=1, **asked))

    short = {"end_date": "2015-11-30"}
    assert warned(method="robust", **short)
    assert warned(method="stratified_median", compare=True, **short)
    assert not warned(method="stratified_median", **short)
    assert not warned(method="robust", end_date="2015-12-31")
    assert "repeat_sales_short_span" not in reasons(ask("price_index", town, start_year=2100))
