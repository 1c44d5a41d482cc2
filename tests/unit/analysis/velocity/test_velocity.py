"""The whole analysis, from a request to its rows."""

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.document import render
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.velocity.answer import UNAVAILABLE
from terrafusion.errors import InvalidParameters

few = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def reasons(answer):
    return {caution.code for caution in answer.warnings}


def file(answer):
    return render(answer).sha256


def test_without_listings_it_says_so(asked, town):
    answer = asked(town[0])
    assert answer.summary["listing_measures"] == UNAVAILABLE == "unavailable: listing data absent"
    assert answer.summary["unavailable"]["months_of_supply"] == "listing data absent"
    assert answer.summary["unavailable"]["turnover"] == "property data absent"
    assert {"listing_data_absent", "turnover_unavailable"} <= reasons(answer)
    for name in ("months_of_supply", "active_listings", "median_days_on_market", "median_sale_to_list", "turnover"):
        assert answer.rows[name].null_count() == answer.rows.height


def test_every_listing_measure_by_brute_force(asked, town):
    sold, roll, listed = town
    answer = asked(sold, roll, listed, min_sales=1, match_days=45, supply_months=6)
    assert answer.summary["unavailable"] == {}
    point = answer.rows.filter(pl.col("period") == "2015-10").row(0, named=True)
    end = date(2015, 10, 31)
    on = [
        at
        for at in listed.rows(named=True)
        if at["list_date"] <= end and not (at["off_market_date"] or date.max) <= end
    ]
    half_year = sold.filter(pl.col("sale_date").is_between(date(2015, 5, 1), end)).height / 6
    assert point["active_listings"] == len(on)
    assert point["months_of_supply"] == pytest.approx(len(on) / half_year)
    days, ratios = by_hand(sold, listed, 45, "2015-10")
    assert (point["days_on_market_n"], point["sale_to_list_n"]) == (len(days), len(ratios))
    assert point["median_days_on_market"] == np.median(days)
    assert point["median_sale_to_list"] == pytest.approx(np.median(ratios))
    assert point["turnover"] == pytest.approx(point["sales_volume"] / 400 * 365.25 / 31)


def by_hand(sold, listed, within, month):
    best = {}
    for listing in listed.drop_nulls("off_market_date").rows(named=True):
        after = [
            sale
            for sale in sold.filter(pl.col("parcel_number") == listing["parcel_number"]).rows(named=True)
            if timedelta(0) <= sale["sale_date"] - listing["off_market_date"] <= timedelta(days=within)
        ]
        if after:
            first = min(after, key=lambda sale: (sale["sale_date"], -sale["sale_price"], sale["sale_id"]))
            key = first["parcel_number"], first["sale_date"]
            rank = listing["off_market_date"], listing["list_date"], listing["listing_id"]
            if key not in best or rank > best[key][0]:
                best[key] = (rank, first, listing)
    chosen = [(sale, listing) for _, sale, listing in best.values() if f"{sale['sale_date']:%Y-%m}" == month]
    days = [(listing["off_market_date"] - listing["list_date"]).days for _, listing in chosen]
    return days, [sale["sale_price"] / listing["list_price"] for sale, listing in chosen]


def test_supply_is_told_only_where_the_listings_reach(asked, town):
    sold, roll, listed = town
    late = listed.filter(pl.col("list_date") >= date(2015, 8, 10))
    rows = asked(sold, roll, late).rows.drop_nulls("active_listings")
    assert rows["period"][0] == "2015-08"
    first = asked(sold, roll, listed).rows.drop_nulls("months_of_supply")["period"][0]
    assert first == "2014-12"  # twelve months are known


def test_groups_have_their_own_parcels_and_listings(asked, town):
    sold, roll, listed = town
    answer = asked(sold, roll, listed, group_by="zip_code", period="quarter")
    rows = answer.rows.filter(pl.col("period") == "2016-Q2")
    assert rows["parcels"].to_list() == [200, 200]
    whole = asked(sold, roll, listed, period="quarter").rows.filter(pl.col("period") == "2016-Q2")
    assert rows["active_listings"].sum() == whole["active_listings"][0]
    one = asked(sold, roll, listed, zip_codes=["98101"], period="quarter").rows.filter(pl.col("period") == "2016-Q2")
    told = ["parcels", "active_listings", "months_of_supply", "sales_volume", "turnover"]
    assert_frame_equal(one.select(told), rows.filter(pl.col("group") == "98101").select(told), rel_tol=1e-12)


def test_market_areas_have_their_parcels_and_listings(asked, town):
    areas = {"market_areas": {"North": {"zip_codes": ["98100"]}, "South": {"zip_codes": ["98101"]}}}
    by_area = asked(*town, profile=CountyProfile.model_validate(areas), group_by="market_area").rows
    by_zip = asked(*town, group_by="zip_code").rows
    assert by_area["group"].unique(maintain_order=True).to_list() == ["North", "South"]
    assert by_area.drop("group").equals(by_zip.drop("group"))


def test_groups_that_are_years_have_their_own_periods_and_no_seasons(asked, town):
    sold, roll, listed = town
    answer = asked(sold, roll, listed, group_by=["zip_code", "sale_year"], min_sales=1)
    assert answer.rows.height == 2 * 36
    assert answer.rows["period"].str.head(4).equals(answer.rows["group"].str.tail(4).alias("period"))
    assert set(answer.rows["parcels"]) == {200}
    assert answer.rows["active_listings"].null_count() == answer.rows.height
    assert "active_listings_unavailable" in reasons(answer)
    groups = answer.table.filter(pl.col("record") == "group")
    np.testing.assert_allclose(groups["sales_per_year"], groups["sales"].cast(float), rtol=0.003)
    assert "season" not in set(answer.table["record"])
    assert len(answer.summary["seasonality"]) == 12


def test_sales_that_do_not_name_their_parcel(asked, town):
    answer = asked(town[0].with_columns(parcel_number=pl.lit(None, pl.String)), town[1], town[2])
    assert "parcels_unknown" in reasons(answer)
    assert answer.data_quality["sales_without_parcel"] == 900
    assert (answer.summary["hold_n"], answer.summary["sale_to_list_n"], answer.summary["median_gain"]) == (0, 0, None)
    assert answer.rows["sales_volume"].sum() == 900


def test_an_area_in_which_nothing_is_listed_has_no_supply(asked, town):
    sold, _roll, listed = town
    elsewhere = listed.with_columns(zip_code=pl.lit("98199"))
    rows = asked(sold, None, elsewhere, group_by="zip_code").rows.drop_nulls("months_of_supply")
    assert rows["active_listings"].to_list() == rows["months_of_supply"].to_list() == [0] * rows.height
    assert rows.height > 40


def test_a_listing_finds_its_group_on_the_roll(asked, town):
    sold, roll, listed = town
    bare = listed.with_columns(zip_code=pl.lit(None, pl.String))
    with_roll = asked(sold, roll, bare, group_by="zip_code").rows
    assert with_roll.equals(asked(sold, roll, listed, group_by="zip_code").rows)
    kinds = sold.with_columns(property_type=pl.lit("house"))
    answer = asked(kinds, None, listed, group_by="property_type")
    assert answer.rows["active_listings"].null_count() == answer.rows.height
    assert answer.rows["sale_to_list_n"].sum() > 0
    assert "active_listings_unavailable" in reasons(answer)


def test_every_period_has_a_row_also_without_sales(asked, sales):
    sold = sales(sale_date=[date(2014, 1, 5), date(2014, 4, 5)], sale_price=[2e5, 3e5])
    rows = asked(sold, min_sales=1).rows
    assert rows["sales_volume"].to_list() == [1, 0, 0, 1]
    assert rows["dollar_volume"].to_list() == [2e5, None, None, 3e5]
    assert rows["suppressed"].to_list() == [False, True, True, False]


def test_volumes_and_their_change_by_hand(asked, town):
    rows = asked(town[0], period="quarter").rows
    volume = rows["sales_volume"].to_numpy()
    assert volume.sum() == 900
    np.testing.assert_allclose(rows["volume_yoy"].to_numpy()[4:8], volume[4:8] / volume[:4] - 1)
    assert rows["dollar_volume"].sum() == pytest.approx(town[0]["sale_price"].sum())


def of_years(sold):
    return sold.with_columns(year_only=True, sale_date=pl.date(pl.col("sale_date").dt.year(), 7, 1))


@pytest.mark.parametrize("grouped", [{}, {"group_by": "zip_code"}])
@pytest.mark.parametrize("share", [1, 900])
def test_no_days_are_counted_from_placeholders(asked, town, share, grouped):
    """From 1 July to 1 July are 365 or 366 days: no hold, no share sold again, no gain and no listing's sale."""
    sold = pl.concat([of_years(town[0][::share]), town[0].filter(pl.int_range(900) % share > 0)])
    answer = asked(sold, town[1], town[2], period="year", min_sales=1, **grouped)
    measures = ["hold_days", "resold_share", "gain", "days_on_market", "sale_to_list"]
    assert {answer.summary["unavailable"][name] for name in measures} == {"of some sales only the year is known"}
    (said,) = (caution.message for caution in answer.warnings if caution.code == "days_unknown")
    assert all(name in said for name in measures)
    assert not {"no_resales", "parcels_unknown"} & reasons(answer)
    told = [
        name
        for name in answer.table.columns
        if any(stem in name for stem in ("hold", "resold", "gain", "market", "list"))
    ]
    told = [name for name in told if name != "active_listings"]
    assert len(told) > 30
    for name in told:
        assert set(answer.table[name].drop_nulls()) <= ({0} if name.endswith("_n") else set()), name
    assert "sold again" not in answer.summary["key_finding"]
    assert "a year in the median" not in answer.summary["key_finding"]
    assert answer.data_quality["sales_on_a_day_of_another"] is None


def test_what_is_unknown_of_sales_of_which_only_the_year_is(asked, town):
    dated = of_years(town[0])
    answer = asked(dated, town[1], town[2], period="year")
    assert answer.summary["seasonality"] == []
    assert answer.rows["months_of_supply"].null_count() == answer.rows.height
    assert answer.summary["unavailable"]["seasonality"] == "of some sales only the year is known"
    assert answer.summary["turnover"] == pytest.approx(300 / 400, rel=0.01)
    assert {"year_only", "days_unknown"} <= reasons(answer)
    for bad in ({"period": "month"}, {"period": "year", "group_by": "sale_month"}):
        with pytest.raises(InvalidParameters, match="only the year is known") as refused:
            asked(dated, **bad)
        assert refused.value.field in bad


def test_an_empty_selection_is_an_answer_of_the_same_shape(asked, town):
    empty, full = asked(*town, start_year=2100), asked(*town)
    assert "no sales were found" in empty.summary["key_finding"]
    assert empty.data_quality["excluded"] == {"outside_dates": 900}
    assert (empty.table.height, empty.table.schema) == (0, full.table.schema)
    assert set(empty.summary) == set(full.summary)
    assert asked(town[0].clear()).data_quality["read"] == 0


@pytest.mark.parametrize("count", [1, 2, 9, 10])
def test_few_sales_are_counted_and_no_more(asked, town, count):
    answer = asked(town[0].head(count))
    json.dumps(render(answer).document, allow_nan=False)
    assert answer.summary["sales"] == count
    assert (answer.summary["dollar_volume"] is None) == (count < 10)
    assert ("too few to tell (10 or more)" in answer.summary["key_finding"]) == (count < 10)
    assert answer.summary["resold_within_1y_share"] is None
    assert answer.summary["unavailable"]["seasonality"].endswith("24 are needed")


def test_a_span_of_one_period_and_holds_of_days_are_told_as_such(asked, town, sales):
    month = town[0].filter(pl.col("sale_date").dt.strftime("%Y-%m") == "2014-05")
    assert f"{month.height} sales for " in asked(month).summary["key_finding"]
    assert " were made in 2014-05" in asked(month).summary["key_finding"]
    days = [date(2014, 1, 1 + home % 28) for home in range(60)]
    homes = [f"p{home}" for home in range(60)]
    again = sales(
        parcel_number=homes * 2, sale_date=[*days, *(day + timedelta(days=100) for day in days)], sale_price=2e5
    )
    said = asked(again).summary["key_finding"]
    assert "half were sold again within 100 days" in said
    assert "made from 2014-01 to 2014-05" in said


def test_equal_prices_gain_nothing_and_the_sentence_claims_nothing(asked, town):
    answer = asked(town[0].with_columns(sale_price=pl.lit(2e5)))
    assert answer.summary["median_gain"] == 0
    assert "moved by no clear amount, +0.0%" in answer.summary["key_finding"]


def test_no_parcel_sold_twice(asked, town):
    once = town[0].unique("parcel_number", keep="first", maintain_order=True)
    answer = asked(once)
    assert "no_resales" in reasons(answer)
    assert (answer.summary["resold_n"], answer.summary["gain_n"], answer.summary["median_gain"]) == (0, 0, None)


def test_sales_dated_in_the_future_and_absurd_prices(asked, town, sales):
    odd = sales(
        sale_id=["x", "y"], parcel_number=["p001", "p002"], sale_date=[date(2190, 1, 1)] * 2, sale_price=[1e12, 1e5]
    )
    answer = asked(pl.concat([town[0], odd]), period="year", end_date="2016-12-31")
    assert answer.table.equals(asked(town[0], period="year", end_date="2016-12-31").table)
    json.dumps(render(asked(pl.concat([town[0], odd]), period="year", min_hold_months=0)).document, allow_nan=False)


@few
@given(seed=st.integers(0, 1_000))
def test_the_order_of_the_records_changes_no_byte(asked, town, seed):
    mixed = [frame.sample(fraction=1, shuffle=True, seed=seed + at) for at, frame in enumerate(town)]
    assert file(asked(*mixed, group_by="zip_code")) == file(asked(*town, group_by="zip_code"))


@few
@given(factor=st.sampled_from([0.25, 3.0, 7.7]))
def test_scaling_prices_scales_dollars_alone(asked, town, factor):
    sold, roll, listed = town
    free = {"sale_filter": {"min_price": 0}}
    one = asked(sold, roll, listed, **free).rows
    other = asked(
        sold.with_columns(pl.col("sale_price") * factor),
        roll,
        listed.with_columns(pl.col("list_price") * factor),
        **free,
    ).rows
    assert_frame_equal(other, one.with_columns(pl.col("dollar_volume") * factor), rel_tol=1e-9)


@few
@given(price=st.sampled_from([-5.0, 0.0, 100.0, 5e12]), home=st.integers(0, 299))
def test_a_sale_that_is_excluded_changes_nothing(asked, town, sales, price, home):
    one = sales(sale_id=["x"], parcel_number=[f"p{home:03d}"], sale_date=[date(2015, 6, 9)], sale_price=[price])
    plain, more = (asked(sold, *town[1:]) for sold in (town[0], pl.concat([town[0], one])))
    assert plain.table.equals(more.table)
    assert more.data_quality["read"] == more.data_quality["used"] + 1


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"min_hold_months": -1}, "min_hold_months", "greater than or equal to 0"),
        ({"supply_months": 0}, "supply_months", "greater than or equal to 1"),
        ({"supply_months": 61}, "supply_months", "less than or equal to 60"),
        ({"match_days": 1001}, "match_days", "less than or equal to 1000"),
        ({"match_days": "90"}, "match_days", "whole number"),
        ({"listings": True}, "listings", "match_days"),
        ({"group_by": "grade"}, "group_by", "records nothing; allowed are"),
    ],
)
def test_a_bad_parameter_names_the_field_and_what_is_allowed(asked, town, given, field, said):
    with pytest.raises(InvalidParameters) as refused:
        asked(town[0], **given)
    assert refused.value.field == field
    assert said in str(refused.value)
