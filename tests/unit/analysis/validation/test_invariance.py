"""The answer does not depend on what it should not depend on."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from terrafusion.analysis.document import render

QUICK = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def mixed(market):
    """Sales of two ZIPs with repeats, parties, deeds and ties."""
    random = np.random.default_rng(3)
    n = 300
    people = ["Eva Zajac", "Adam Nowak", "Acme LLC", "First Bank", "NOWAK, ANNA", "Uma Virtanen"]
    return market(
        n,
        step=2,
        sale_price=np.round(np.exp(random.normal(12.5, 0.3, n)), -3),
        zip_code=random.choice(["98101", "98102"], n),
        parcel_number=random.integers(0, 150, n).astype(str),
        buyer=random.choice(people, n),
        seller=random.choice(people, n),
        deed_type=random.choice(["Warranty", "Quit Claim"], n, p=[0.95, 0.05]),
    )


@QUICK
@given(seed=st.integers(0, 2**16))
def test_the_order_of_rows_changes_no_byte(mixed, ask, seed):
    parameters = {"group_by": "zip_code"}
    before = render(ask("sale_validation", mixed, **parameters))
    after = render(ask("sale_validation", mixed.sample(fraction=1, shuffle=True, seed=seed), **parameters))
    assert before == after


@QUICK
@given(scale=st.sampled_from([0.5, 2.0, 1024.0]))
def test_scaling_prices_changes_dollars_alone(mixed, ask, scale):
    filtered = {"group_by": "zip_code", "sale_filter": {"min_price": 0}}
    before = ask("sale_validation", mixed, **filtered).table
    after = ask("sale_validation", mixed.with_columns(pl.col("sale_price") * scale), **filtered).table
    for name in ("z_price", "z_unit_price"):
        assert np.allclose(before[name].to_numpy(), after[name].to_numpy(), atol=1e-9, equal_nan=True)
    assert np.allclose((before["lowest_price"] * scale).to_numpy(), after["lowest_price"].to_numpy(), equal_nan=True)
    same = ["sale_id", "valid", "reason_codes", "group_judged", "group_n"]
    assert before.select(same).equals(after.select(same))


def test_a_sale_that_was_not_asked_for_changes_nothing(mixed, market, ask):
    parameters = {"group_by": "zip_code", "zip_codes": ["98101", "98102"]}
    other = market(1, sale_id=["other"], parcel_number=["other"], zip_code=["10001"], sale_date=[date(2014, 6, 1)])
    before = ask("sale_validation", mixed, **parameters)
    after = ask("sale_validation", pl.concat([mixed, other]), **parameters)
    assert before.table.equals(after.table)
    assert after.data_quality["excluded"] == {"outside_zip_codes": 1}


def test_zips_judged_apart_are_judged_as_together(mixed, ask):
    whole = ask("sale_validation", mixed, group_by="zip_code").table
    apart = [ask("sale_validation", mixed, group_by="zip_code", zip_codes=[code]).table for code in ("98101", "98102")]
    assert pl.concat(apart).sort("sale_id").equals(whole.sort("sale_id"))


def test_used_and_excluded_add_up_to_read_and_reasons_to_invalid(mixed, ask):
    answer = ask("sale_validation", mixed, group_by="zip_code")
    quality, summary = answer.data_quality, answer.summary
    assert quality["used"] + sum(quality["excluded"].values()) == quality["read"] == mixed.height
    assert sum(summary["first_reasons"].values()) == summary["invalid_sales"] == int((~answer.table["valid"]).sum())
    assert {row["reason"]: row["sales"] for row in summary["by_reason"]} == {
        reason: count for reason, count in summary["reasons"].items() if count
    }
    assert summary["valid_sales"] + summary["invalid_sales"] == summary["data_points_analyzed"] == answer.table.height
