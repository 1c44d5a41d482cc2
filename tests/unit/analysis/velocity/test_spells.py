"""Hold times, gains and seasons against other implementations, and against markets whose truth is known."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.tsa.seasonal import seasonal_decompose

from terrafusion.analysis.medians import medians
from terrafusion.analysis.velocity.seasons import seasonal_factors
from terrafusion.analysis.velocity.spells import DAYS_A_YEAR, ended_within, gains_of, median_hold, spells_of, survival

MARKETS = 400


def watched(draw, n, half_life=1000.0):
    days = np.ceil(draw.exponential(half_life / math.log(2), n))
    until = np.ceil(draw.uniform(0, 3000, n))
    return np.minimum(days, until), days <= until


@pytest.mark.parametrize("n", [12, 60, 300])
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_survival_is_that_of_statsmodels(n):
    days, ended = watched(np.random.default_rng(n), n)
    theirs, ours = SurvfuncRight(days, ended.astype(int)), survival(days, ended)
    place = np.searchsorted(theirs.surv_times, ours.times)
    np.testing.assert_allclose(ours.share, theirs.surv_prob[place], atol=1e-12)
    alive = ours.share > 0
    errors = ours.share[alive] * np.sqrt(ours.greenwood[alive])
    np.testing.assert_allclose(errors, theirs.surv_prob_se[place][alive], atol=1e-12)
    low, high = theirs.quantile_ci(0.5, 0.05, method="cloglog")
    told = np.array([theirs.quantile(0.5), low, high])
    np.testing.assert_array_equal(median_hold(ours, 0.95), np.where(np.isfinite(told), told, np.nan))


def test_spells_and_gains_by_hand(sales):
    sold = sales(
        sale_id=["a", "b", "c", "d", "e", "f"],
        parcel_number=["p", "p", "p", "p", "q", None],
        sale_date=[
            date(2010, 1, 1),
            date(2011, 1, 1),
            date(2011, 1, 1),
            date(2011, 3, 1),
            date(2010, 7, 1),
            date(2012, 1, 1),
        ],
        sale_price=[100e3, 90e3, 110e3, 121e3, 50e3, 50e3],
    ).with_columns(group_code=pl.lit(0, pl.Int32), ordinal=pl.lit(0, pl.Int32))
    spells = spells_of(sold)
    assert spells.select("parcel_number", "sale_id", "days", "ended").rows() == [
        ("p", "a", 365, True),  # of two sales on one day the dearer counts
        ("p", "c", 59, True),
        ("p", "d", 306, False),  # until the last sale of all
        ("q", "e", 549, False),
    ]
    gains = gains_of(spells, min_hold_months=6)
    assert gains["gain"].to_list() == [pytest.approx(1.1 ** (DAYS_A_YEAR / 365) - 1)]
    assert gains_of(spells, min_hold_months=2).height == 2
    assert gains_of(spells, min_hold_months=13).is_empty()


def test_a_share_beyond_what_was_watched_is_not_told():
    lasting = survival(np.array([100.0, 200.0]), np.array([True, False]))
    assert ended_within(lasting, 200, 0.95)[0] == 0.5
    assert ended_within(lasting, 50, 0.95)[0] == 0
    assert math.isnan(ended_within(lasting, 201, 0.95)[0])
    assert all(map(math.isnan, ended_within(survival(np.empty(0), np.empty(0, bool)), 1, 0.95)))


def in_band(count):
    """A right interval fails once in a thousand runs."""
    return binom.ppf(0.0005, MARKETS, 0.95) <= count <= binom.ppf(0.9995, MARKETS, 0.95)


def test_intervals_hold_the_true_holds_as_often_as_promised():
    medians_held, shares_held = 0, 0
    truth = 1 - 0.5 ** (DAYS_A_YEAR / 1000)
    for seed in range(MARKETS):
        lasting = survival(*watched(np.random.default_rng(seed), 300))
        _, low, high = median_hold(lasting, 0.95)
        medians_held += low <= 1000 <= high
        _, low, high = ended_within(lasting, DAYS_A_YEAR, 0.95)
        shares_held += low <= truth <= high
    assert in_band(medians_held)
    assert in_band(shares_held)


def test_completed_holds_alone_are_too_short():
    days, ended = watched(np.random.default_rng(3), 3000)
    assert np.median(days[ended]) < 700
    assert median_hold(survival(days, ended), 0.95)[1] > 900


def test_intervals_of_medians_hold_the_truth_as_often_as_promised():
    draw = np.random.default_rng(11)
    markets = pl.DataFrame(
        {"market": np.repeat(np.arange(MARKETS), 150), "gain": draw.lognormal(0, 0.4, MARKETS * 150)}
    )
    told = medians(markets, ["market"], "gain", confidence_level=0.95)
    assert in_band(told.filter(pl.lit(1.0).is_between("median_gain_ci_low", "median_gain_ci_high")).height)
    by_hand = markets.group_by("market").agg(pl.col("gain").median()).sort("market")["gain"]
    np.testing.assert_allclose(told["median_gain"], by_hand, rtol=1e-15)


@pytest.mark.parametrize(("months", "first"), [(24, 1), (61, 4), (84, 12)])
def test_seasons_are_those_of_statsmodels(months, first):
    draw = np.random.default_rng(months)
    month = (first - 1 + np.arange(months)) % 12
    volume = draw.poisson(200 * (1 + 0.3 * np.sin(month / 12 * 6.28)) * 1.01 ** np.arange(months)).astype(float)
    theirs = seasonal_decompose(volume, model="multiplicative", period=12).seasonal
    ours = seasonal_factors(volume, first, 0.95)
    assert [told["month"] for told in ours] == list(range(1, 13))
    by_month = {int(at): factor for at, factor in zip(month, theirs, strict=True)}
    np.testing.assert_allclose([told["factor"] for told in ours], [by_month[at] for at in range(12)], rtol=1e-12)
    assert sum(told["years"] for told in ours) == months - 12


def test_two_years_are_needed_for_seasons():
    assert seasonal_factors(np.ones(23), 1, 0.95) == []
    flat = seasonal_factors(np.ones(36), 1, 0.95)
    assert [told["factor"] for told in flat] == pytest.approx([1] * 12)
    assert math.isnan(seasonal_factors(np.ones(24), 1, 0.95)[0]["factor_ci_low"])


def test_seasons_hold_the_truth_as_often_as_promised():
    month = np.arange(96) % 12
    truth = 1 + 0.3 * np.sin(month / 12 * 2 * np.pi)
    draws = np.random.default_rng(5).normal(1, 0.05, (MARKETS, 96))
    june = [seasonal_factors(500 * truth * noise, 1, 0.95)[5] for noise in draws]
    assert in_band(sum(told["factor_ci_low"] <= truth[5] <= told["factor_ci_high"] for told in june))
