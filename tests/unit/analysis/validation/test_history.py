"""A parcel's history against one told sale by sale in plain Python."""

import math
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terrafusion.analysis.validation.history import history

SALES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.integers(0, 5),
        st.sampled_from([100.0, 200.0, 300.0, 0.0, None]),
        st.sampled_from([False, False, False, True, None]),
    ),
    max_size=25,
)


def by_hand(sale, sales):
    """Return days held, the price before, days since the same price, and whether another that day was dearer."""
    none = (math.nan, math.nan, math.nan, False)
    if not known(sale):
        return none
    others = [
        other
        for other in sales
        if other is not sale and known(other) and other["parcel_number"] == sale["parcel_number"]
    ]
    earlier = [other for other in others if other["sale_date"] < sale["sale_date"]]
    last = max((other["sale_date"] for other in earlier), default=None)
    held = (sale["sale_date"] - last).days if last else math.nan
    price = max(other["sale_price"] for other in earlier if other["sale_date"] == last) if last else math.nan
    place = (sale["sale_date"], sale["sale_id"])
    same = [other for other in others if other["sale_price"] == sale["sale_price"]]
    before = [other["sale_date"] for other in same if (other["sale_date"], other["sale_id"]) < place]
    since = (sale["sale_date"] - max(before)).days if before else math.nan
    that_day = [other["sale_price"] for other in others if other["sale_date"] == sale["sale_date"]]
    return held, price, since, any(other > sale["sale_price"] for other in that_day)


def known(sale):
    return sale["parcel_number"] is not None and (sale["sale_price"] or 0) > 0 and not sale["year_only"]


@settings(max_examples=150, deadline=None)
@given(drawn=SALES)
def test_every_history_is_that_told_by_hand(drawn):
    kinds = {"parcel_number": pl.String, "day": pl.Int64, "sale_price": pl.Float64, "year_only": pl.Boolean}
    frame = pl.DataFrame(drawn, schema=kinds, orient="row").with_row_index("sale_id")
    day = pl.lit(date(2014, 1, 1)) + pl.duration(days=pl.col("day"))
    frame = frame.with_columns(day.cast(pl.Date).alias("sale_date")).sort("sale_date", "parcel_number", "sale_id")
    told = list(zip(*(column.tolist() for column in history(frame)), strict=True))
    sales = frame.to_dicts()
    for row, sale in zip(told, sales, strict=True):
        assert row == pytest.approx(by_hand(sale, sales), nan_ok=True)


def test_a_day_is_a_day_across_years():
    days = [date(2013, 12, 31), date(2013, 12, 31) + timedelta(days=366)]
    frame = pl.DataFrame(
        {"parcel_number": ["a", "a"], "sale_date": days, "sale_price": [1.0, 2.0], "year_only": [None, None]}
    )
    assert history(frame.with_columns(pl.col("year_only").cast(pl.Boolean))).days_held[1] == 366
