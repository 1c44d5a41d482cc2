import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.meta_analysis import combine_effects

from terrafusion.analysis.time_adjustment.pooling import Spread, between, pool

# Colditz et al. 1994, 13 trials of the BCG vaccine: with and without tuberculosis, vaccinated and not
TRIALS = np.array(
    [
        [4, 119, 11, 128],
        [6, 300, 29, 274],
        [3, 228, 11, 209],
        [62, 13536, 248, 12619],
        [33, 5036, 47, 5761],
        [180, 1361, 372, 1079],
        [8, 2537, 10, 619],
        [505, 87886, 499, 87892],
        [29, 7470, 45, 7232],
        [17, 1699, 65, 1600],
        [186, 50448, 141, 27197],
        [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ],
    dtype=float,
)


def test_the_trials_of_the_vaccine():
    """Viechtbauer 2010 (metafor, method DL): tau^2 = 0.3088, s.e. 0.2299."""
    ill, well, ill_bare, well_bare = TRIALS.T
    effect = np.log(ill / (ill + well) / (ill_bare / (ill_bare + well_bare)))
    variance = 1 / ill - 1 / (ill + well) + 1 / ill_bare - 1 / (ill_bare + well_bare)
    found = between(effect, variance)
    assert (round(found.tau2, 4), round(found.error, 4)) == (0.3088, 0.2299)


EFFECTS = arrays(float, 8, elements=st.floats(-1, 1))
VARIANCES = arrays(float, 8, elements=st.floats(1e-4, 1))


@given(EFFECTS, VARIANCES)
def test_the_spread_is_that_of_statsmodels(effect, variance):
    with np.errstate(all="ignore"):  # of other figures, where tau^2 is negative
        told = combine_effects(effect, variance, method_re="dl").tau2
    assert between(effect, variance).tau2 == pytest.approx(max(told, 0.0), abs=1e-9)


@given(EFFECTS, VARIANCES, st.floats(1e-3, 1e3))
def test_it_scales_with_the_square_and_ignores_a_shift(effect, variance, factor):
    plain, scaled = between(effect, variance), between(factor * effect + 5, factor**2 * variance)
    assert scaled.tau2 == pytest.approx(factor**2 * plain.tau2, rel=1e-6, abs=1e-8 * factor**2)


def test_the_weights_by_hand():
    found = pool(np.array([0.2, 0.2, np.nan]), np.array([0.01, 0.03, np.nan]), (0.1, 0.001), Spread(0.01, 0.002))
    assert found.weight.tolist() == [0.5, 0.25, 0.0]
    np.testing.assert_allclose(found.value, [0.15, 0.125, 0.1])
    borrowed = 0.01 + 0.002 + 0.001
    np.testing.assert_allclose(found.variance, [0.0025 + borrowed / 4, 0.001875 + borrowed * 9 / 16, borrowed])


@given(EFFECTS, VARIANCES, st.floats(-1, 1))
def test_what_is_pooled_lies_between_the_areas_own_and_the_countys(effect, variance, county):
    found = pool(effect, variance, (county, 0.01), between(effect, variance))
    low, high = np.minimum(effect, county), np.maximum(effect, county)
    assert ((low - 1e-9 <= found.value) & (found.value <= high + 1e-9)).all()


def test_areas_that_do_not_differ_take_the_countys():
    alike = np.full(5, 0.3)
    found = pool(alike, np.full(5, 0.01), (0.25, 0.001), between(alike, np.full(5, 0.01)))
    assert found.value.tolist() == [0.25] * 5


def test_one_area_cannot_differ():
    spread = between(np.array([0.3, np.nan]), np.array([0.01, np.nan]))
    assert math.isnan(spread.tau2)
    found = pool(np.array([0.3, np.nan]), np.array([0.01, np.nan]), (0.25, 0.001), spread)
    assert found.value.tolist() == [0.25, 0.25]
    assert np.isnan(found.variance).all()


def test_an_estimate_without_error_is_none():
    spread = between(np.array([0.0, 0.3, 0.1]), np.array([0.0, 0.01, 0.01]))
    assert spread.tau2 == between(np.array([0.3, 0.1]), np.array([0.01, 0.01])).tau2
