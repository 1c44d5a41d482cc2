import polars as pl
import pytest

from terrafusion.analysis.changes import with_changes


def cells(**columns):
    return pl.DataFrame({"group_code": 0, **columns}).with_columns(pl.col("median_price").cast(pl.Float64))


def test_a_missing_month_never_makes_its_neighbours_compare():
    given = cells(ordinal=[0, 1, 3, 4], median_price=[100, 110, 150, 75], sales_volume=20)
    assert with_changes(given, ["group_code"], period="month", min_sales=10)["mom"].to_list() == [
        None,
        pytest.approx(0.1),
        None,
        pytest.approx(-0.5),
    ]


@pytest.mark.parametrize(("period", "back"), [("week", 52), ("month", 12), ("quarter", 4), ("year", 1)])
def test_yoy_is_the_same_period_a_year_before(period, back):
    given = cells(ordinal=[0, back, back + 1], median_price=[100, 120, 400], sales_volume=20)
    assert with_changes(given, ["group_code"], period=period, min_sales=10)["yoy"][1] == pytest.approx(0.2)


def test_years_have_no_mom():
    given = cells(ordinal=[0, 1], median_price=[100, 120], sales_volume=20)
    assert with_changes(given, ["group_code"], period="year", min_sales=10)["mom"].to_list() == [None, None]


@pytest.mark.parametrize("volumes", [[9, 20], [20, 9]])
def test_too_few_sales_on_either_side_tell_no_change(volumes):
    given = cells(ordinal=[0, 1], median_price=[100, 120], sales_volume=volumes)
    assert with_changes(given, ["group_code"], period="month", min_sales=10)["mom"][1] is None


def test_groups_are_compared_with_themselves():
    given = pl.DataFrame({"group_code": [0, 1], "ordinal": [0, 1], "median_price": [1.0, 2.0], "sales_volume": 20})
    assert with_changes(given, ["group_code"], period="month", min_sales=10)["mom"].to_list() == [None, None]
