"""The analysis as it is asked and told."""

import json
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from statsmodels.stats.proportion import proportion_confint
from support.towns import draw_town, worth

from terrafusion.analysis.document import render
from terrafusion.analysis.frames import PROPERTIES_SCHEMA
from terrafusion.analysis.registry import load_catalogue
from terrafusion.analysis.valuation.rows import CONTRIBUTIONS, ROWS
from terrafusion.errors import InvalidParameters

from .conftest import conform, figures, value


def codes(answer):
    return {caution.code for caution in answer.warnings}


def test_every_parcel_has_a_row_with_an_ordered_range(valued, small_town):
    rows = valued.rows
    assert rows.schema == pl.Schema(ROWS)
    assert rows["parcel_number"].to_list() == sorted(set(small_town["parcel_number"]))
    assert (rows["value_low"] < rows["estimated_value"]).all()
    assert (rows["estimated_value"] < rows["value_high"]).all()
    assert valued.summary["parcels_valued"] == valued.summary["confidence_high"] + valued.summary["confidence_medium"]
    assert json.loads(json.dumps(render(valued).document, allow_nan=False))


def test_values_are_near_the_truth(valued, small_town):
    home = small_town.unique("parcel_number", keep="last", maintain_order=True).sort("parcel_number")
    off = np.log(valued.rows["estimated_value"].to_numpy()) - worth(home)
    assert abs(np.median(off)) < 0.02
    assert np.median(np.abs(off)) < 0.05


def test_what_a_value_is_made_of_adds_up_to_it(valued):
    parts = valued.rows["contributions"].struct.unnest()
    assert tuple(parts.columns) == CONTRIBUTIONS
    total = parts.fill_null(0).to_numpy().sum(axis=1)
    np.testing.assert_allclose(total, valued.rows["estimated_value"], rtol=1e-12)
    assert parts["base"].n_unique() == 5
    assert parts["year_built"].null_count() == valued.rows.height
    larger = parts.filter(parts["building_size_sqft"] > 0).height
    assert 0.3 < larger / valued.rows.height < 0.7


def test_no_value_chases_the_price_of_its_own_parcel(valued, small_town):
    twice = small_town["parcel_number"].value_counts().filter(pl.col("count") > 1)["parcel_number"].sort()[0]
    planted = pl.when(pl.col("parcel_number") == twice).then(7 * pl.col("sale_price")).otherwise("sale_price")
    answer = value(small_town.with_columns(planted.alias("sale_price")))
    own = pl.col("parcel_number") == twice
    assert_frame_equal(answer.rows.filter(own), valued.rows.filter(own), check_exact=True)
    moved = answer.rows["estimated_value"] != valued.rows["estimated_value"]
    assert moved.sum() > 100


def test_comparables_add_up_to_their_value(valued, small_town):
    listed = valued.rows.select("parcel_number", "comparables_value", "comparables_used", "comparables")
    told = listed.explode("comparables", empty_as_null=False, keep_nulls=False).unnest("comparables")
    sums = told.group_by("parcel_number", maintain_order=True).agg(
        pl.col("weight").sum(), pl.col("contribution").sum(), pl.len().cast(pl.Int64), pl.first("comparables_value")
    )
    np.testing.assert_allclose(sums["weight"], 1.0, rtol=1e-12)
    np.testing.assert_allclose(sums["contribution"], sums["comparables_value"], rtol=1e-12)
    assert sums["len"].to_list() == listed["comparables_used"].to_list() == [10] * listed.height
    own = told.join(small_town, on=["parcel_number", "sale_id"], how="semi")
    assert own.is_empty()


def test_the_figures_of_the_holdout_by_their_definitions(valued, small_town):
    held = valued.table.filter(pl.col("record") == "held_out_sale")
    assert held["sale_id"].to_list() == small_town["sale_id"].to_list()
    price, given = held["sale_price"].to_numpy(), held["estimated_value"].to_numpy()
    for name, figure in figures(price, given).items():
        assert valued.summary[name] == pytest.approx(figure, rel=1e-9), name
    inside = ((held["value_low"] <= held["sale_price"]) & (held["sale_price"] <= held["value_high"])).to_numpy()
    low, high = proportion_confint(inside.sum(), len(inside), alpha=0.05, method="wilson")
    told = [valued.summary[f"interval_coverage{end}"] for end in ("", "_ci_low", "_ci_high")]
    np.testing.assert_allclose(told, [100 * inside.mean(), 100 * low, 100 * high], rtol=1e-9)
    cheapest = valued.summary["by_price_quarter"][0]
    rows = price <= np.quantile(price, 0.25)
    assert (cheapest["n"], cheapest["from"]) == (rows.sum(), price.min())
    assert {part["from"] for part in valued.summary["by_price_quarter"]} <= {*price}  # to the cent
    assert cheapest["interval_coverage"] == pytest.approx(100 * inside[rows].mean())
    assert sum(part["n"] for part in valued.summary["by_confidence"]) == len(price)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("folds", 7),
        ("k", 2),
        ("interval_level", 0.999),
        ("restored_spread", 1.1),
        ("min_training_sales", 199),
        ("max_training_sales", 999),
        ("max_distance_km", 0),
        ("subject_parcel_ids", []),
        ("nonsense", 1),
    ],
)
def test_a_bad_parameter_names_the_field(field, given):
    with pytest.raises(InvalidParameters, match=field):
        load_catalogue().check("market_valuation", {field: given})


def test_grades_are_in_order():
    with pytest.raises(InvalidParameters, match=r"low_confidence_fsd is 0\.1: must not be below") as refused:
        load_catalogue().check("market_valuation", {"low_confidence_fsd": 0.1})
    assert refused.value.field == "low_confidence_fsd"
    with pytest.raises(InvalidParameters) as refused:
        load_catalogue().check("market_valuation", {"high_confidence_fsd": 0.5})
    assert (refused.value.field, refused.value.value) == ("low_confidence_fsd", "0.3")


def test_a_county_without_characteristics_is_refused(small_town):
    bare = small_town.with_columns(
        pl.lit(None, small_town.schema[name]).alias(name) for name in ("building_size_sqft", "grade", "bedrooms")
    )
    with pytest.raises(InvalidParameters, match="building_size_sqft"):
        value(bare)


def test_ranges_of_homes_of_which_less_is_known_hold_what_they_say():
    """A roll whose homes were sold, unknown to the county, with and without their sizes and grades."""
    town = conform(draw_town(1_200, seed=4))
    chosen = pl.col("parcel_number").hash(seed=1) % 3 == 0
    asked = town.filter(chosen).unique("parcel_number", keep="last", maintain_order=True)
    lack = {name: pl.lit(None, PROPERTIES_SCHEMA[name]) for name in PROPERTIES_SCHEMA if name not in asked.columns}
    roll = asked.with_columns(**lack).select(pl.col(name).cast(kind) for name, kind in PROPERTIES_SCHEMA.items())
    bare = roll.with_columns(
        parcel_number="x" + pl.col("parcel_number"),
        building_size_sqft=pl.lit(None, pl.Float64),
        grade=pl.lit(None, pl.Float64),
    )
    answer = value(town.filter(~chosen), pl.concat([roll, bare]), valuation_date="2015-12-31")
    years = (date(2015, 12, 31) - asked["sale_date"]).dt.total_days() / 730
    price = asked["sale_price"] * (0.12 * years).exp()
    wide = []
    for mark in ("", "x"):
        rows = asked.select(parcel_number=mark + pl.col("parcel_number")).join(
            answer.rows, on="parcel_number", how="left", maintain_order="left"
        )
        inside = (rows["value_low"] <= price) & (price <= rows["value_high"])
        assert inside.mean() == pytest.approx(0.8, abs=0.07)  # three errors of some 400 homes
        wide.append((rows["value_high"] / rows["value_low"]).log().median())
    assert wide[1] > 1.8 * wide[0]
