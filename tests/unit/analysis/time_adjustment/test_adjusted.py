"""The sales at the valuation date."""

import weakref

import polars as pl
from polars.testing import assert_frame_equal

from terrafusion.analysis.time_adjustment import answer as answers
from terrafusion.analysis.time_adjustment.curves import Curves

from .conftest import asked_of


def sold(answer):
    return answer.table.filter(pl.col("record") == "sale")


def test_every_sale_has_the_factor_of_its_area_and_period(county):
    roll = pl.DataFrame({"zip_code": ["98000", "98102"], "neighborhood": None, "property_type": None})
    answer = asked_of(county.sample(fraction=1, shuffle=True, seed=1), roll, group_by="zip_code")
    own = county.join(sold(answer), on="sale_id").filter(pl.col("zip_code") == pl.col("group"))
    assert own.height == answer.summary["data_points_analyzed"]
    assert own["period"].to_list() == own["sale_date"].dt.strftime("%Y-%m").to_list()
    keys = ["group", "period"]
    told = sold(answer).select(*keys, "factor", "ci_low", "ci_high")
    rows = told.select(keys).join(answer.rows, on=keys, how="left", maintain_order="left")
    assert_frame_equal(told, rows.select(told.columns))
    order = ["group", "sale_date", "parcel_number", "sale_id"]
    assert sold(answer).equals(sold(answer).sort(order))


def test_what_only_the_estimate_needs_is_let_go_before_the_sales_are_adjusted(ask, town, monkeypatch):
    estimated, adjusted, held = Curves.of, answers.adjusted, []

    def remembered(*given):
        curves = estimated(*given)
        held.extend(weakref.ref(one) for one in (curves, curves.engine, curves.market.sales))
        return curves

    def checked(market, rows):
        assert [one() for one in held] == [None] * 3
        return adjusted(market, rows)

    monkeypatch.setattr(Curves, "of", remembered)
    monkeypatch.setattr(answers, "adjusted", checked)
    assert sold(ask("time_adjustment", town)).height == town.height
