"""Sales that are few or odd, and parcels that lack something: by few trees, since none of it rests on how well they fit."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.document import render
from terrafusion.analysis.frames import PROPERTIES_SCHEMA
from terrafusion.analysis.valuation import learner
from terrafusion.analysis.valuation.findings import FLAGS
from terrafusion.analysis.valuation.rows import ROWS
from terrafusion.errors import InvalidParameters

from .conftest import value


@pytest.fixture(scope="module", autouse=True)
def few_trees():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(learner, "_ROUNDS", (5, 5))
        yield


def codes(answer):
    return {caution.code for caution in answer.warnings}


UNUSED = {
    "sale_price": ([9_999.0, None, -1.0, 2e12], {"below_min_price", "missing_price"}),
    "parcel_number": ([None], {"missing_parcel_number"}),
    "sale_date": ([date(2030, 1, 1), None], {"outside_dates", "missing_date"}),
}
"""What makes a sale one that is not used, and the reasons that are told."""


@st.composite
def unused(draw):
    """A column, what stands in it, and why such a sale is left out."""
    name = draw(st.sampled_from(sorted(UNUSED)))
    given, reasons = UNUSED[name]
    return name, draw(st.sampled_from(given)), reasons


@pytest.fixture(scope="module")
def hamlet(small_town):
    """The fewest sales that values rest on, and how some homes are valued by them."""
    sales = small_town.tail(220)
    asked = {"subject_parcel_ids": sales["parcel_number"].unique().sort().head(8).to_list(), "end_date": "2029-12-31"}
    return sales, asked, value(sales, **asked)


@settings(max_examples=3, deadline=None)
@given(drawn=unused(), seed=st.integers(0, 99))
def test_neither_the_order_of_sales_nor_those_that_are_not_used_move_a_value(hamlet, drawn, seed):
    sales, asked, before = hamlet
    name, held, reasons = drawn
    odd = sales.head(1).with_columns(pl.lit("odd").alias("sale_id"), pl.lit(held, sales.schema[name]).alias(name))
    after = value(pl.concat([odd, sales]).sample(fraction=1, shuffle=True, seed=seed), **asked)
    assert_frame_equal(after.table, before.table, check_exact=True)
    assert set(after.data_quality["excluded"]) <= reasons
    assert sum(after.data_quality["excluded"].values()) == 1


@settings(max_examples=2, deadline=None)
@given(times=st.floats(0.25, 40))
def test_dollars_scale_with_prices(hamlet, times):
    """But for what rounding moves: a tree may cut between two homes that are all but equal."""
    sales, asked, before = hamlet
    scaled = sales.with_columns(pl.col("sale_price") * times)
    after = value(scaled, **asked, sale_filter={"min_price": 0})
    for name in ("estimated_value", "value_low", "value_high"):
        np.testing.assert_allclose(after.rows[name], times * before.rows[name], rtol=2e-2)
    np.testing.assert_allclose(after.rows["fsd"], before.rows["fsd"], rtol=2e-2)


@pytest.fixture(scope="module")
def odd(small_town):
    """A roll of parcels that lack something, valued."""
    home = small_town.row(0, named=True)
    changed = {
        "a-like": {},
        "b-no-size": {"building_size_sqft": None},
        "c-nowhere": {"latitude": None, "longitude": None, "zip_code": None},
        "d-by-zip": {"latitude": None, "longitude": None},
        "e-far": {"latitude": home["latitude"] + 1.0},
        "f-unknown": {"building_size_sqft": None, "grade": None, "bedrooms": None},
        "g-palace": {"building_size_sqft": 60_000.0},
        "h-barn": {"property_type": "barn"},
    }
    columns = {
        name: pl.Series(
            [{**home, **one, "parcel_number": parcel}.get(name) for parcel, one in changed.items()], dtype=kind
        )
        for name, kind in PROPERTIES_SCHEMA.items()
    }
    answer = value(small_town.with_columns(pl.lit("house").alias("property_type")), pl.DataFrame(columns))
    return answer, {row["parcel_number"]: row for row in answer.rows.iter_rows(named=True)}


def test_parcels_of_the_roll_that_lack_something(odd):
    answer, rows = odd
    told = {name[0]: (row["confidence"], row["reason"], row["flags"]) for name, row in rows.items()}
    assert {flag for _, _, flags in told.values() for flag in flags} <= set(FLAGS)
    assert told["a"] == ("high", None, [])
    assert told["b"] == ("medium", None, ["incomplete"])
    assert told["c"] == (None, "no_location", [])
    assert told["d"] == ("medium", None, ["placed_by_area"])
    assert told["e"][0] == "low"
    assert "no_comparables" in told["e"][2]
    assert told["f"][:2] == (None, "no_characteristics")
    assert told["g"] == ("medium", None, ["outside_range"])
    assert told["h"] == ("low", None, ["unsold_property_type"])
    assert answer.summary["parcels_without_value"] == {"no_characteristics": 1, "no_location": 1}
    said = {caution.code: caution.message for caution in answer.warnings}
    assert said["parcels_without_value"].startswith("2 of 8 parcels have no value")
    assert said["parcels_no_comparables"] == "1 of 8 parcels has no sale within the limits, and the model's value"
    assert said["parcels_placed_by_area"].startswith("1 of 8 parcels has no coordinates")
    assert "parcels_incomplete" in said


def test_a_home_of_which_more_is_known_than_of_any_sale_has_a_value_and_no_range(small_town):
    """That no sale tells as much left trees with nothing to value, and failed the job."""
    lacking = ["building_size_sqft", "grade", "bedrooms"]
    third = pl.int_range(pl.len()) % len(lacking)
    sales = small_town.with_columns(pl.when(third != at).then(name) for at, name in enumerate(lacking))
    home = {**small_town.row(0, named=True), "parcel_number": "home"}
    columns = {name: pl.Series([home.get(name)], dtype=kind) for name, kind in PROPERTIES_SCHEMA.items()}
    answer = value(sales, pl.DataFrame(columns))
    (row,) = answer.rows.iter_rows(named=True)
    assert row["estimated_value"] > 0
    assert [row[name] for name in ("value_low", "value_high", "fsd")] == [None] * 3
    (said,) = (caution.message for caution in answer.warnings if caution.code == "parcels_without_range")
    assert "too few sales tell as much together" in said


def test_a_parcel_far_from_all_sales_has_the_models_value(odd):
    _, rows = odd
    assert rows["e-far"]["comparables"] == []
    assert rows["e-far"]["comparables_value"] is None
    assert rows["e-far"]["contributions"]["comparables"] == 0
    assert [rows["e-far"][name] for name in ("value_low", "value_high", "fsd")] == [None] * 3
    assert rows["e-far"]["estimated_value"] > 0
    assert rows["c-nowhere"]["contributions"]["base"] is None


def test_too_few_sales_say_how_many_there_are_and_are_needed(small_town):
    answer = value(small_town.head(199))
    assert answer.summary["key_finding"] == (
        "In here no parcel is valued: the request selects 199 sales, and at least 200 are needed."
    )
    assert set(answer.rows["reason"]) == {"too_few_sales"}
    assert answer.rows.schema == pl.Schema(ROWS)
    first = small_town["parcel_number"][0]
    enough = value(small_town.head(200), subject_parcel_ids=[first], interval_level=0.99)
    assert enough.summary["n"] == 200
    assert "interval_too_few_sales" in codes(enough)
    assert render(enough).document["result_summary"]["interval_coverage"] is None


@pytest.mark.parametrize(("placeholders", "valued"), [(0, True), (350, True), (421, False), (450, False)])
def test_sales_of_few_parcels_are_valued_where_each_fold_leaves_enough(small_town, placeholders, valued):
    parcels = ["0"] * placeholders + small_town["parcel_number"].to_list()[placeholders:]
    answer = value(small_town.with_columns(pl.Series("parcel_number", parcels)))
    assert (answer.rows["estimated_value"].null_count() == 0) == valued
    if not valued:
        sold = len(set(parcels))
        assert f"450 sales of {sold} parcel" in answer.summary["key_finding"]
        assert "fewer than 30 are left to learn from" in answer.summary["key_finding"]
        assert set(answer.rows["reason"]) == {"too_few_sales"}


def test_sales_of_fewer_parcels_than_folds_are_valued(small_town):
    parcels = [f"p{number % 4}" for number in range(small_town.height)]
    answer = value(small_town.with_columns(pl.Series("parcel_number", parcels)))
    assert (answer.rows.height, answer.rows["estimated_value"].null_count()) == (4, 0)
    assert answer.summary["n"] == small_town.height


def test_an_empty_selection_is_an_answer(small_town):
    answer = value(small_town, start_date="1990-01-01", end_date="1990-12-31")
    assert answer.data_quality["excluded"] == {"outside_dates": 450}
    assert "the request selects 0 sales" in answer.summary["key_finding"]
    assert render(answer).parquet


def test_where_no_parcel_has_comparables_the_model_values_without_ranges(small_town):
    answer = value(small_town.tail(220), max_distance_km=0.0001)
    assert answer.rows["estimated_value"].null_count() == 0
    assert answer.rows["value_low"].null_count() == answer.rows.height
    assert set(answer.rows["confidence"]) == {"low"}
    assert "interval_too_few_sales" in codes(answer)


def test_equal_prices_give_that_price(small_town):
    flat = small_town.tail(220).with_columns(pl.lit(250_000.0).alias("sale_price"))
    answer = value(flat, subject_parcel_ids=[flat["parcel_number"][0]])
    row = answer.rows.row(0, named=True)
    np.testing.assert_allclose([row[name] for name in ("estimated_value", "value_low", "value_high")], 250_000)
    assert answer.summary["mdape"] == pytest.approx(0, abs=1e-6)
    assert answer.summary["interval_coverage"] == 100  # rounding puts no price out of its range
    assert render(answer).document["result_summary"]["prb"] is None


def test_a_sale_without_parcel_number_may_be_anyones_and_is_left_out(small_town):
    unnamed = small_town.with_row_index().with_columns(
        pl.when(pl.col("index") >= 20).then("parcel_number").alias("parcel_number")
    )
    answer = value(unnamed.drop("index"), min_training_sales=1_000)
    assert answer.data_quality["excluded"] == {"missing_parcel_number": 20}


def test_the_areas_asked_for_are_valued(small_town):
    answer = value(small_town, zip_codes=["98100"])
    inside = small_town.filter(pl.col("zip_code") == "98100")
    assert answer.rows["parcel_number"].to_list() == sorted(set(inside["parcel_number"]))
    assert set(answer.rows["reason"]) == {"too_few_sales"}


def test_unknown_parcels_are_named(small_town):
    with pytest.raises(InvalidParameters, match="subject_parcel_ids names nobody"):
        value(small_town, subject_parcel_ids=["p00001", "nobody"])


def test_the_valuation_date_moves_values_with_the_market(small_town):
    early = value(small_town, valuation_date="2014-12-31", subject_parcel_ids=["p00001"])
    assert early.summary["valuation_date"] == "2014-12-31"
    assert early.summary["n"] == small_town.filter(pl.col("sale_date") <= date(2014, 12, 31)).height
    assert_frame_equal(early.rows.select("parcel_number"), pl.DataFrame({"parcel_number": ["p00001"]}))
