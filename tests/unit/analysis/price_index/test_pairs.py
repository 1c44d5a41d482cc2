from datetime import date
from pathlib import Path

import polars as pl
import pytest

from terrafusion.analysis.price_index.pairs import PAIRS, pairs_of

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
