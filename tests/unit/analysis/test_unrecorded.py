"""Of what a county records nothing: what is allowed instead, and which types do without."""

import polars as pl
import pytest

from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import InvalidParameters


def refusal(ask, kind, given, **parameters):
    with pytest.raises(InvalidParameters) as refused:
        ask(kind, given, **parameters)
    return refused.value


@pytest.fixture
def bare(sales):
    """Sales that tell their date and price, and nothing else."""
    return sales(sale_price=[100_000.0 + number for number in range(50)])


def types_named(refused):
    return set(refused.allowed.partition("types that do without are ")[2].split(", "))


@pytest.mark.parametrize(
    ("kind", "parameters", "field", "needing"),
    [
        ("price_trend_by_zip", {}, "zip_code", {"price_trend_by_zip"}),
        ("ratio_study", {}, "value_field", {"ratio_study", "equity_study", "time_adjustment"}),
        ("equity_study", {}, "value_field", {"ratio_study", "equity_study", "time_adjustment"}),
        ("comparable_market_area", {"n_areas": 2}, "unit", {"comparable_market_area"}),
        ("market_valuation", {}, "parcel_number", {"market_valuation", "comparable_sales"}),
        ("price_per_sqft", {}, "building_size_sqft", {"price_per_sqft"}),
    ],
)
def test_the_types_that_do_without_are_named(ask, bare, kind, parameters, field, needing):
    given = bare.with_columns(
        pl.lit(None, pl.String).alias(name) for name in ("zip_code", "neighborhood", "parcel_number")
    )
    refused = refusal(ask, kind, given, **parameters)
    every = {analysis.name for analysis in load_catalogue() if analysis.needs}
    assert refused.field == field
    assert types_named(refused) == every - needing


def test_only_groups_that_the_type_takes_are_allowed(ask, bare):
    refused = refusal(ask, "trend_analysis", bare, group_by="neighborhood")
    assert refused.field == "group_by"
    assert {"county", "sale_year"} <= set(refused.allowed.split(", "))
