"""Sales without a day, groups without a sale, and why nothing is compared."""

from datetime import date

import polars as pl
import pytest
from support.answers import codes, only, table


def test_one_sale_of_which_only_the_year_is_known_leaves_the_others_in_their_months(report, sales, county):
    day = date(2014, 3, 1)
    given = {"sale_date": [day] * 3 + [date(2014, 7, 1)], "sale_price": 1e5}
    answer = report(sales(**given, year_only=[None, False, False, True]), county(50, 3)[1])
    assert table(answer, "cells").select("period", "n").rows() == [("2014-03", 3)]
    assert (answer.data_quality["used"], answer.summary["parcels_sold"], answer.summary["period"]) == (4, 0, "month")
    assert table(answer, "gaps").height == 0
    told = next(caution.message for caution in answer.warnings if caution.code == "year_only")
    assert told == "Of 1 sale only the year is known: in no month, and counted in no cell"
    assert "selects 4 sales; 1 of 1 month (100.0%) has fewer than 30;" in answer.summary["key_finding"]
    assert message(answer, "thin_cells") == "1 of 1 cell has fewer than 30 sales"
    by_year = report(sales(**given, year_only=[None, False, False, True]), period="year")
    assert table(by_year, "cells")["n"].to_list() == [4]
    assert "year_only" in codes(by_year)


def message(answer, code):
    (told,) = (caution.message for caution in answer.warnings if caution.code == code)
    return told


def test_where_of_most_only_the_year_is_known_years_are_counted(report, sales):
    given = sales(sale_date=[date(2014, 7, 1)] * 2 + [date(2015, 2, 1)], sale_price=1e5, year_only=[True, True, False])
    answer = report(given)
    assert answer.summary["period"] == "year"
    assert table(answer, "cells").select("group", "n").rows() == [("all", 2), ("all", 1)]
    assert message(answer, "year_only").endswith("all sales are counted by year, not by month")


@pytest.mark.parametrize("period", ["month", "year", "auto"])
@pytest.mark.parametrize("group_by", ["sale_month", "sale_quarter"])
def test_groups_finer_than_years_leave_the_period_as_it_was_asked_for(report, sales, group_by, period):
    given = sales(sale_date=[date(2014, 7, 1)] * 2 + [date(2015, 2, 1)], sale_price=1e5, year_only=[True, True, False])
    answer = report(given, group_by=group_by, period=period)
    assert answer.summary["period"] == ("year" if period == "auto" else period)
    assert table(answer, "cells")["n"].to_list() == [1]
    assert set(table(answer, "thin_cells")["group"]) == {"all", "2015-02" if group_by == "sale_month" else "2015-Q1"}
    told = message(answer, "year_only")
    assert told == f"Of 2 sales only the year is known: in no {group_by}, and counted in no cell"


def test_a_group_of_whose_sales_only_the_year_is_known_is_told(report, sales):
    given = sales(
        sale_date=[date(2014, 3, 1)] * 3 + [date(2014, 7, 1)] * 2,
        sale_price=1e5,
        zip_code=["98101"] * 3 + ["98102"] * 2,
        year_only=[False] * 3 + [True] * 2,
    )
    answer = report(given, group_by="zip_code")
    row = only(answer, "thin_cells", group="98102")
    assert (row["measure"], row["n"], row["of"], row["value"]) == ("no_sale", 1, 1, 1.0)
    assert row["note"] == "of its 2 selected sales only the year is known"
    assert only(answer, "thin_cells", group="all", measure="no_sale")["of"] == 2
    by_year = report(given, group_by="zip_code", period="year")
    assert set(table(by_year, "thin_cells", group="98102")["measure"]) == {"fewer_than_30", "fewer_than_10", "no_sale"}
    assert table(by_year, "thin_cells")["note"].null_count() == table(by_year, "thin_cells").height


def test_sales_without_a_day_are_in_no_month_also_where_none_is_selected(report, sales):
    given = sales(
        sale_date=[date(2014, 3, 1)] * 3 + [date(2014, 7, 1)] * 2,
        sale_price=[1e5] * 3 + [1.0] * 2,
        grade=[1.0, 1.0, None, None, 1.0],
        year_only=[False] * 3 + [True] * 2,
    )
    months = table(report(given), "fields_by_period", name="grade")
    assert months.select("period", "n", "of").rows() == [("2014-03", 2, 3)]
    years = table(report(given, period="year"), "fields_by_period", name="grade")
    assert years.select("period", "n", "of").rows() == [("2014", 3, 5)]


def test_no_cell_is_left_where_no_month_is_known_of_any_group(report, sales):
    answer = report(
        sales(sale_date=[date(2014, 7, 1)], sale_price=1e5, year_only=[True]), group_by=["sale_month"], period="auto"
    )
    assert answer.summary["key_finding"].startswith("In here the request selects 1 sale; no properties")


def test_groups_of_the_roll_in_which_nothing_sold_are_told(report, county):
    sales, roll = county(900, 18)
    some = sales.filter(pl.col("zip_code") != "98102")
    answer = report(some, roll, group_by="zip_code")
    row = only(answer, "thin_cells", group="98102")
    parcels = roll.filter(pl.col("zip_code") == "98102").height
    assert (row["measure"], row["n"], row["of"], row["value"]) == ("no_sale", 12, 12, 1.0)
    assert row["note"] == f"none of {parcels} parcels on the roll has a selected sale"
    assert only(answer, "thin_cells", group="all", measure="no_sale")["of"] == 4 * 12
    groups = table(answer, "thin_cells")["group"].unique(maintain_order=True).to_list()
    assert groups == ["all", "98100", "98101", "98102", "98103"]
    assert answer.summary["groups_without_sale"] == 1
    told = next(caution.message for caution in answer.warnings if caution.code == "groups_without_sale")
    assert told == f"No selected sale in 1 group of the roll, of {parcels} parcels: 98102"
    for group_by in ("county", "sale_year"):
        assert report(some, roll, group_by=group_by).summary["groups_without_sale"] == 0


def test_a_group_of_the_roll_that_sales_name_otherwise_has_sold(report, county):
    sales, roll = county(900, 18)
    elsewhere = sales.with_columns(zip_code=pl.col("zip_code").replace("98102", "98109"))
    answer = report(elsewhere, roll, group_by="zip_code")
    assert answer.summary["groups_without_sale"] == 0
    assert "groups_without_sale" not in codes(answer)


def test_where_nothing_is_selected_no_share_of_cells_is_told(report, county):
    sales, roll = county(100, 18)
    answer = report(sales, roll, group_by="zip_code", start_year=2100)
    groups = table(answer, "thin_cells").filter(pl.col("group") != "all")
    assert groups.select("n", "of", "value").unique().rows() == [(0, 0, None)]


def bare(roll, **columns):
    """Return a roll that knows its parcels and those columns alone."""
    unknown = {name: pl.lit(None, kind) for name, kind in roll.schema.items() if name != "parcel_number"}
    return roll.with_columns(**(unknown | columns))


@pytest.mark.parametrize(
    ("sold", "roll_of", "why"),
    [
        (4, lambda roll, _: roll, "too few to compare with the unsold ones: 10 are needed"),
        (300, lambda roll, sold: roll.filter(sold), "and the 0 unsold ones are too few to compare with: 10 are needed"),
        (300, lambda roll, _: bare(roll), "but the roll records no characteristic to compare them by"),
        (
            300,
            lambda roll, _: bare(roll, grade=pl.when(pl.int_range(300) < 9).then(2.0)),
            "but no characteristic is recorded of 10 sold and 10 unsold ones",
        ),
        (300, lambda roll, _: bare(roll, grade=3.0), "and no characteristic that enough of them have varies"),
    ],
)
def test_it_says_why_nothing_is_compared(report, county, sold, roll_of, why):
    sales, roll = county(300, 19)
    is_sold = pl.col("parcel_number").is_in(sales["parcel_number"].implode())
    told = report(sales.head(sold), roll_of(roll, is_sold)).summary["key_finding"]
    assert told.endswith(f" sold, {why}.")
