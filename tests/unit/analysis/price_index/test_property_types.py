"""A county of many property types, whose prices stand still while ever dearer types sell."""

from datetime import date

import numpy as np
import pytest

from terrafusion.errors import InvalidParameters

HEDONIC = {"method": "hedonic_time_dummy", "location_effects": "none", "period": "year"}
NAMED = {"characteristics": ["building_size_sqft", "property_type"]}


def dear_ones(sales, types):
    """Three years; the dearer a type is, the later most of its homes sell."""
    sold = [
        (year, kind, home)
        for year in range(3)
        for kind in range(types)
        for home in range(2 + (9 * kind * year) // types + (kind < 20))
    ]
    size = [900.0 + 100 * (home % 7) for _, _, home in sold]
    return sales(
        sale_date=[date(2014 + year, 1 + home % 12, 1 + kind % 28) for year, kind, home in sold],
        property_type=[f"type {kind:02d}" for _, kind, _ in sold],
        building_size_sqft=size,
        sale_price=[(1 + kind / 10) * 300 * area for (_, kind, _), area in zip(sold, size, strict=True)],
    )


def said(answer, code):
    return [caution.message for caution in answer.warnings if caution.code == code]


def test_many_types_are_held_constant_where_they_are_named(ask, sales):
    given = dear_ones(sales, 25)
    named = ask("price_index", given, **HEDONIC, **NAMED)
    np.testing.assert_allclose(named.rows["index"], 100.0, atol=1e-6)
    assert len(named.summary["characteristics"]) == 25
    drifting = ask("price_index", given, **HEDONIC)
    assert drifting.rows["index"][-1] > 105
    for answer in (drifting, ask("trend_analysis", given, period="year")):
        assert said(answer, "index_property_types_left_out") == [
            "There are 25 property types, more than 20, so these are not held constant"
        ]
    assert not said(named, "index_property_types_left_out")
    few = ask("price_index", dear_ones(sales, 20), **HEDONIC)
    np.testing.assert_allclose(few.rows["index"], 100.0, atol=1e-6)


@pytest.mark.parametrize("kind", ["price_index", "time_adjustment"])
def test_too_many_types_to_hold_constant_are_refused_where_they_are_named(ask, sales, kind):
    given = dear_ones(sales, 51)
    with pytest.raises(InvalidParameters, match=r"property_type, of which there are 51; at most 50") as refused:
        ask(kind, given, **HEDONIC, **NAMED)
    assert (refused.value.field, refused.value.value) == ("characteristics", "property_type")
    asked = [f"type {number:02d}" for number in range(30)]
    assert ask(kind, given, property_types=asked, **HEDONIC, **NAMED).rows.height == 3


@pytest.mark.parametrize("kind", ["price_index", "time_adjustment"])
def test_the_commonest_types_are_strata_and_the_others_are_one(ask, sales, kind):
    asked = {"method": "stratified_median", "period": "year"}
    answer = ask(kind, dear_ones(sales, 25), **asked)
    (message,) = said(answer, "strata_joined")
    assert message == "Of 25 property types the 20 commonest are strata of their own; the other 5 are one together"
    assert not said(ask(kind, dear_ones(sales, 20), **asked), "strata_joined")
    if kind == "price_index":
        assert (answer.summary["strata_by"], answer.summary["strata"]) == (["property_type"], 21)
