"""Figures that nobody here computed."""

import numpy as np
import polars as pl
import pytest

from terrafusion.analysis.velocity.spells import median_hold, survival
from terrafusion.analysis.velocity.supply import months_of_supply


def test_months_inventory_of_texas_cities(reference):
    """Texas Real Estate Center, monthly by city, 2000 to 2015 (as R's ggplot2 has it, `txhousing`): all that can be."""
    told = reference("index/texas_cities_monthly_2000_15.csv").sort("city", "year", "month")
    computed, known = 0, 0
    for _, city in told.group_by("city", maintain_order=True):
        listings, sales = (city[name].cast(pl.Float64).to_numpy() for name in ("listings", "sales"))
        supply, printed = months_of_supply(listings, sales), city["inventory"].to_numpy()
        both = np.isfinite(supply) & np.isfinite(printed)
        np.testing.assert_array_less(np.abs(supply - printed)[both], 0.05 + 1e-9)
        computed, known = computed + int(both.sum()), known + int(np.isfinite(printed).sum())
    assert (told.height, known, computed) == (8602, 7135, 6622)


def test_sale_prices_over_list_prices_in_grinnell(reference):
    """Grinnell, Iowa, 2005 to 2015 (R's Stat2Data, `GrinnellHouses`): SPLPPct of all 929 houses to two decimals."""
    told = reference("index/grinnell_sales_list_prices.csv")
    ratio = 100 * told["SalePrice"] / told["ListPrice"]
    assert float((ratio - told["SPLPPct"]).abs().max()) <= 0.005 + 1e-9
    assert told.height == 929


def test_grinnell_through_the_whole_analysis(reference, asked, sales, listings):
    told = reference("index/grinnell_sales_list_prices.csv").filter(pl.col("SalePrice") >= 10_000)
    day = pl.date("YearSold", "MonthSold", "DaySold")
    told = told.with_columns(day.alias("day"), pl.format("p{}", "rownames").alias("parcel"))
    sold = sales(parcel_number=told["parcel"], sale_date=told["day"], sale_price=told["SalePrice"].cast(pl.Float64))
    offered = listings(
        parcel_number=told["parcel"],
        list_date=told["day"].dt.offset_by("-90d"),
        off_market_date=told["day"].dt.offset_by("-30d"),
        list_price=told["ListPrice"],
    )
    answer = asked(sold, listed=offered, period="year")
    assert answer.summary["sale_to_list_n"] == told.height
    assert 100 * answer.summary["median_sale_to_list"] == pytest.approx(told["SPLPPct"].median(), abs=0.005)
    assert answer.summary["median_days_on_market"] == 60


REMISSION = [6, 6, 6, 7, 10, 13, 16, 22, 23]
CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def test_the_remissions_of_leukemia():
    """Freireich and others 1963, 6-MP group, as every textbook prints it (Kleinbaum and Klein 2012, table 2.1)."""
    days = np.array(REMISSION + CENSORED, dtype=float)
    lasting = survival(days, np.arange(len(days)) < len(REMISSION))
    printed = [".8571", ".8067", ".7529", ".6902", ".6275", ".5378", ".4482"]
    assert [f"{share:.4f}"[1:] for share in lasting.share] == printed
    errors = lasting.share * np.sqrt(lasting.greenwood)
    assert [f"{error:.4f}"[1:] for error in errors] == [".0764", ".0869", ".0963", ".1068", ".1141", ".1282", ".1346"]
    assert median_hold(lasting, 0.95)[0] == 23
