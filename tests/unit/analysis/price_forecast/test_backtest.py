import numpy as np
import pytest
from scipy.stats import binom

from terrafusion.analysis.price_forecast.backtest import Backtest, accuracy, backtest, covered, reach, reaches
from terrafusion.analysis.price_forecast.methods import (
    forecasts,
    last_year,
    name_of,
    seasonal_naive,
    share_of_smoothing,
)
from terrafusion.analysis.price_forecast.series import Series
from terrafusion.analysis.price_forecast.smoothing import smooth


def known(values):
    """A series that is never revised."""
    length = len(values)
    versions = {size: values[:size] for size in range(24, length + 1)}
    return Series(0, versions, np.full(length, 50), np.arange(length), 50 * length)


def walk(seed, length):
    draw = np.random.default_rng(seed)
    waves = 0.02 * np.sin(2 * np.pi * np.arange(length) / 12)
    return np.cumsum(0.003 + 0.006 * draw.normal(size=length)) + waves + 0.01 * draw.normal(size=length)


@pytest.mark.parametrize(
    ("period", "steps", "names"),
    [
        ("month", (1, 6, 7, 11, 12, 24), ("ets", "ets", "blend", "blend", "last_year", "last_year")),
        ("quarter", (1, 2, 3, 4), ("ets", "ets", "blend", "last_year")),
        ("week", (1, 24), ("ets", "ets")),
        ("year", (1, 5), ("last_year", "last_year")),
    ],
)
def test_what_forecasts_how_far_ahead(period, steps, names):
    assert tuple(name_of(step, period) for step in steps) == names


def test_between_six_and_twelve_months_the_two_are_weighted_evenly():
    assert [share_of_smoothing(step, "month") for step in range(6, 13)] == pytest.approx([1 - n / 6 for n in range(7)])
    values = walk(1, 60)
    path = forecasts([values], 24, "month", 12)[0]
    smoothed, repeated = smooth([values], 12)[0].path(24), last_year(values, 24, 12)
    np.testing.assert_allclose(path[:6], smoothed[:6])
    np.testing.assert_allclose(path[8], (smoothed[8] + repeated[8]) / 2)
    np.testing.assert_allclose(path[11:], repeated[11:])


def test_last_year_is_moved_by_its_distance_from_the_year_before():
    values = np.concatenate([np.arange(12.0), np.arange(12.0) + 0.5])
    expected = np.concatenate([np.arange(12.0) + 1.0, np.arange(12.0) + 1.5])
    np.testing.assert_allclose(last_year(values, 24, 12), expected)
    np.testing.assert_allclose(seasonal_naive(values, 24, 12), np.tile(np.arange(12.0) + 0.5, 2))
    np.testing.assert_allclose(last_year(np.array([1.0, 3.0]), 3, 1), [5.0, 7.0, 9.0])


def test_a_forecast_of_the_past_is_the_forecast_that_was_made_then():
    values = walk(2, 60)
    test = backtest(known(values), 6, "month")
    assert test.origins.tolist() == list(range(24, 60))
    then = forecasts([values[:40]], 6, "month", 12)[0]
    np.testing.assert_allclose(test.model[16], then - values[40:46])
    np.testing.assert_allclose(test.naive[16], values[39] - values[40:46])
    np.testing.assert_allclose(test.seasonal[16], values[28:34] - values[40:46])
    assert np.isnan(test.model[-1]).tolist() == [False] + [True] * 5


def test_the_past_does_not_see_the_future():
    values = walk(3, 72)
    changed = values.copy()
    changed[50:] += np.linspace(0.5, -0.5, 22)
    made = [backtest(known(one), 6, "month") for one in (values, changed)]
    came = [one.model - one.naive for one in made]  # what was forecast, less the last value known
    early = made[0].origins <= 50
    np.testing.assert_allclose(came[0][early][:, 0], came[1][early][:, 0], atol=1e-12)
    assert np.abs(came[0][~early][:-1, 0] - came[1][~early][:-1, 0]).max() > 0.01


def test_a_period_that_was_filled_in_is_neither_an_origin_nor_judged():
    values = walk(4, 40)
    versions = {size: values[:size] for size in range(24, 41) if size != 30}
    series = Series(0, versions, np.full(40, 50), np.delete(np.arange(40), 29), 2_000)
    test = backtest(series, 3, "month")
    assert 30 not in test.origins
    assert np.isnan(test.model[test.origins == 28, 1]).all()
    assert np.isfinite(test.model[test.origins == 28, 0]).all()


def test_the_reach_is_the_error_that_enough_others_keep():
    errors = np.array([0.05, -0.01, 0.03, np.nan, -0.04, 0.02, 0.06, 0.07, -0.08, 0.09])
    found = reach(errors, 0.8)
    assert (found.radius, found.promised, found.errors) == (0.08, 0.8, 9)  # the 8th of 9: 8 / 10
    assert reach(errors, 0.9).radius == 0.09
    short = reach(errors, 0.95)
    assert (short.radius, short.promised) == (0.09, 0.9)
    assert reach(np.array([np.nan]), 0.95).errors == 0
    assert reach(np.linspace(0, 1, 19), 0.95).promised == 0.95


def test_the_reach_never_falls_with_the_distance():
    model = np.array([[0.3, 0.1, np.nan]] * 30)
    test = Backtest(np.arange(24, 54), model, model, model, np.ones(30))
    told = reaches(test, 0.9)
    assert [one.radius for one in told[:2]] == [0.3, 0.3]
    assert (np.isnan(told[2].radius), told[2].errors) == (True, 0)


def test_intervals_are_judged_by_errors_known_before():
    errors = np.array([0.1] * 9 + [0.2, 0.1])
    test = Backtest(np.arange(24, 35), errors[:, None], errors[:, None], errors[:, None], np.ones(11))
    assert covered(test, 1, 0.9) == (1, 2)  # the tenth lies beyond nine of 0.1, the eleventh within
    two = np.column_stack([errors, errors])
    ahead = Backtest(np.arange(24, 35), two, two, two, np.ones(11))
    assert covered(ahead, 2, 0.9) == (1, 1)  # of errors two ahead the last is known one period later


def test_the_measures_by_hand():
    model, naive = np.array([[0.1], [-0.2], [np.nan]]), np.array([[0.2], [0.2], [0.2]])
    told = accuracy(Backtest(np.arange(24, 27), model, naive, naive, np.array([0.1, 0.4, 0.1])), 1)
    assert told["mape"] == pytest.approx(100 * (np.expm1(0.1) + 1 - np.exp(-0.2)) / 2)
    assert told["mase"] == pytest.approx((0.1 / 0.1 + 0.2 / 0.4) / 2)
    assert told["naive_mase"] == pytest.approx((0.2 / 0.1 + 0.2 / 0.4 + 0.2 / 0.1) / 3)
    scale = backtest(known(walk(5, 40)), 1, "month").scale[0]
    assert scale == pytest.approx(np.abs(walk(5, 40)[12:24] - walk(5, 40)[:12]).mean())


MARKETS, LENGTH, STEPS = 150, 60, 6


@pytest.fixture(scope="module")
def missed():
    """How far the forecasts of many markets were off, and how far the intervals of two levels reached."""
    found = []
    for seed in range(MARKETS):
        values = walk(seed, LENGTH + STEPS)
        series = known(values[:LENGTH])
        error = forecasts([series.values], STEPS, "month", 12)[0] - values[LENGTH:]
        test = backtest(series, STEPS, "month")
        found.append([error, *([one.radius for one in reaches(test, level)] for level in (0.95, 0.8))])
    return np.abs(np.array(found))


@pytest.mark.parametrize(("place", "level"), [(1, 0.95), (2, 0.8)])
def test_what_comes_lies_in_the_interval_as_often_as_promised(missed, place, level):
    hits = (missed[:, 0] <= missed[:, place]).sum(axis=0)
    assert (hits >= binom.ppf(0.0005, MARKETS, level)).all()
    assert hits[0] <= binom.ppf(0.9995, MARKETS, level)
