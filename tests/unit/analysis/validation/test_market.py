"""Synthetic markets: what a normal one flags, and what is found of sales that are not arm's length."""

from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import binomtest

from terrafusion.analysis.validation.findings import interval_of_share


@pytest.mark.parametrize(("low", "high"), [(2.0, 2.0), (2.0, 3.5), (1.5, 1.5)])
def test_a_normal_market_flags_what_a_normal_distribution_says(injected, ask, low, high):
    given, _ = injected(share=0.0)
    answer = ask("sale_validation", given, group_by="zip_code", sd_low=low, sd_high=high, checks=["unit_price"])
    told = answer.summary["cross_check"]
    normal = NormalDist()
    expected = normal.cdf(-low) + normal.cdf(-high)
    assert told["normal_share"] == pytest.approx(expected)
    reach = 3.3 * np.sqrt(expected * (1 - expected) / told["unit_price_n"])  # fails once in 1000
    assert abs(told["unit_price_beyond_share"] - expected) < reach
    counted = answer.summary["reasons"]
    assert answer.summary["invalid_sales"] == counted["high_unit_price"] + counted["low_unit_price"]


@pytest.mark.parametrize(("share", "discount"), [(0.05, 0.4), (0.05, 0.55), (0.02, 0.4), (0.15, 0.4), (0.05, 0.9)])
def test_sales_below_their_worth_are_found_as_often_as_theory_says(injected, ask, share, discount):
    """A mixture of two normals: its mean and sd, and what either lies more than two sd below."""
    given, unfair = injected(share=share, discount=discount, n=20_000)
    rows = ask("sale_validation", given, group_by="zip_code", checks=["unit_price"]).table
    low = rows.filter(rows["z_unit_price"] < -2)["sale_id"]
    shift, spread = np.log(discount), 0.2
    bound = share * shift - 2 * np.sqrt(spread**2 + share * (1 - share) * shift**2)
    for kind, n, middle in (("unfair", unfair, shift), ("fair", given.height - unfair, 0.0)):
        expected = NormalDist(middle, spread).cdf(bound)
        found = int(low.str.starts_with(f"{kind}-").sum()) / n
        assert abs(found - expected) < 3.3 * np.sqrt(expected * (1 - expected) / n) + 0.01  # 0.01: groups are finite


def test_wilsons_interval_is_that_of_scipy():
    for hits, n in ((0, 10), (3, 10), (10, 10), (45, 1000)):
        told = binomtest(hits, n).proportion_ci(0.95, method="wilson")
        assert interval_of_share(hits, n, 0.95) == pytest.approx((told.low, told.high), abs=1e-12)
    assert interval_of_share(0, 0, 0.95) == (None, None)
