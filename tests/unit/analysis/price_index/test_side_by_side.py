"""Methods side by side: at one level, over one span, whichever of them have one."""

import polars as pl
import pytest


@pytest.mark.parametrize(("area", "quarter", "apart"), [("98102", "2013-Q2", 18.0), ("98146", "2016-Q3", 142.2)])
def test_an_index_that_begins_later_is_brought_to_the_level_of_the_others(ask, king_wa, area, quarter, apart):
    """Where it begins it is what the chosen method is by then; from there on both have moved from one level."""
    answer = ask("price_index", king_wa, compare=True, period="quarter", zip_codes=[area])
    row = answer.rows.row(by_predicate=pl.col("period") == quarter, named=True)
    assert row["index_hedonic_imputation"] == pytest.approx(row["index_bmn"], rel=1e-12)
    assert abs(row["index_bmn"] - 100) > 1
    alone = ask("price_index", king_wa, method="hedonic_imputation", period="quarter", zip_codes=[area]).rows
    ratio = answer.rows["index_hedonic_imputation"] / alone["index"]
    assert ratio.drop_nulls().to_list() == pytest.approx([row["index_bmn"] / 100] * ratio.count(), rel=1e-12)
    begun = [value for name, value in row.items() if name.startswith("index_")]
    assert row["disagreement_pct"] == pytest.approx(100 * (max(begun) / min(begun) - 1))
    assert round(row["disagreement_pct"], 1) == apart


def test_the_level_is_that_of_the_first_method_that_has_an_index(ask, lucas_oh):
    """There no parcel sold twice, so no method of repeat sales has one."""
    rows = ask("price_index", lucas_oh, compare=True, period="year").rows
    others = rows.select(pl.col("^index_(hedonic|stratified)_.*$"))
    assert rows["index_bmn"].null_count() == rows.height
    assert rows["disagreement_pct"].to_list() == pytest.approx(
        (100 * (others.max_horizontal() / others.min_horizontal() - 1)).to_list()
    )


def test_one_index_alone_agrees_with_nothing(ask, king_wa, sales):
    some = king_wa.filter(pl.col("zip_code") == "98103").select("sale_date", "sale_price")
    bare = sales(**some.to_dict(), parcel_number=[None] * some.height)
    rows = ask("price_index", bare, compare=True, method="stratified_median", period="year").rows
    assert rows["index_stratified_median"].null_count() == 0
    assert rows["disagreement_pct"].null_count() == rows.height


def test_methods_are_compared_though_the_one_asked_for_has_nothing_to_compare(ask, lucas_oh):
    answer = ask("price_index", lucas_oh, compare=True, period="year")
    alone = ask("price_index", lucas_oh, method="hedonic_time_dummy", period="year").summary
    told = {line["method"]: line for line in answer.summary["comparison"]}
    assert next(iter(told)) == "bmn"
    assert (told["bmn"]["change_pct"], told["bmn"]["difference_pct_points"], told["bmn"]["used"]) == (None, None, 0)
    assert told["hedonic_time_dummy"]["change_pct"] == pytest.approx(alone["constant_quality_change_pct"])
    known = [line["change_pct"] for line in told.values() if line["change_pct"] is not None]
    assert len(known) == 3
    assert answer.summary["disagreement_pct_points"] == pytest.approx(max(known) - min(known))
    for name in ("first_period", "last_period", "raw_change_pct"):
        assert answer.summary[name] == alone[name] is not None
    assert answer.summary["constant_quality_change_pct"] is None
    assert "no two full periods have 10 or more sales in pairs" in answer.summary["key_finding"]
