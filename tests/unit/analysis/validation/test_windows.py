"""Every window against one made in plain Python as the Cook County Assessor makes it.

Source: ccao-data/model-sales-val, src/utils.py, add_rolling_window: a sale enters the window of its own month and those
of the months after it, so a month's window holds that month and the ones before, the sale itself included. Deviations
are of logs; a price is an outlier strictly beyond the bounds (src/model.py, between_two_numbers).
"""

import math
from collections import defaultdict
from datetime import date
from statistics import fmean

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from terrafusion.analysis.api import Records
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.analysis.validation.answer import sale_validation
from terrafusion.analysis.validation.parameters import ValidationParameters
from terrafusion.errors import InvalidParameters


def z_by_hand(value, values):
    middle = fmean(values)
    spread = math.sqrt(math.fsum((each - middle) ** 2 for each in values) / (len(values) - 1))
    return 0.0 if len(set(values)) == 1 else (value - middle) / spread


def by_hand(sales, group_by, months, *, min_group):
    """Return n, mean and sd of ln price, and z of price and unit price, for each sale."""
    windows = defaultdict(list)
    for sale in sales:
        start = sale["sale_date"].year * 12 + sale["sale_date"].month
        for month in range(start, start + months):
            windows[sale[group_by], month].append(sale)
    found = {}
    for sale in sales:
        window = windows[sale[group_by], sale["sale_date"].year * 12 + sale["sale_date"].month]
        prices = [math.log(other["sale_price"]) for other in window]
        units = [
            math.log(other["sale_price"] / other["building_size_sqft"])
            for other in window
            if other["building_size_sqft"]
        ]
        told = {"group_n": len(window), "z_price": None, "z_unit_price": None, "mean_log_price": None}
        if len(window) >= min_group:
            told["mean_log_price"] = fmean(prices)
            told["z_price"] = z_by_hand(math.log(sale["sale_price"]), prices)
        if len(window) >= min_group and len(units) >= min_group and sale["building_size_sqft"]:
            unit = math.log(sale["sale_price"] / sale["building_size_sqft"])
            told["z_unit_price"] = z_by_hand(unit, units)
        found[sale["sale_id"]] = told
    return found


SALES = st.lists(
    st.tuples(
        st.sampled_from(["98101", "98102", "98103"]),
        st.dates(date(2013, 11, 1), date(2015, 3, 31)),
        st.integers(50_000, 900_000),
        st.one_of(st.none(), st.integers(500, 4_000)),
    ),
    min_size=1,
    max_size=60,
)


def close(given, wanted):
    return given is None if wanted is None else given == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(drawn=SALES, months=st.sampled_from([1, 3, 12]), least=st.integers(3, 6))
def test_every_window_is_that_made_by_hand(drawn, months, least):
    frame = pl.DataFrame(drawn, schema=["zip_code", "sale_date", "sale_price", "building_size_sqft"], orient="row")
    frame = frame.with_row_index("sale_id").with_columns(pl.col("sale_id").cast(pl.String), parcel_number="sale_id")
    told = asked(frame, group_by="zip_code", rolling_months=months, min_group=least)
    wanted = by_hand(frame.to_dicts(), "zip_code", months, min_group=least)
    for row in told.iter_rows(named=True):
        hand = wanted[row["sale_id"]]
        assert row["group_n"] == hand["group_n"]
        assert row["group_judged"] == (row["own_group"] if hand["group_n"] >= least else None)
        assert close(row["mean_log_price"], hand["mean_log_price"])
        if (row["sd_log_price"] or 1) > 1e-6:  # nearly equal prices have no z to nine digits
            assert close(row["z_price"], hand["z_price"])
        if (row["sd_log_unit_price"] or 1) > 1e-6:
            assert close(row["z_unit_price"], hand["z_unit_price"])


def asked(frame, **parameters):
    whole = frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in SALES_SCHEMA.items()
    )
    checked = ValidationParameters(**parameters)
    return sale_validation(Records("here", "v1", whole.lazy()), checked, lambda *_: None).table


def test_z_with_n_is_that_of_scipy(market, ask):
    given = market(300, step=0)
    z = ask("sale_validation", given, standard_deviation="population").table.sort("sale_id")["z_price"]
    wanted = stats.zscore(given.sort("sale_id")["sale_price"].log().to_numpy(), ddof=0)
    assert np.allclose(z.to_numpy(), wanted, rtol=0, atol=1e-10)


def test_a_window_is_that_month_and_those_before(market, judge):
    given = market(3, sale_date=[date(2014, 1, 31), date(2014, 12, 1), date(2015, 1, 1)])
    told = judge(given, min_group=3)
    assert [told[name]["group_n"] for name in "012"] == [1, 2, 2]
    assert told["1"]["window_start"] == date(2014, 1, 1)
    assert told["1"]["window_end"] == date(2014, 12, 31)


def test_sales_before_the_start_inform_windows_and_are_not_judged(market, ask):
    given = market(200, step=2)
    whole = ask("sale_validation", given)
    late = ask("sale_validation", given, start_date="2014-09-01")
    assert late.table.equals(whole.table.filter(pl.col("sale_date") >= date(2014, 9, 1)))
    assert late.data_quality["excluded"] == {"outside_dates": whole.table.height - late.table.height}
    assert late.data_quality["context_sales"] == whole.table.height - late.table.height


def test_a_group_at_min_group_is_judged_and_one_below_is_not(market, judge, ask):
    assert judge(market(30, step=0))["0"]["group_judged"] == "all"
    answer = ask("sale_validation", market(29, step=0))
    row = answer.table.row(0, named=True)
    assert (row["group_judged"], row["group_n"], row["z_price"], row["mean_log_price"]) == (None, 29, None, None)
    assert answer.summary["below_min_group"] == 29
    assert "groups_too_small" in {caution.code for caution in answer.warnings}


def test_sales_without_a_group_lie_in_no_small_group(market, ask):
    answer = ask(
        "sale_validation",
        market(90, step=0, zip_code=["98101"] * 40 + ["98102"] * 20 + [None] * 30),
        group_by="zip_code",
    )
    assert (answer.summary["judged_by_statistics"], answer.summary["below_min_group"]) == (40, 20)
    assert "20 lie in groups below 30" in answer.summary["key_finding"]
    told = {caution.code: caution.message for caution in answer.warnings}
    assert told["groups_too_small"].startswith("20 sales")
    assert told["without_group"].startswith("30 sales")


def test_where_no_check_reads_prices_nothing_is_judged_by_statistics(market, ask):
    answer = ask("sale_validation", market(29, step=0), checks=["price_bounds"])
    assert (answer.summary["judged_by_statistics"], answer.summary["below_min_group"]) == (0, 0)
    assert "statistics" not in answer.summary["key_finding"]
    assert "groups_too_small" not in {caution.code for caution in answer.warnings}


def test_small_groups_fall_back_on_wider_ones_when_asked(market, judge):
    given = market(
        70, step=0, neighborhood=["a"] * 35 + ["b"] * 5 + [None] * 30, zip_code=["98101"] * 40 + ["98102"] * 30
    )
    told = judge(given, group_by="neighborhood", fallback="cascade")
    seen = {
        name: (told[name]["group_judged"], told[name]["level_judged"], told[name]["group_n"])
        for name in ("0", "35", "69")
    }
    assert seen == {
        "0": ("a", "neighborhood", 35),
        "35": ("98101", "zip_code", 40),
        "69": ("98102", "zip_code", 30),
    }
    alone = judge(given, group_by="neighborhood")
    assert [alone[name]["group_judged"] for name in ("0", "35", "69")] == ["a", None, None]
    assert [alone[name]["group_n"] for name in ("0", "35", "69")] == [35, 5, 0]


def test_years_are_windows_where_only_the_year_is_known(market, judge):
    days = [date(2013, 7, 1)] * 40 + [date(2014, 7, 1)] * 40
    given = market(80, sale_date=days, year_only=[True] * 80)
    told = judge(given)
    assert (told["0"]["group_n"], told["79"]["group_n"]) == (40, 40)
    assert (told["79"]["window_start"], told["79"]["window_end"]) == (date(2014, 1, 1), date(2014, 12, 31))
    assert judge(given, rolling_months=24)["79"]["group_n"] == 80
    assert judge(given, rolling_months=18)["79"]["group_n"] == 80
    with pytest.raises(InvalidParameters, match="group_by is 'sale_month'"):
        judge(given, group_by="sale_month")


def test_a_sale_of_which_only_the_year_is_known_leaves_the_others_their_months(market, ask):
    known = market(800, year_only=[None] * 800)
    vague = market(2, sale_id=["a", "b"], sale_date=[date(2014, 7, 1), date(2015, 7, 1)], year_only=[True] * 2)
    alone, both = (ask("sale_validation", given, rolling_months=3) for given in (known, pl.concat([known, vague])))
    told = {row["sale_id"]: row for row in both.table.iter_rows(named=True)}
    assert both.table.filter(~pl.col("sale_id").is_in(["a", "b"])).equals(alone.table)
    of_2014 = known.filter(pl.col("sale_date").dt.year() == 2014).height
    assert (told["a"]["group_n"], told["a"]["window_start"]) == (of_2014 + 1, date(2014, 1, 1))
    assert told["b"]["window_end"] == date(2015, 12, 31)
    assert (both.summary["window_unit"], both.data_quality["year_only_sales"]) == ("month", 2)
    said = {caution.code: caution.message for caution in both.warnings}["year_only"]
    assert said.startswith("Of 2 of 802 sales only the year is known")


def test_a_sale_of_which_only_the_year_is_known_falls_back_on_the_wider_areas_years(market, judge):
    places = {"neighborhood": ["a"] * 35 + ["b"] * 5, "zip_code": ["98101"] * 40}
    days = [date(2014, 3, 1)] * 39 + [date(2014, 7, 1)]
    given = market(40, sale_date=days, year_only=[False] * 39 + [True], **places)
    told = judge(given, group_by="neighborhood", fallback="cascade")
    seen = [
        [told[name][column] for column in ("group_judged", "group_n", "window_start")] for name in ("0", "35", "39")
    ]
    assert seen == [["a", 35, date(2013, 4, 1)], ["98101", 39, date(2013, 4, 1)], ["98101", 40, date(2014, 1, 1)]]
    logs = np.log(given["sale_price"].to_numpy())
    assert told["39"]["mean_log_price"] == pytest.approx(logs.mean())
    assert told["39"]["z_price"] == pytest.approx((math.log(told["39"]["sale_price"]) - logs.mean()) / logs.std(ddof=1))


def test_one_year_is_written_as_one(market, ask):
    given = market(40, year_only=[True] + [False] * 39)
    assert "is known 1 whole year, the" in ask("sale_validation", given).summary["method"]
    assert "is known 2 whole years, the" in ask("sale_validation", given, rolling_months=13).summary["method"]


DAYS = st.dates(date(2014, 11, 1), date(2015, 2, 28))


@settings(max_examples=8, deadline=None)
@given(
    drawn=st.lists(st.tuples(DAYS, st.integers(50_000, 900_000), st.booleans()), min_size=20, max_size=60),
    months=st.sampled_from([1, 3, 12]),
    ends=st.tuples(DAYS, DAYS).map(sorted),
)
def test_dates_choose_which_sales_are_judged_and_never_by_what(drawn, months, ends):
    frame = pl.DataFrame(drawn, schema=["sale_date", "sale_price", "year_only"], orient="row")
    frame = frame.with_row_index("sale_id").with_columns(parcel_number="sale_id")
    some = {"rolling_months": months, "min_group": 3}
    whole = asked(frame, **some)
    for begin, end in (ends, (ends[0], None), (None, ends[1])):
        part = asked(frame, **some, start_date=begin, end_date=end)
        assert part.equals(whole.filter(pl.col("sale_date").is_between(begin or date.min, end or date.max)))


def test_sales_refused_by_the_record_are_no_part_of_windows(market, judge):
    given = market(40, step=0, sale_price=[1_000.0] * 5 + list(np.linspace(200_000, 300_000, 35)))
    told = judge(given)
    assert {row["group_n"] for row in told.values()} == {35}
    assert told["0"]["reason_codes"][0] == "below_min_price"
    assert told["0"]["z_price"] < -10
    supported = judge(given, sale_filter={"min_price": 0})
    assert {row["group_n"] for row in supported.values()} == {40}
