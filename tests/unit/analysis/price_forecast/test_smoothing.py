import numpy as np
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from terrafusion.analysis.price_forecast.smoothing import grid, smooth


def series(seed, length=60, season=12):
    draw = np.random.default_rng(seed)
    waves = 0.03 * np.sin(2 * np.pi * np.arange(length) / season)
    return np.cumsum(0.004 + 0.005 * draw.normal(size=length)) + waves + 0.01 * draw.normal(size=length)


def start(values, season):
    """Holt and Winters' first states by hand: two yearly means, and the mean distance from the line through them."""
    first, second = values[:season].mean(), values[season : 2 * season].mean()
    trend = (second - first) / season
    level = first - trend * (season + 1) / 2
    apart = values[: 2 * season] - (level + trend * np.arange(1, 2 * season + 1))
    seasons = (apart[:season] + apart[season:]) / 2
    return level, trend, seasons - seasons.mean()


def reference(values, season):
    level, trend, seasons = start(values, season)
    return ETSModel(
        values,
        error="add",
        trend="add",
        damped_trend=True,
        seasonal="add",
        seasonal_periods=season,
        initialization_method="known",
        initial_level=level,
        initial_trend=trend,
        initial_seasonal=seasons,
    )


@pytest.mark.parametrize("season", [4, 12])
def test_smoothing_is_that_of_statsmodels(season):
    values = series(1, season=season)
    found = smooth([values], season)[0]
    level, trend, seasons = start(values, season)
    known = np.concatenate([found.parameters[:3], found.parameters[3:], [level, trend], seasons[::-1]])
    told = reference(values, season).smooth(known)
    np.testing.assert_allclose(found.path(2 * season), told.forecast(2 * season), rtol=1e-9, atol=1e-12)
    assert found.squares == pytest.approx(told.sse, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_grid_fits_as_well_as_a_search(seed):
    values = series(seed)
    with np.errstate(all="ignore"):
        searched = reference(values, 12).fit(disp=False)
    assert smooth([values], 12)[0].squares < 1.02 * searched.sse


def test_series_smoothed_together_are_as_if_alone():
    values = [series(seed, length) for seed, length in ((1, 24), (2, 40), (3, 40), (4, 61))]
    for one, together in zip(values, smooth(values, 12), strict=True):
        alone = smooth([one], 12)[0]
        assert alone.path(12).tolist() == together.path(12).tolist()
        assert alone.parameters.tolist() == together.parameters.tolist()


def test_known_seasons_and_growth_go_on():
    place = np.arange(72)
    truth = 0.004 * place + 0.05 * np.cos(2 * np.pi * place / 12)
    found = smooth([truth[:60]], 12)[0].path(12)
    np.testing.assert_allclose(found, truth[60:], atol=0.01)  # the trend is damped, by at least 2% a period
    season = found - np.linspace(found.mean() - 0.022, found.mean() + 0.022, 12)
    assert np.corrcoef(season, np.cos(2 * np.pi * place[60:] / 12))[0, 1] > 0.98


def test_without_seasons_a_line_goes_on():
    line = 1 + 0.01 * np.arange(30)
    np.testing.assert_allclose(smooth([line], 1)[0].path(3), 1.29 + 0.01 * np.arange(1, 4), atol=0.003)


def test_the_grid_lies_within_the_bounds_of_the_model():
    alpha, beta, gamma, phi = grid(seasonal=True)
    assert ((alpha > 0) & (alpha < 1) & (beta >= 0) & (beta < alpha) & (gamma >= 0) & (gamma < 1 - alpha)).all()
    assert (phi.min(), phi.max()) == (0.8, 0.98)  # Hyndman and Athanasopoulos 2021, 8.2
    assert (grid(seasonal=False)[2] == 0).all()
