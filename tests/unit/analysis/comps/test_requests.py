"""Requests that are refused, and answers that do not depend on what they should not."""

from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from terrafusion.analysis.comps.rows import ADJUSTMENTS
from terrafusion.analysis.document import render
from terrafusion.errors import InvalidParameters

from .conftest import ASKED, comps

FEW = settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def test_unknown_parcels_are_named(ask, town):
    with pytest.raises(InvalidParameters, match=r"names nobody, x1, which here does not hold") as refused:
        comps(ask, town, ["x1", "p00007", "nobody"])
    assert refused.value.field == "subject_parcel_ids"
    assert "sales" in str(refused.value.allowed)
    with pytest.raises(InvalidParameters, match=r"x00.* and 40 more"):
        comps(ask, town, [f"x{number:02d}" for number in range(50)])


def test_a_frame_without_a_needed_column_is_refused(ask, town):
    bare = town.with_columns(building_size_sqft=None, grade=None, bedrooms=None)
    with pytest.raises(InvalidParameters, match="price_trend_by_zip") as refused:
        comps(ask, bare)
    assert "building_size_sqft" in str(refused.value)
    with pytest.raises(InvalidParameters, match=r"needs parcel_number.*ratio_study") as refused:
        comps(ask, town.with_columns(parcel_number=pl.lit(None, pl.String)))
    assert refused.value.field == "parcel_number"


def test_sales_that_may_be_anybodys_are_left_out(ask, town):
    nameless = pl.int_range(pl.len()) % 100 == 7
    frame = town.with_columns(parcel_number=pl.when(~nameless).then("parcel_number"))
    answer = comps(ask, frame)
    assert answer.data_quality["excluded"] == {"missing_parcel_number": 18}


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"subject_parcel_ids": []}, "subject_parcel_ids", "at least 1"),
        ({"subject_parcel_ids": "p00007"}, "subject_parcel_ids", "a list"),
        ({"k": 0}, "k", "greater than or equal to 1"),
        ({"k": 51}, "k", "less than or equal to 50"),
        ({"k": 2.5}, "k", "whole number"),
        ({"min_comps": 0}, "min_comps", "greater than or equal to 1"),
        ({"max_distance_km": 0}, "max_distance_km", "greater than 0"),
        ({"max_age_months": 601}, "max_age_months", "less than or equal to 600"),
        ({"max_gross_adjustment_pct": -1}, "max_gross_adjustment_pct", "greater than or equal to 0"),
        ({"flag_outlier_sd": 0}, "flag_outlier_sd", "greater than 0"),
        ({"interval_level": 1.0}, "interval_level", "less than or equal to 0.99"),
        ({"radius": 3}, "radius", "max_distance_km"),
    ],
)
def test_a_bad_parameter_names_the_field_and_what_is_allowed(ask, town, asked, field, said):
    with pytest.raises(InvalidParameters) as refused:
        ask("comparable_sales", town, **({"subject_parcel_ids": ASKED} | asked))
    assert refused.value.field == field
    assert said in str(refused.value)


def test_subjects_are_required(ask, town):
    with pytest.raises(InvalidParameters, match="subject_parcel_ids is missing"):
        ask("comparable_sales", town)


@FEW
@given(seed=st.integers(0, 1_000))
def test_the_order_of_the_records_changes_no_byte(ask, known, town, seed):
    mixed = town.sample(fraction=1, shuffle=True, seed=seed)
    assert render(comps(ask, mixed)).sha256 == render(comps(known, town)).sha256


@FEW
@given(factor=st.floats(0.5, 20))
def test_scaling_prices_scales_dollars_alone(ask, known, town, factor):
    scaled = town.with_columns(pl.col("sale_price") * factor)
    before, after = (
        comps(asked, frame, sale_filter={"min_price": 0}).table.unnest("adjustments")
        for asked, frame in ((known, town), (ask, scaled))
    )
    dollars = [
        *ADJUSTMENTS,
        "sale_price",
        "adjusted_price",
        "estimated_value",
        "value_low",
        "value_high",
        "model_value",
    ]
    assert_frame_equal(before.with_columns(pl.col(dollars) * factor), after, rel_tol=1e-6, abs_tol=1e-4)


@FEW
@given(price=st.sampled_from([-5.0, 0.0, 100.0, 9_999.0, 5e12]), home=st.integers(0, 1_599))
def test_a_sale_that_is_excluded_changes_nothing(ask, known, town, sales, price, home):
    one = sales(sale_id=["x"], parcel_number=[f"p{home:05d}"], sale_date=[date(2014, 6, 9)], sale_price=[price])
    plain, more = comps(known, town), comps(ask, pl.concat([town, one]))
    assert plain.table.equals(more.table)
    assert more.data_quality["read"] == more.data_quality["used"] + 1
