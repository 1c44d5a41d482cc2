import pytest

from terrafusion.analysis.canonical import canonical, parameter_hash
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import InvalidParameters

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"start_date": "2015-01-01", "end_date": "2014-12-31"}, "end_date", "must not be before start_date"),
        ({"start_year": 2016, "end_year": 2014}, "end_year", "is 2014: must not be before start_date (2016-01-01)"),
        (
            {"start_date": "20160501", "end_year": 2014},
            "end_year",
            "is 2014: must not be before start_date (2016-05-01)",
        ),
        ({"start_year": 2016, "end_date": "2014-12-31"}, "end_date", "'2014-12-31': must not be before start_date"),
        ({"start_year": 2014, "end_year": 2013, "end_date": "2015-01-01"}, "end_year", "give one of the two"),
        ({"start_year": 2014, "start_date": "2015-01-01"}, "start_year", "give one of the two"),
        ({"start_date": "soon"}, "start_date", "such as 2014-05-31"),
        ({"start_date": 5}, "start_date", "such as 2014-05-31"),
        ({"zip_codes": [98103]}, "zip_codes.0", "98103"),
        ({"zip_codes": ["9810"]}, "zip_codes.0", "five digits"),
        ({"zip_codes": ["98103-12a4"]}, "zip_codes.0", "five digits"),
        ({"zip_codes": []}, "zip_codes", "at least 1"),
        ({"period": "day"}, "period", "'week', 'month', 'quarter', 'year' or 'auto'"),
        ({"group_by": ["zip_code", "zip_code"]}, "group_by", "twice"),
        ({"group_by": ["colour"]}, "group_by.0", "'zip_code'"),
        ({"tiers": 11}, "tiers", "less than or equal to 10"),
        ({"tiers": -1}, "tiers", "greater than or equal to 0"),
        ({"tiers": 3, "fallback": "cascade"}, "tiers", "must be 0 with fallback `cascade`"),
        ({"seasonal_adjust": 1}, "seasonal_adjust", "true or false"),
        ({"seasonal_adjust": True, "period": "year"}, "seasonal_adjust", "allowed are week, month, quarter"),
        ({"min_sales": 0}, "min_sales", "greater than or equal to 1"),
        ({"min_sales": "10"}, "min_sales", "whole number"),
        ({"confidence_level": float("nan")}, "confidence_level", "finite"),
        ({"sale_filter": {"min_price": -1}}, "sale_filter.min_price", "greater than or equal to 0"),
        ({"sale_filter": {"minimum": 1}}, "sale_filter.minimum", "arms_length_only"),
        ({"colour": "red"}, "colour", "zip_codes"),
    ],
)
def test_a_refusal_names_the_field_and_what_is_allowed(given, field, said):
    with pytest.raises(InvalidParameters) as refused:
        CATALOGUE.check("trend_analysis", given)
    assert refused.value.field == field
    assert field in str(refused.value)
    assert said in str(refused.value)


def test_the_zip_trend_is_always_by_zip():
    assert CATALOGUE.check("price_trend_by_zip", {}).group_by == ("zip_code",)
    with pytest.raises(InvalidParameters, match="'zip_code'"):
        CATALOGUE.check("price_trend_by_zip", {"group_by": ["neighborhood"]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"period": "month", "min_sales": 10, "zip_codes": None}),
        ({"start_year": 2014, "end_year": 2015}, {"start_date": "2014-01-01", "end_date": "2015-12-31"}),
        ({"start_date": "20160501", "end_year": 2016}, {"start_date": "2016-05-01", "end_date": "2016-12-31"}),
        ({"zip_codes": ["98103-1234", "02134"]}, {"zip_codes": ["02134", "98103", "981031111"]}),
        ({"group_by": "zip_code"}, {"group_by": ["county", "zip_code"]}),
        ({"sale_filter": {"min_price": 10000}}, {"sale_filter": {"min_price": 10000.0}}),
    ],
)
def test_equal_requests_have_one_canonical_form(one, other):
    first, second = (CATALOGUE.check("trend_analysis", given) for given in (one, other))
    assert canonical(first) == canonical(second)
    assert parameter_hash(first) == parameter_hash(second)


def test_other_requests_have_another_hash():
    first, second = (CATALOGUE.check("trend_analysis", {"min_sales": least}) for least in (10, 11))
    assert parameter_hash(first) != parameter_hash(second)


def test_the_canonical_form_is_itself_a_request():
    wanted = CATALOGUE.check("trend_analysis", {"start_year": 2014, "zip_codes": ["02134-0001"]})
    again = CATALOGUE.check("trend_analysis", canonical(wanted))
    assert canonical(again) == canonical(wanted)
    assert again.zip_codes == ("02134",)
