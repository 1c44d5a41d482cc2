from datetime import date
from pathlib import Path

import polars as pl
import pytest

from terrafusion.analysis.price_index.pairs import PAIRS, one_a_period, pairs_of

PUBLISHED = Path(__file__).parents[5] / "shared" / "reference" / "index" / "rt_sea_monthly_pairs.csv"


@pytest.mark.parametrize(("every", "months", "count"), [(True, 0, 5102), (False, 0, 4823), (False, 12, 3795)])
def test_seattle_has_as_many_pairs_as_published(king_wa, placed, every, months, count):
    """Counts of another implementation (ANALYSES 5)."""
    assert pairs_of(placed(king_wa), every=every, min_hold_months=months).height == count


def test_seattle_has_as_many_quarterly_pairs_a_year_apart_as_published(ask, king_wa):
    asked = {"period": "quarter", "pairs": "all", "min_hold_months": 0, "min_hold_periods": 4}
    answer = ask("price_index", king_wa, **asked)
    assert answer.data_quality["pairs_formed"] == answer.summary["pairs_used"] == 4_145
    assert answer.table["gap_periods"].min() == 4


def test_seattle_pairs_are_those_published(seattle):
    """Every pair of another implementation: parcel, sales, periods, prices."""
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is not here")
    theirs = pl.read_csv(PUBLISHED, infer_schema=False).select(
        pl.col("prop_id").str.strip_prefix(".."),
        "trans_id1",
        "trans_id2",
        pl.col("period_1", "period_2").cast(pl.Int32),
        pl.col("price_1", "price_2").cast(pl.Float64),
    )
    begin = seattle["ordinal_1"].min() - 1
    mine = seattle.select(
        pl.col("parcel_number").alias("prop_id"),
        pl.col("sale_id_1").alias("trans_id1"),
        pl.col("sale_id_2").alias("trans_id2"),
        (pl.col("ordinal_1") - begin).alias("period_1"),
        (pl.col("ordinal_2") - begin).alias("period_2"),
        pl.col("sale_price_1").alias("price_1"),
        pl.col("sale_price_2").alias("price_2"),
    )
    order = ["prop_id", "trans_id1", "trans_id2"]
    assert mine.sort(order).equals(theirs.sort(order))


def test_of_the_seattle_sales_as_many_are_the_only_ones_of_a_period_as_published(ask, king_wa):
    """The package hpiR makes 43,074 monthly transactions for its hedonic index of these 43,313 sales (hedCreateTrans)."""
    wanted = {"method": "hedonic_time_dummy", "train_periods": 1_200}
    every, once = (ask("price_index", king_wa, one_sale_a_period=one, **wanted) for one in (False, True))
    assert (every.summary["sales_used"], once.summary["sales_used"]) == (43_313, 43_074)
    assert once.data_quality["used"] == 43_313
    theirs = king_wa.with_columns(month=pl.col("sale_date").dt.truncate("1mo")).sort("sale_price", descending=True)
    alone = ask("price_index", theirs.unique(["parcel_number", "month"], keep="first", maintain_order=True), **wanted)
    assert alone.rows["index"].to_list() == pytest.approx(once.rows["index"].to_list(), rel=1e-9)


def sold(placed, *rows):
    names = ["parcel_number", "sale_date", "sale_price", "sale_id"]
    return placed(pl.DataFrame([(*row, str(place)) for place, row in enumerate(rows)], schema=names, orient="row"))


def ids(found):
    return sorted(zip(found["sale_id_1"], found["sale_id_2"], strict=True))


def test_each_sale_meets_the_next_or_every_later_one(placed):
    given = sold(
        placed,
        ("a", date(2014, 1, 1), 1.0),
        ("b", date(2014, 1, 1), 1.0),
        ("a", date(2015, 1, 1), 2.0),
        ("a", date(2016, 1, 1), 3.0),
        ("c", date(2016, 1, 1), 3.0),
    )
    assert ids(pairs_of(given, every=False, min_hold_months=0)) == [("0", "2"), ("2", "3")]
    assert ids(pairs_of(given, every=True, min_hold_months=0)) == [("0", "2"), ("0", "3"), ("2", "3")]


def test_of_two_sales_in_a_period_the_dearer_counts_then_the_lower_id(placed):
    given = sold(
        placed,
        ("a", date(2014, 1, 5), 100.0),
        ("a", date(2014, 1, 20), 130.0),
        ("a", date(2015, 3, 9), 150.0),
        ("a", date(2015, 3, 2), 150.0),
    )
    assert ids(pairs_of(given, every=True, min_hold_months=0)) == [("1", "2")]


def test_months_are_those_of_the_calendar_and_short_pairs_go_after_pairing(placed):
    given = sold(placed, ("a", date(2014, 1, 31), 1.0), ("a", date(2014, 7, 1), 2.0), ("a", date(2014, 12, 31), 3.0))
    assert ids(pairs_of(given, every=False, min_hold_months=6)) == [("0", "1")]
    assert ids(pairs_of(given, every=True, min_hold_months=7)) == [("0", "2")]


def test_groups_and_unknown_parcels_are_not_paired(placed):
    given = sold(placed, ("a", date(2014, 1, 1), 1.0), ("a", date(2015, 1, 1), 2.0), (None, date(2015, 1, 1), 2.0))
    apart = given.with_columns(pl.int_range(3, dtype=pl.Int32).alias("group_code"))
    assert pairs_of(apart, every=True, min_hold_months=0).height == 0
    nobody = pairs_of(given.with_columns(pl.lit(None, pl.String).alias("parcel_number")), every=True, min_hold_months=0)
    assert nobody.schema == pl.Schema(PAIRS)
    assert nobody.height == 0


def test_the_order_of_the_sales_does_not_matter(king_wa, placed):
    mixed = king_wa.sample(fraction=1, shuffle=True, seed=4)
    assert pairs_of(placed(mixed), every=True, min_hold_months=3).equals(
        pairs_of(placed(king_wa), every=True, min_hold_months=3)
    )


def test_of_several_sales_of_a_parcel_in_a_period_one_counts_where_that_is_asked(placed):
    """The dearest, of equally dear ones that of the lowest id; a parcel that nobody knows is not one with another."""
    given = sold(
        placed,
        ("a", date(2014, 1, 5), 100.0),
        ("a", date(2014, 1, 25), 120.0),
        ("a", date(2014, 2, 2), 90.0),
        ("b", date(2014, 1, 5), 100.0),
        ("b", date(2014, 1, 6), 100.0),
        (None, date(2014, 1, 6), 70.0),
        (None, date(2014, 1, 7), 80.0),
    )
    assert one_a_period(given)["sale_id"].to_list() == ["1", "2", "3", "5", "6"]
    apart = given.with_columns(group_code=pl.Series([0, 1, 0, 0, 0, 0, 0], dtype=pl.Int32))
    assert one_a_period(apart)["sale_id"].to_list() == ["0", "1", "2", "3", "5", "6"]
    assert one_a_period(given.clear()).is_empty()


@pytest.mark.parametrize("method", ["hedonic_time_dummy", "hedonic_imputation", "stratified_median"])
def test_sales_that_do_not_count_move_no_index(ask, king_wa, method):
    some = king_wa.filter(zip_code="98103")
    wanted = {"method": method, "one_sale_a_period": True, "period": "quarter", "train_periods": 1_200}
    again = some.with_columns(pl.col("sale_id") + "again", pl.col("sale_price") * 0.5)
    plain, doubled = (ask("price_index", given, **wanted) for given in (some, pl.concat([some, again])))
    assert doubled.rows["index"].to_list() == plain.rows["index"].to_list()
    assert doubled.summary["sales_used"] == plain.summary["sales_used"]
    assert doubled.data_quality["used"] == 2 * plain.data_quality["used"]
