"""Groups by the market areas of the county's profile."""

from datetime import date

import pytest

from terrafusion.analysis.profile import CountyProfile
from terrafusion.errors import InvalidParameters

AREAS = CountyProfile.model_validate(
    {"market_areas": {"Lake": {"neighborhoods": ["a"]}, "North": {"zip_codes": ["98101"]}}}
)


@pytest.fixture
def town(sales):
    places = [("a", "98101")] * 12 + [("b", "98101")] * 20 + [(None, "98101")] * 3 + [("b", "98102")] * 7
    return sales(
        neighborhood=[place[0] for place in places],
        zip_code=[place[1] for place in places],
        sale_date=[date(2014, 1, 1 + number % 31) for number in range(len(places))],
        sale_price=[100_000.0 + 1_000 * number for number in range(len(places))],
        assessed_value=[100_000.0] * len(places),
    )


@pytest.mark.parametrize(
    "kind", ["trend_analysis", "price_index", "ratio_study", "sales_velocity", "price_distribution"]
)
def test_a_sale_lies_in_its_neighborhoods_area_else_in_its_zips(kind, town, ask):
    answer = ask(kind, town, AREAS, group_by="market_area", period="year")
    assert answer.rows["group"].unique().sort().to_list() == ["Lake", "North"]
    assert answer.data_quality["excluded"] == {"missing_market_area": 7}
    counted = {"ratio_study": "n", "trend_analysis": "sales", "sales_velocity": "sales_volume"}.get(kind)
    if counted:
        assert dict(answer.rows.select("group", counted).iter_rows()) == {"Lake": 12, "North": 23}


def test_a_thin_area_shows_the_county(town, ask):
    answer = ask("trend_analysis", town, AREAS, group_by="market_area", fallback="cascade")
    assert answer.trends["level_used"].to_list() == ["county", "county"]
    assert answer.trends["fallback_sales_volume"].to_list() == [35, 35]


def test_areas_that_the_profile_does_not_name_are_refused(town, ask):
    with pytest.raises(
        InvalidParameters, match="group_by is 'market_area', of which here records nothing; allowed are"
    ) as raised:
        ask("trend_analysis", town, group_by="market_area")
    assert "market_area" not in raised.value.allowed
