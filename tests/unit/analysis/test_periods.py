from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terrafusion.analysis import periods

DAYS = st.dates(date(1890, 1, 1), date(2150, 12, 31))


@pytest.mark.parametrize(
    ("day", "period", "label"),
    [
        (date(2014, 2, 10), "week", "2014-W07"),
        (date(2014, 12, 29), "week", "2015-W01"),
        (date(2016, 1, 3), "week", "2015-W53"),
        (date(2014, 7, 31), "month", "2014-07"),
        (date(1969, 12, 31), "month", "1969-12"),
        (date(2014, 9, 30), "quarter", "2014-Q3"),
        (date(2014, 1, 1), "year", "2014"),
    ],
)
def test_labels(day, period, label):
    number = periods.numbers(pl.Series([day]), period)[0]
    assert periods.label(number, period) == label


@given(st.lists(DAYS, min_size=1, max_size=5), st.sampled_from(periods.PERIODS))
def test_every_day_lies_in_its_period(days, period):
    for day, number in zip(days, periods.numbers(pl.Series(days), period), strict=True):
        assert periods.start(number, period) <= day < periods.start(number + 1, period)


@given(DAYS)
def test_weeks_are_iso_weeks(day):
    number = periods.numbers(pl.Series([day]), "week")[0]
    assert periods.start(number, "week") == day - timedelta(days=day.weekday())


def test_no_days_have_no_numbers():
    assert periods.numbers(pl.Series([], dtype=pl.Date), "month").to_list() == []


def test_a_period_is_partial_where_the_records_do_not_cover_it():
    listed = periods.calendar(24168, 24170, "month", covered=(date(2014, 1, 2), date(2014, 3, 31)))
    assert listed["period"].to_list() == ["2014-01", "2014-02", "2014-03"]
    assert listed["period_end"].to_list() == [date(2014, 1, 31), date(2014, 2, 28), date(2014, 3, 31)]
    assert listed["partial"].to_list() == [True, False, False]


def test_coverage_bridges_no_more_than_the_longest_pause():
    weekdays = [date(2014, 1, 6) + timedelta(days=day) for day in range(100) if day % 7 < 5]
    assert weekdays[-1] == date(2014, 4, 15)
    covered = periods.coverage(pl.Series(weekdays))
    assert covered == (date(2014, 1, 3), date(2014, 4, 18))
    assert periods.coverage(pl.Series([], dtype=pl.Date)) is None


def test_few_sales_before_the_last_long_pause_and_after_the_first_are_strays():
    main = [date(2014, 1, 1) + timedelta(days=day) for day in range(400)]
    early, late = [date(1900, 1, 1), date(1910, 1, 1)], [date(2031, 1, 1), date(2040, 1, 1)]
    assert periods.strays(pl.Series([*early, *main, *late])) == (date(2014, 1, 1), date(2031, 1, 1))
    assert periods.strays(pl.Series([*early, *early, *early, *main])) == (date(1910, 1, 1), None)
    assert periods.strays(pl.Series(main)) == (None, None)
    assert periods.coverage(pl.Series([*early, *main, *late])) == periods.coverage(pl.Series(main))


def test_years_that_follow_each_other_are_no_long_pause_where_the_days_are_not_known():
    years = [date(2015, 7, 1)] + [date(2016, 7, 1)] * 300 + [date(2019, 7, 1)] * 300 + [date(2020, 7, 1)]
    assert (years[1] - years[0]).days == (years[-1] - years[-2]).days == 366
    assert periods.strays(pl.Series(years)) == (None, None)
