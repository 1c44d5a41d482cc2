from datetime import date

import pytest

from terrafusion.analysis.cascade import levels


@pytest.mark.parametrize(
    ("group_by", "wider"),
    [
        (["neighborhood"], [("zip_code",), ()]),
        (["zip_code"], [()]),
        (["neighborhood", "property_type"], [("property_type", "zip_code"), ("property_type",)]),
        (["property_type"], [()]),
        (["market_area"], [()]),
        (["market_area", "property_type"], [("property_type",)]),
        ([], []),
    ],
)
def test_areas_widen_and_the_rest_stays(group_by, wider):
    assert list(levels(group_by)) == wider


@pytest.fixture
def town(sales):
    """One ZIP of three neighborhoods: of 40, 12 and 2 sales; another ZIP of one with 5."""
    places = [("a", "1")] * 40 + [("b", "1")] * 12 + [("c", "1")] * 2 + [("d", "2")] * 5
    return sales(
        neighborhood=[place[0] for place in places],
        zip_code=[place[1] for place in places],
        sale_date=[date(2014, 1, 1 + number % 31) for number in range(len(places))],
        sale_price=[100_000.0 + 1_000 * number for number in range(len(places))],
    )


def test_a_thin_cell_shows_the_first_wider_area_that_is_not(town, ask):
    points = ask("trend_analysis", town, group_by="neighborhood", fallback="cascade").trends
    shown = {row["group"]: row for row in points.to_dicts()}
    assert [shown[name]["level_used"] for name in "abcd"] == ["neighborhood", "zip_code", "zip_code", "county"]
    assert shown["a"]["fallback_median_price"] is None
    assert (shown["c"]["fallback_sales_volume"], shown["c"]["fallback_median_price"]) == (54, 126_500.0)
    assert shown["d"]["fallback_sales_volume"] == 59
    assert (shown["b"]["median_price"], shown["c"]["median_price"]) == (145_500.0, None)


def test_without_it_there_are_no_such_columns_and_suppressed_cells_use_no_level(town, ask):
    answer = ask("trend_analysis", town, group_by="neighborhood")
    assert not [name for name in answer.trends.columns if name.startswith("fallback")]
    assert answer.trends["level_used"].to_list() == ["neighborhood", "neighborhood", None, None]
    assert answer.table["fallback_level"].null_count() == answer.table.height


def test_where_no_level_has_enough_the_cells_own_figures_stay(town, ask):
    points = ask("trend_analysis", town, group_by="neighborhood", fallback="cascade", fallback_min_sales=100).trends
    assert points["level_used"].to_list() == ["neighborhood", "neighborhood", None, None]


def test_a_neighborhood_in_two_zips_goes_by_the_one_with_most_of_its_sales(sales, ask):
    places = [("a", "1")] * 9 + [("a", "2")] * 3 + [("b", "1")] * 40 + [("c", "2")] * 31
    given = sales(
        neighborhood=[place[0] for place in places],
        zip_code=[place[1] for place in places],
        sale_date=[date(2014, 1, 1 + number % 31) for number in range(len(places))],
        sale_price=100_000.0,
    )
    thin = ask("trend_analysis", given, group_by="neighborhood", fallback="cascade").trends.row(0, named=True)
    assert (thin["group"], thin["fallback_level"], thin["fallback_sales_volume"]) == ("a", "zip_code", 49)
