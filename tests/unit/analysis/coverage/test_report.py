import io
import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.answers import codes, only, table

from terrafusion.analysis.coverage.rows import SCHEMA, SECTIONS
from terrafusion.analysis.document import render
from terrafusion.analysis.profile import CountyProfile
from terrafusion.errors import InvalidParameters


def test_published_king_county_has_904_zip_months_of_which_70_6_per_cent_are_thin(ask, king_2014_15):
    answer = ask("coverage_report", king_2014_15, group_by="zip_code")
    row = only(answer, "thin_cells", group="all", measure="fewer_than_30")
    assert (row["of"], round(100 * row["value"], 1)) == (904, 70.6)
    assert table(answer, "cells")["n"].sum() == 21_597
    assert "of 904 cells of zip_code and month (70.6%) have fewer than 30" in answer.summary["key_finding"]


def test_every_section_has_the_same_columns_and_the_file_holds_all_rows(report, county):
    answer = report(*county(), group_by="zip_code", start_date="2014-02-01", end_date="2014-11-30", gap_days=2)
    assert answer.rows.schema == pl.Schema(SCHEMA)
    found = answer.rows["section"].unique(maintain_order=True).to_list()
    assert found == [name for name in SECTIONS if name in found]
    assert {"roll", "representativeness", "sold_share", "sales_chasing", "checks", "gaps", "cells"} <= set(found)
    rendered = render(answer)
    assert pl.read_parquet(io.BytesIO(rendered.parquet)).equals(answer.rows)
    json.dumps(rendered.document, allow_nan=False)
    told = answer.data_quality
    assert told["used"] + sum(told["excluded"].values()) == told["read"]
    assert told["cells"] == table(answer, "cells").height


def test_sections_stand_in_the_order_in_which_they_grow_and_what_sold_before_what_is_thin(report, county):
    order = report(*county(300), group_by="zip_code").rows["section"].unique(maintain_order=True).to_list()
    assert order.index("representativeness") < order.index("sold_share") < order.index("thin_cells")
    assert order[-1] == "cells"


def test_without_a_roll_it_says_so_and_reports_the_sales(ask, king_wa):
    answer = ask("coverage_report", king_wa)
    assert "roll_absent" in codes(answer)
    assert "cannot be told" in answer.summary["key_finding"]
    assert set(answer.rows["section"]) == {"thin_cells", "fields", "checks", "fields_by_period", "cells"} - (
        set() if table(answer, "fields_by_period").height else {"fields_by_period"}
    )
    assert answer.summary["parcels_on_roll"] is answer.summary["characteristics_that_differ"] is None
    assert table(answer, "thin_cells").height == 3  # one group: no row of all beside it


def test_a_random_sample_is_alike_and_a_tilted_one_is_not(report, county):
    fair, tilted = (report(*county(6_000, 2, tilt=tilt)) for tilt in (0.0, 0.5))
    assert fair.summary["characteristics_that_differ"] == []
    assert "sold_differ_from_unsold" not in codes(fair)
    assert set(tilted.summary["characteristics_that_differ"]) == {"assessed_value", "building_size_sqft"}
    row = only(tilted, "representativeness", name="assessed_value", measure="standardized_difference")
    assert (row["verdict"], row["ci_low"] > 0.1) == ("differs", True)
    assert "assessed_value +0." in tilted.summary["key_finding"]
    assert tilted.summary["cross_check"]["clear"] == tilted.summary["cross_check"]["agree"] >= 2
    assert only(tilted, "representativeness", name="assessed_value", measure="chi_square")["p_value"] < 1e-6


def test_shares_add_up_to_the_roll(report, county):
    sales, roll = county(3_000, 4)
    answer = report(sales, roll, bands=4)
    whole = only(answer, "roll", name="parcels_sold")
    assert (whole["n"], whole["of"]) == (sales.height, roll.height)
    for name in ("property_class", "zip_code", "building_size_sqft", "year_built", "assessed_value"):
        part = table(answer, "sold_share", name=name)
        assert (part["n"].sum(), part["of"].sum()) == (sales.height, roll.height)
        assert ((part["ci_low"] <= part["value"]) & (part["value"] <= part["ci_high"])).all()
    sizes = roll["building_size_sqft"].to_numpy()
    cut = np.quantile(sizes, 0.25)
    assert table(answer, "sold_share", name="building_size_sqft")["of"][0] == (sizes <= cut).sum()


def test_medians_and_means_are_those_of_the_frames(report, county):
    sales, roll = county(1_000, 5)
    answer = report(sales, roll)
    sold = roll["parcel_number"].is_in(sales["parcel_number"].implode())
    for measure in ("median", "mean"):
        row = only(answer, "representativeness", name="year_built", measure=measure)
        sides = [getattr(part["year_built"], measure)() for part in (roll.filter(sold), roll.filter(~sold))]
        assert (row["sold"], row["unsold"]) == pytest.approx(sides, rel=1e-12)
        assert row["value"] == pytest.approx(sides[0] - sides[1], rel=1e-9)


def test_sold_parcels_that_the_roll_does_not_hold_are_counted(report, county):
    sales, roll = county(500, 6)
    fewer = roll.filter(~pl.col("parcel_number").is_in(sales["parcel_number"][:7].implode()))
    unnumbered = sales.with_columns(
        pl.when(pl.col("sale_id") == sales["sale_id"][9]).then(None).otherwise("parcel_number").alias("parcel_number")
    )
    answer = report(unnumbered, fewer)
    row = only(answer, "roll", name="sold_not_on_roll")
    assert (row["n"], row["of"]) == (7, sales.height - 1)
    assert only(answer, "roll", name="sales_without_parcel")["n"] == 1
    assert "sold_not_on_roll" in codes(answer)


def test_the_roll_is_cut_to_what_the_request_asks_for(report, county):
    sales, roll = county(800, 7)
    answer = report(sales, roll, zip_codes=["98101"])
    wanted = roll.filter(pl.col("zip_code") == "98101")
    assert answer.summary["parcels_on_roll"] == wanted.height
    assert answer.summary["parcels_sold"] == sales.filter(pl.col("zip_code") == "98101").height
    empty = report(sales, roll, property_types=["castle"])
    assert (empty.summary["parcels_on_roll"], empty.summary["data_points_analyzed"]) == (0, 0)
    assert "holds no parcel" in empty.summary["key_finding"]


def test_too_few_are_told_with_what_is_needed(report, county):
    sales, roll = county(500, 8)
    row = only(report(sales.head(4), roll), "representativeness", name="year_built")
    assert (row["measure"], row["value"]) == ("suppressed", None)
    assert "4 sold and 496 unsold parcels have it; 10 of each are needed" in row["note"]


def test_chased_values_stand_apart(report, county):
    fair, chased = (report(*county(4_000, 9, chased=shift)) for shift in (0.0, 0.1))
    measure = {"measure": "unit_value_difference_pct"}
    assert only(fair, "sales_chasing", **measure)["verdict"] == "unclear"
    row = only(chased, "sales_chasing", **measure)
    assert row["verdict"] == "higher"
    assert row["ci_low"] <= 100 * np.expm1(0.1) <= row["ci_high"]
    assert "sold_values_differ" in codes(chased)


def test_values_that_followed_sales_are_found_by_their_changes(report, county):
    sales, roll = county(3_000, 10)
    draw = np.random.default_rng(1)
    truth = dict(zip(roll["parcel_number"], roll["assessed_value"], strict=True))
    earlier = sales.clear().vstack(
        pl.DataFrame(
            {
                "sale_id": [f"old {place}" for place in range(roll.height)],
                "parcel_number": roll["parcel_number"],
                "sale_date": [date(2009 + place % 3, 6, 1) for place in range(roll.height)],
                "sale_price": 100_000.0,
            }
        )
        .with_columns(
            assessed_value=pl.Series([truth[name] for name in roll["parcel_number"]])
            / pl.Series(np.exp(0.05 * draw.normal(size=roll.height) + 0.2))
        )
        .select(
            *(
                pl.col(name)
                if name in {"sale_id", "parcel_number", "sale_date", "sale_price", "assessed_value"}
                else pl.lit(None, kind).alias(name)
                for name, kind in sales.schema.items()
            )
        )
    )
    sold = pl.col("parcel_number").is_in(sales["parcel_number"].implode())
    chased = roll.with_columns(
        pl.when(sold).then(pl.col("assessed_value") * 1.05).otherwise("assessed_value").alias("assessed_value")
    )
    both = pl.concat([earlier, sales])
    found = {
        name: only(
            report(both, values, start_date="2014-01-01"), "sales_chasing", measure="value_change_difference_pct"
        )
        for name, values in (("fair", roll), ("chased", chased))
    }
    assert (found["fair"]["verdict"], found["chased"]["verdict"]) == ("unclear", "higher")
    assert found["chased"]["value"] == pytest.approx(5, abs=0.5)
    unasked = only(report(both, roll), "sales_chasing", measure="value_change_difference_pct")
    assert (unasked["value"], "needs start_date" in unasked["note"]) == (None, True)


def test_checks_find_what_cannot_be(report, sales):
    day = date(2014, 3, 1)
    given = sales(
        sale_id=["a", "b", "b", "d", "e", "f", "g", "h"],
        parcel_number=["1", "1", "2", "3", "3", None, "5", "6"],
        sale_date=[day, day, day, day, day, day, date(2031, 1, 1), None],
        sale_price=[1e5, 1e5, 2e5, 3e5, 4e5, -1.0, 2e12, None],
        year_built=[2020, 1990, 1990, 12, 1990, 1990, 1990, 1990],
        building_size_sqft=[0.0, None, 900.0, 900.0, 900.0, 900.0, 900.0, 900.0],
        zip_code=["98101", "9810", "ABCDE", "98101", "98101", "98101", "98101", "98101"],
        latitude=[0.0, 95.0, 47.0, None, 47.0, 47.0, 47.0, 47.0],
        longitude=[0.0, 0.0, -122.0, None, -122.0, -122.0, -122.0, -122.0],
        bedrooms=[-1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
        assessed_value=[0.0, 1e5, 1e5, 1e5, 1e5, 1e5, 1e5, None],
    )
    answer = report(given, valuation_date="2015-12-31")
    found = {row["name"]: (row["n"], row["of"]) for row in table(answer, "checks").iter_rows(named=True)}
    assert found == {
        "duplicate_sale_id": (1, 8),
        "duplicate_sale": (1, 6),
        "other_price_on_same_day": (1, 6),
        "missing_parcel_number": (1, 8),
        "missing_date": (1, 8),
        "missing_price": (1, 8),
        "price_not_positive": (1, 7),
        "price_above_a_trillion": (1, 7),
        "only_year_known": (0, 0),
        "built_after_sale": (1, 7),
        "zero_building_area": (1, 7),
        "zero_lot_area": (0, 0),
        "built_before_1600": (1, 8),
        "value_not_positive": (1, 7),
        "negative_count": (1, 8),
        "malformed_zip_code": (2, 8),
        "impossible_coordinates": (2, 7),
        "future_date": (1, 7),
    }
    assert only(answer, "checks", name="future_date")["note"] == "such as g"
    unasked = only(report(given), "checks", name="future_date")
    assert (unasked["n"], "not checked" in unasked["note"]) == (None, True)


def test_the_roll_is_checked_too(report, county):
    sales, roll = county(300, 11)
    sold = sales["parcel_number"]
    dates = dict(zip(sold, sales["sale_date"], strict=True))
    first, second = sold[0], sold[1]
    told = roll.with_columns(
        pl.col("parcel_number")
        .replace_strict(
            {first: dates[first], second: dates[second] + timedelta(days=1)}, default=None, return_dtype=pl.Date
        )
        .alias("last_sale_date"),
        land_value=pl.lit(100.0),
        improvement_value=pl.when(pl.col("parcel_number") == first).then(0.0).otherwise(pl.col("assessed_value") - 100),
        year_built=pl.when(pl.col("parcel_number") == second).then(2016).otherwise("year_built").cast(pl.Int32),
    )
    answer = report(sales, told, valuation_date="2014-12-31")
    for name, judged in (("last_sale_not_recorded", 2), ("parts_do_not_add_up", 300), ("built_in_the_future", 300)):
        row = only(answer, "checks", name=name)
        assert (row["n"], row["of"]) == (1, judged), name


def test_since_when_a_column_is_recorded(report, sales):
    days = [date(2014, 1, 1) + timedelta(days=day) for day in range(365)]
    grade = [5.0 if day >= date(2014, 7, 1) else None for day in days]
    stories = [1.0 if day.month % 2 else None for day in days]
    answer = report(sales(sale_date=days, sale_price=1e5, grade=grade, stories=stories))
    row = only(answer, "fields", name="grade", measure="sales")
    assert (row["verdict"], row["period"], row["first_date"]) == ("partly", "2014-07", date(2014, 7, 1))
    assert (row["n"], row["of"]) == (184, 365)
    assert only(answer, "fields", name="stories", measure="sales")["period"] is None
    absent = only(answer, "fields", name="condition", measure="sales")
    assert (absent["verdict"], absent["value"], absent["period"]) == ("absent", 1.0, None)
    by_period = table(answer, "fields_by_period", name="grade")
    assert by_period["value"].to_list() == [1.0] * 6 + [0.0] * 6
    assert set(table(answer, "fields_by_period")["name"]) == {"grade", "stories"}


def test_gaps_are_listed_longest_first(report, sales):
    days = [date(2014, 1, 1), date(2014, 2, 1), date(2014, 2, 2), date(2014, 6, 1)]
    answer = report(sales(sale_date=days, sale_price=1e5))
    assert table(answer, "gaps").select("n", "first_date").rows() == [(119, days[2]), (31, days[0])]
    assert answer.summary["longest_gap_days"] == 119
    cells = {row["measure"]: (row["n"], row["of"]) for row in table(answer, "thin_cells").iter_rows(named=True)}
    assert cells == {"fewer_than_30": (3, 3), "fewer_than_10": (3, 3), "no_sale": (3, 6)}


@pytest.mark.parametrize("group_by", ["county", "zip_code", ["zip_code", "property_class"]])
def test_bounds_of_thin_are_the_parameters(report, county, group_by):
    sales = county(1_500, 12)[0].with_columns(property_class=pl.lit("house"))
    answer = report(sales, group_by=group_by, min_sales=20, fallback_min_sales=40)
    cells = table(answer, "cells")
    for measure, bound in (("fewer_than_40", 40), ("fewer_than_20", 20)):
        row = table(answer, "thin_cells", measure=measure).row(0, named=True)
        assert (row["n"], row["of"]) == ((cells["n"] < bound).sum(), cells.height)
    assert set(cells["verdict"]) <= {"suppressed", "thin", "enough"}
    assert (cells.filter(pl.col("n") == 40)["verdict"] == "enough").all()


def test_an_empty_county_and_one_sale(report, sales, county):
    empty = report(sales(sale_date=[]), county(50, 13)[1])
    assert empty.rows.schema == pl.Schema(SCHEMA)
    assert (empty.summary["data_points_analyzed"], empty.summary["parcels_sold"]) == (0, 0)
    json.dumps(render(empty).document, allow_nan=False)
    bare = report(sales(sale_date=[]))
    assert bare.summary["thin_cell_share"] is None
    one = report(sales(sale_date=[date(2014, 1, 1)], sale_price=1e5))
    assert "1 sale;" in one.summary["key_finding"]


def test_fields_tell_of_all_records_and_cells_of_the_selection(report, sales):
    given = sales(sale_date=[date(2014, 1, 1)] * 3, sale_price=[1.0, 2e5, 3e5])
    answer = report(given)
    assert answer.data_quality["excluded"] == {"below_min_price": 1}
    assert only(answer, "fields", name="sale_price", measure="sales")["of"] == 3
    assert table(answer, "cells")["n"].to_list() == [2]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"bands": 1}, "bands"),
        ({"bands": 21}, "bands"),
        ({"meaningful_difference": 0}, "meaningful_difference"),
        ({"meaningful_difference": "much"}, "meaningful_difference"),
        ({"gap_days": 1}, "gap_days"),
        ({"band": 3}, "band"),
        ({"group_by": "deed_type"}, "group_by"),
    ],
)
def test_bad_parameters_are_refused(report, county, parameters, field):
    with pytest.raises(InvalidParameters) as refused:
        report(*county(50, 14), **parameters)
    assert refused.value.field == field
    assert refused.value.allowed


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_the_answer_does_not_depend_on_the_order_of_rows(report, county, seed):
    sales, roll = county(400, 15, tilt=0.3)
    wanted = render(report(sales, roll, group_by="zip_code")).sha256
    mixed = [frame.sample(fraction=1, shuffle=True, seed=seed) for frame in (sales, roll)]
    assert render(report(*mixed, group_by="zip_code")).sha256 == wanted


@settings(max_examples=3, deadline=None)
@given(factor=st.sampled_from([0.5, 3.0, 7.3]))
def test_scaling_values_moves_dollars_only(report, county, factor):
    sales, roll = county(400, 16, tilt=0.3)
    one, other = (report(sales, given) for given in (roll, roll.with_columns(pl.col("assessed_value") * factor)))
    for measure, scale in (("median", factor), ("mean", factor), ("standardized_difference", 1), ("rank", 1)):
        wanted, found = (
            only(answer, "representativeness", name="assessed_value", measure=measure) for answer in (one, other)
        )
        assert found["value"] == pytest.approx(wanted["value"] * scale, rel=1e-9)
        assert found["ci_low"] == pytest.approx(wanted["ci_low"] * scale, rel=1e-9)


def test_cells_may_be_market_areas(report, county):
    sales, roll = county(600, 17)
    profile = CountyProfile.model_validate({"market_areas": {"north": {"zip_codes": ["98100", "98101"]}}})
    answer = report(sales, roll, profile, group_by="market_area")
    north = sales.filter(pl.col("zip_code").is_in(["98100", "98101"]))
    assert set(table(answer, "cells")["group"]) == {"north"}
    assert table(answer, "cells")["n"].sum() == north.height
    assert answer.data_quality["excluded"] == {"missing_market_area": sales.height - north.height}


def test_a_stray_date_adds_no_century_of_months_without_a_sale(ask, sales):
    days = [date(2012, 1, 1) + timedelta(days=3 * number) for number in range(300)]
    made = sales(sale_date=[*days, date(1900, 1, 1)], sale_price=[200_000.0] * 301)
    row = only(ask("coverage_report", made), "thin_cells", measure="no_sale")
    assert (row["n"], row["of"]) == (0, 31)
