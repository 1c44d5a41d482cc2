"""The analysis as it is asked and told."""

import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis.api import Records
from terrafusion.analysis.comps.parameters import ComparableParameters
from terrafusion.analysis.comps.rows import ADJUSTMENTS, ROWS, SUBJECTS
from terrafusion.analysis.document import render
from terrafusion.analysis.frames import PROPERTIES_SCHEMA
from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue

from .conftest import ASKED, comps

PAGE = (Path(__file__).parents[4] / "docs" / "analyses" / "comparable_sales.md").read_text()


def reasons(answer):
    return {caution.code for caution in answer.warnings}


def test_the_worked_example_of_the_page(ask, king_wa):
    answer = comps(ask, king_wa, ["0001800066"])
    assert answer.summary["key_finding"].replace("of here", "of king_wa") in PAGE
    for row in answer.rows.iter_rows(named=True):
        shown = (
            f"| {row['rank']} | {row['sale_id']} | {row['sale_date']} | {row['sale_price']:,.0f} | "
            f"{row['distance_km']:.2f} | {row['gross_adjustment_pct']:.1f} | {row['net_adjustment_pct']:+.1f} | "
            f"{row['adjusted_price']:,.0f} | {row['weight']:.3f} | {', '.join(row['flags']) or 'none'} |"
        )
        assert shown in PAGE, shown
    first = answer.rows["adjustments"][0]
    for name, dollars in first.items():
        assert dollars is None or f"| `{name}` | {dollars:+,.0f} |" in PAGE, (name, dollars)
    told = answer.summary["accuracy"]
    assert f"MdAPE {told['mdape']:.1f}%, COD {told['cod']:.1f}" in PAGE


def test_the_page_names_every_parameter_column_and_number_as_the_code_has_it(ask, town):
    for name, field in ComparableParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            default = "required" if field.is_required() else str(field.default)
            assert f"| `{name}` | {default} | {field.description} |" in PAGE, name
    answer = comps(ask, town)
    told = [*answer.table.columns, *answer.summary, *ADJUSTMENTS, *answer.summary["accuracy"]]
    assert [name for name in told if f"`{name}`" not in PAGE] == []


def test_every_flag_reason_and_caution_stands_on_the_page():
    source = Path(__file__).parents[4] / "terrafusion" / "analysis" / "comps"
    text = (
        (source / "rows.py").read_text() + (source / "findings.py").read_text() + (source / "evidence.py").read_text()
    )
    flags = re.findall(r'^        "(\w+)": ', text, flags=re.MULTILINE)
    named = re.findall(r'Caution\("(\w+)"', text) + re.findall(r'\|= \{"(\w+)"', text)
    assert {"outlier", "far"} <= set(flags)
    assert "after_valuation_date" in named
    assert [name for name in [*named, "year_only", *flags] if f"`{name}`" not in PAGE and name not in SUBJECTS] == []


def test_rows_and_subjects_agree(ask, town):
    answer = comps(ask, town)
    assert answer.rows.schema == pl.Schema(ROWS)
    assert answer.rows.group_by("subject_parcel_id").len().sort("subject_parcel_id")["len"].to_list() == [5, 5, 5]
    subjects = {row["subject_parcel_id"]: row for row in answer.summary["subjects"]}
    for row in answer.rows.iter_rows(named=True):
        assert row["subject_parcel_id"] != row["parcel_number"]
        total = sum(dollars for dollars in row["adjustments"].values() if dollars is not None)
        assert row["sale_price"] + total == pytest.approx(row["adjusted_price"], abs=1e-6)
        gross = sum(abs(dollars) for dollars in row["adjustments"].values() if dollars is not None)
        assert row["gross_adjustment_pct"] == pytest.approx(100 * gross / row["sale_price"])
        assert row["net_adjustment_pct"] == pytest.approx(100 * total / row["sale_price"])
        assert set(row["adjustments"]) == set(ADJUSTMENTS)
    for parcel, rows in answer.rows.group_by("subject_parcel_id"):
        told = subjects[parcel[0]]
        assert rows["weight"].sum() == pytest.approx(1)
        assert told["estimated_value"] == pytest.approx((rows["weight"] * rows["adjusted_price"]).sum())
        assert told["value_low"] < told["estimated_value"] < told["value_high"]
        assert rows["rank"].to_list() == [1, 2, 3, 4, 5]
    file = answer.table
    assert dict(file["record"].value_counts().iter_rows()) == {"comparable": 15, "subject": 3}
    assert file.schema["adjustments"] == pl.Struct(dict.fromkeys(ADJUSTMENTS, pl.Float64))
    json.dumps(render(answer).document, allow_nan=False)


def test_values_are_near_the_truth(ask, town):
    """Sales differ from a home's worth by 10%; values of five comparables and places among few homes by about as much."""
    later = town.filter(pl.col("sale_date") > date(2015, 10, 1)).unique("parcel_number").sort("parcel_number").head(200)
    subjects = comps(ask, town, later["parcel_number"]).table.filter(record="subject")
    error = np.log(subjects["estimated_value"].to_numpy() / later["sale_price"].to_numpy())
    assert abs(np.nanmedian(error)) < 0.03
    assert np.nanmedian(np.abs(error)) < 0.675 * np.hypot(0.1, 0.1)


def test_own_sales_are_never_used_whatever_their_price(ask, town):
    """Neither as a comparable nor in the prices of characteristics, nor in what the place adds."""
    planted = town.with_columns(
        sale_price=pl.when(pl.col("parcel_number") == "p00007").then(20_000.0).otherwise("sale_price")
    )
    plain, moved = (comps(ask, frame, ["p00007"]) for frame in (town, planted))
    assert moved.rows.equals(plain.rows)
    for name in ("estimated_value", "model_value"):
        assert moved.summary["subjects"][0][name] == plain.summary["subjects"][0][name]


def test_many_subjects_are_valued_some_at_a_time_each_without_its_own_sales(ask, town):
    parcels = town["parcel_number"].unique().sort().head(800)
    plain = comps(ask, town, parcels)
    one = pl.col("parcel_number") == parcels[400]
    moved = comps(ask, town.with_columns(sale_price=pl.when(one).then(20_000.0).otherwise("sale_price")), parcels)
    before, after = (answer.table.filter(record="subject") for answer in (plain, moved))
    assert before["subject_parcel_id"].to_list() == parcels.to_list()
    same = (before["estimated_value"] == after["estimated_value"]).to_list()
    assert same[400]
    assert sum(same) < 400


def test_the_valuation_date_decides_what_may_be_used(ask, town):
    answer = comps(ask, town, valuation_date="2015-01-01", max_age_months=6)
    assert answer.rows["sale_date"].max() <= date(2015, 1, 1)
    assert answer.rows["sale_date"].min() >= date(2014, 7, 1)
    assert answer.data_quality["excluded"]["after_valuation_date"] > 800
    assert answer.rows["age_days"].min() >= 0
    grown = comps(ask, town, valuation_date="2015-12-31", max_age_months=24)
    assert grown.summary["median_estimated_value"] > answer.summary["median_estimated_value"]
    beyond = comps(ask, town, valuation_date="2016-06-01")
    assert "valuation_date_beyond_sales" in reasons(beyond)


def test_old_sales_teach_prices_only_where_there_are_too_few_new_ones(ask, town):
    answer = comps(ask, town, valuation_date="2015-12-31", max_age_months=3)
    assert answer.data_quality["used"] == 1_000
    assert answer.data_quality["excluded"] == {"before_window": town.height - 1_000}
    assert answer.rows["age_days"].max() <= 92


def _roll(**columns):
    given = pl.DataFrame(columns)
    return given.select(
        (pl.col(name).cast(kind) if name in columns else pl.lit(None, kind)).alias(name)
        for name, kind in PROPERTIES_SCHEMA.items()
    )


def test_subjects_come_from_the_roll_and_what_it_leaves_open_from_the_latest_sale(town):
    catalogue = load_catalogue()
    roll = _roll(
        parcel_number=["p00007", "x1"],
        building_size_sqft=[4_000.0, 1_500.0],
        zip_code=["98101", "98102"],
        grade=[None, 7.0],
        bedrooms=[3.0, 2.0],
        latitude=[None, 47.55],
        longitude=[None, -122.2],
    )
    asked = catalogue.check("comparable_sales", {"subject_parcel_ids": ["p00007", "x1", "p00100"]})
    compute = catalogue.get("comparable_sales").compute
    records = Records("here", "v1", town.lazy(), CountyProfile(), properties=roll.lazy())
    both = {row["subject_parcel_id"]: row for row in compute(records, asked, lambda *_: None).summary["subjects"]}
    sold = {
        row["subject_parcel_id"]: row
        for row in compute(
            Records("here", "v1", town.lazy()),
            catalogue.check("comparable_sales", {"subject_parcel_ids": ["p00007", "p00100"]}),
            lambda *_: None,
        ).summary["subjects"]
    }
    assert both["p00100"] == sold["p00100"]
    assert both["x1"]["estimated_value"] is not None
    assert both["p00007"]["flags"] == []
    size = town.filter(parcel_number="p00007")["building_size_sqft"][-1]
    ratio = both["p00007"]["model_value"] / sold["p00007"]["model_value"]
    assert np.log(ratio) == pytest.approx(0.7 * np.log(4_000 / size), abs=0.1)


def test_an_empty_selection_is_an_answer_of_the_same_shape(ask, town):
    empty, full = comps(ask, town, start_year=2100), comps(ask, town)
    assert empty.table.schema == full.table.schema
    assert empty.summary.keys() == full.summary.keys()
    assert empty.summary["subjects_without_value"] == {"too_few_sales": 3}
    assert "the request selects 0 sales, and a price model needs 30 of other parcels" in empty.summary["key_finding"]
    assert empty.data_quality["excluded"] == {"outside_dates": town.height}
    json.dumps(render(empty).document, allow_nan=False)


@pytest.mark.parametrize("count", [1, 30, 31, 70])
def test_few_sales_say_how_many_are_needed(ask, town, count):
    few = town.head(count)
    answer = comps(ask, few, few["parcel_number"].head(1), max_distance_km=50)
    told = answer.summary["subjects"][0]
    assert (told["reason"] == "too_few_sales") == (count <= 30)
    assert (told["estimated_value"] is None) == (count <= 30)
    if count == 30:
        assert "the request selects 30 sales, 29 of them of other parcels, and a" in answer.summary["key_finding"]
    if count > 30:
        assert told["comparables"] == 5
        assert (told["value_low"] is None) == (count == 31)
    json.dumps(render(answer).document, allow_nan=False)


@pytest.mark.parametrize("count", [60, 1_800])
def test_where_every_parcel_sold_twice_there_is_a_value_and_no_range(ask, town, count):
    """How far values are from prices is tried on parcels sold once, and there are none."""
    twice = town.head(count).with_columns(pl.format("q{}", pl.int_range(count) // 2).alias("parcel_number"))
    answer = comps(ask, twice, ["q7"], max_distance_km=50)
    (told,) = answer.summary["subjects"]
    assert told["comparables"] == 5
    assert told["estimated_value"] > 0
    assert told["value_low"] is told["value_high"] is None
    assert "range" not in answer.summary["key_finding"]
    assert answer.summary["accuracy"] == {"n": 0, "mdape": None, "cod": None, "within_10_pct": None}
    assert "interval_too_few_sales" in reasons(answer)
    json.dumps(render(answer).document, allow_nan=False)


def test_a_sale_is_old_after_so_many_calendar_months(ask, town):
    answer = comps(ask, town, valuation_date="2016-12-28", max_age_months=36, k=50)
    rows = answer.rows.select("sale_date", old=pl.col("flags").list.contains("old"))
    assert rows["old"].to_list() == (rows["sale_date"] < date(2015, 12, 28)).to_list()
    day = rows.filter("old")["sale_date"].max()
    at_the_bound = comps(ask, town, valuation_date=str(day.replace(year=day.year + 1)), max_age_months=36, k=50).rows
    assert not at_the_bound.filter(pl.col("sale_date") == day, pl.col("flags").list.contains("old")).height
    assert at_the_bound.filter(pl.col("sale_date") == day).height


def test_the_confidence_level_is_the_one_asked_for(ask, town):
    told = comps(ask, town, confidence_level=0.9, interval_level=0.6).summary
    assert (told["confidence_level"], told["interval_level"]) == (0.9, 0.6)


def test_fewer_than_k_and_none_at_all(ask, town):
    near = comps(ask, town, max_distance_km=0.6, k=20)
    counts = [row["comparables"] for row in near.summary["subjects"]]
    assert all(0 < count < 20 for count in counts)
    assert reasons(near) >= {"subjects_fewer_than_k"}
    assert near.rows["distance_km"].max() <= 0.6
    most = comps(ask, town, max_distance_km=0.6, k=20, min_comps=20)
    assert most.summary["subjects_valued"] == 0
    assert most.rows.height == sum(counts)
    assert f"at most {max(counts)}, and 20 are needed" in most.summary["key_finding"]
    none = comps(ask, town, ASKED[:1], max_distance_km=0.001)
    assert none.summary["subjects"][0]["reason"] == "no_comparables"
    assert none.summary["subjects"][0]["estimated_value"] is None
    assert "no sale lies within the limits" in none.summary["key_finding"]
    assert none.rows.height == 0


def test_one_comparable_is_enough_where_one_is_asked(ask, town):
    answer = comps(ask, town, k=1)
    assert answer.rows["weight"].to_list() == [1.0] * 3
    assert answer.rows["adjusted_price"].to_list() == [row["estimated_value"] for row in answer.summary["subjects"]]


def test_a_home_without_coordinates_is_compared_in_its_area(ask, town):
    lost = pl.col("parcel_number") == "p00007"
    frame = town.with_columns(latitude=pl.when(~lost).then("latitude"), longitude=pl.when(~lost).then("longitude"))
    answer = comps(ask, frame, ["p00007"])
    assert answer.summary["subjects"][0]["flags"] == ["placed_by_area"]
    assert answer.rows["distance_km"].null_count() == 5
    assert answer.rows["flags"].list.contains("placed_by_area").all()
    assert {"subjects_placed_by_area", "sales_placed_by_area"} <= reasons(answer)
    nowhere = frame.with_columns(zip_code=pl.when(~lost).then("zip_code"))
    assert comps(ask, nowhere, ["p00007"]).summary["subjects"][0]["reason"] == "no_location"


def test_a_county_without_coordinates_is_compared_by_area(ask, town):
    answer = comps(ask, town.with_columns(latitude=None, longitude=None))
    assert answer.summary["subjects_valued"] == 3
    zips = dict(town.select("parcel_number", "zip_code").iter_rows())
    for row in answer.rows.iter_rows(named=True):
        assert zips[row["parcel_number"]] == zips[row["subject_parcel_id"]]
    (message,) = (caution.message for caution in answer.warnings if caution.code == "sales_placed_by_area")
    assert "those of one area are taken to lie at one point" in message


def test_flags_by_their_bounds(ask, town):
    answer = comps(
        ask, town, ASKED, k=20, max_net_adjustment_pct=15.0, max_gross_adjustment_pct=30.0, flag_distance_km=1.0
    )
    rows = answer.rows
    for flag, is_so in (
        ("gross_adjustment_high", pl.col("gross_adjustment_pct") > 30),
        ("net_adjustment_high", pl.col("net_adjustment_pct").abs() > 15),
        ("far", pl.col("distance_km") > 1),
        ("old", pl.col("age_days") > 12 * 365.25 / 12),
    ):
        expected = rows.select(is_so).to_series()
        assert rows["flags"].list.contains(flag).to_list() == expected.to_list()
        assert 0 < expected.sum() < rows.height, flag


def test_outliers_and_gaps_are_flagged(ask, town):
    one = comps(ask, town, ["p00007"]).rows["sale_id"][0]
    struck = pl.col("sale_id") == one
    frame = town.with_columns(
        sale_price=pl.when(struck).then(pl.col("sale_price") * 2).otherwise("sale_price"),
        bedrooms=pl.when(~struck).then("bedrooms"),
    )
    rows = comps(ask, frame, ["p00007"], k=20).rows.filter(sale_id=one)
    assert {"outlier", "incomplete"} <= set(rows["flags"][0])


@pytest.mark.parametrize("factor", [1e-2, 1e5])
def test_absurd_prices_move_no_value_far_and_are_no_comparables(ask, town, factor):
    """Five comparables of a subject, and twenty other sales, at a hundredth or a hundred thousand times their worth."""
    plain = comps(ask, town, ["p00007"], k=10)
    five = plain.rows["sale_id"].head(5).to_list()
    absurd = pl.col("sale_id").is_in(five) | (pl.int_range(pl.len()) % 90 == 0)
    frame = town.with_columns(sale_price=pl.when(absurd).then(pl.col("sale_price") * factor).otherwise("sale_price"))
    found = comps(ask, frame, ["p00007"], k=10, sale_filter={"min_price": 0})
    assert set(five).isdisjoint(found.rows["sale_id"])
    assert "sales_not_compared" in reasons(found)
    before, after = (answer.summary["subjects"][0]["estimated_value"] for answer in (plain, found))
    assert after == pytest.approx(before, rel=0.3)


def test_equal_prices_give_that_price(ask, town):
    answer = comps(ask, town.with_columns(sale_price=pl.lit(250_000.0)))
    for row in answer.summary["subjects"]:
        assert row["estimated_value"] == pytest.approx(250_000, rel=1e-6)
    assert answer.rows["gross_adjustment_pct"].max() < 1e-3


def test_sales_of_which_only_the_year_is_known_are_told(ask, town):
    yearly = town.with_columns(sale_date=pl.date(pl.col("sale_date").dt.year(), 7, 1), year_only=pl.lit(value=True))
    answer = comps(ask, yearly, max_distance_km=50)
    assert "year_only" in reasons(answer)
    assert answer.summary["subjects_valued"] == 3


def test_ties_are_broken_by_the_order_of_the_records(ask, town):
    """Twenty homes alike in everything but their number."""
    alike = town.head(20).with_columns(
        *(
            pl.lit(town[name][0]).alias(name)
            for name in ("building_size_sqft", "grade", "bedrooms", "latitude", "longitude")
        ),
        sale_date=pl.lit(date(2015, 12, 31)),
        parcel_number=pl.format("a{}", pl.int_range(10, 30)),
        sale_id=pl.format("a{}", pl.int_range(10, 30)),
    )
    frame = pl.concat([town, alike])
    answers = [comps(ask, each, ["a10"]).rows for each in (frame, frame.reverse())]
    assert answers[0]["sale_id"].to_list() == ["a11", "a12", "a13", "a14", "a15"]
    assert answers[0].equals(answers[1])


def test_a_large_lot_of_homes_in_one_place(ask, town):
    """All of a tower's homes share one point and one ZIP."""
    tower = town.with_columns(latitude=pl.lit(47.6), longitude=pl.lit(-122.3), zip_code=pl.lit("98101"))
    answer = comps(ask, tower)
    assert answer.summary["subjects_valued"] == 3
    assert answer.rows["distance_km"].max() == 0


def test_the_range_is_told_to_be_as_sure_as_it_is(ask, town):
    said = comps(ask, town, ["p00007"], interval_level=0.975).summary["key_finding"]
    assert " (97.5% range $" in said


def test_a_range_that_few_sales_cannot_tell_says_how_many_it_takes(ask, town):
    answer = comps(ask, town.head(60), town["parcel_number"].head(1), max_distance_km=50, interval_level=0.99)
    (told,) = answer.summary["subjects"]
    assert told["estimated_value"] > 0
    assert told["value_low"] is None
    (message,) = (caution.message for caution in answer.warnings if caution.code == "interval_too_few_sales")
    assert "it takes 99 sales valued to hold 99% of prices" in message


def test_a_home_of_which_more_is_known_than_of_any_sale_says_why_it_has_no_range(ask, town):
    """The errors of sales of which less is known are of other values: lent to this one they held 67 to 84% for 80%."""
    even = pl.int_range(pl.len()) % 2 == 0
    mixed = town.with_columns(pl.when(even).then("grade"), pl.when(~even).then("building_size_sqft"))
    names = ("building_size_sqft", "lot_size_sqft", "year_built", "grade", "zip_code", "latitude", "longitude")
    roll = _roll(parcel_number=["home"], **{name: [town[name][0]] for name in names})
    catalogue = load_catalogue()
    asked = catalogue.check("comparable_sales", {"subject_parcel_ids": ["home"], "max_distance_km": 50})
    records = Records("here", "v1", mixed.lazy(), CountyProfile(), properties=roll.lazy())
    answer = catalogue.get("comparable_sales").compute(records, asked, lambda *_: None)
    (message,) = (caution.message for caution in answer.warnings if caution.code == "interval_too_few_sales")
    assert "at most 0 could be; too few sales tell all of that together" in message


def test_without_coordinates_or_areas_nothing_has_a_place(ask, town):
    bare = town.with_columns(latitude=None, longitude=None, zip_code=None)
    answer = comps(ask, bare)
    assert {(row["reason"], *row["flags"]) for row in answer.summary["subjects"]} == {("no_location", "fewer_than_k")}
    said = {caution.code: caution.message for caution in answer.warnings}
    assert said["sales_without_location"].startswith(
        f"{town.height:,} of {town.height:,} sales have neither coordinates nor"
    )
    assert not {"sales_placed_by_area", "subjects_placed_by_area"} & {*said}
