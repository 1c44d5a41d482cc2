"""Markets whose truth is known: it lies in its interval as often as promised.

The band is that of the binomial, so that a right interval fails once in a thousand runs.
"""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.coverage import Held, engine_of, indices
from benchmarks.markets import Recipe, path
from terrafusion.analysis.price_index.parameters import METHODS, REPEAT

MARKETS = 400
Z = 1.959963984540054


def engine(recipe, **parameters):
    return engine_of(recipe, MARKETS, **parameters)


def hits(estimates, recipe):
    last, truth = recipe.periods - 1, path(recipe)[-1]
    found = [estimate.difference(0, last) for estimate in estimates]
    return Held("growth", "", sum(abs(change - truth) <= Z * error for change, error in found), MARKETS)


def error(estimates, recipe):
    """How far the estimates are from the truth, root mean square."""
    last, truth = recipe.periods - 1, path(recipe)[-1]
    return np.sqrt(np.mean([(one.difference(0, last)[0] - truth) ** 2 for one in estimates]))


@pytest.fixture(scope="module")
def plain():
    """How often each method's interval held the growth."""
    return {held.method: held for held in indices(MARKETS)}


@pytest.mark.parametrize("method", METHODS)
def test_known_growth_lies_in_its_interval_as_often_as_promised(plain, method):
    assert plain[method].inside


REPEATED = Recipe(homes=80, periods=5, sales_per_home=3.5)


@pytest.fixture(scope="module")
def repeated():
    return engine(REPEATED, pairs="all")


@pytest.mark.parametrize("method", REPEAT)
def test_pairs_that_share_sales_do_not_make_it_surer(repeated, method):
    assert hits(repeated.estimates(method), REPEATED).inside


def test_one_variance_for_all_errors_is_too_sure_of_such_pairs(repeated):
    naive = replace(repeated, parameters=repeated.parameters.model_copy(update={"robust_errors": False}))
    found = hits(naive.estimates("bmn"), REPEATED)
    assert found.hits < found.band[0]


def test_flips_are_left_out_by_the_hold():
    recipe = Recipe(homes=150, periods=8, sales_per_home=2.0, flips=0.15)
    left = engine(recipe, min_hold_months=2)
    kept = replace(left, parameters=left.parameters.model_copy(update={"min_hold_months": 0}))
    assert np.mean([one.difference(0, 7)[0] for one in kept.estimates("bmn")]) > recipe.growth + 0.04
    assert hits(left.estimates("bmn"), recipe).inside


def test_outliers_hurt_the_robust_index_least():
    recipe = Recipe(homes=120, periods=3, outliers=0.05)
    wild = engine(recipe)
    plain, robust = (wild.estimates(method) for method in ("bmn", "robust"))
    assert error(robust, recipe) < 0.75 * error(plain, recipe)
    assert hits(robust, recipe).inside


def test_noise_that_grows_with_the_hold_is_what_case_shiller_weighs():
    recipe = Recipe(homes=120, periods=12, sales_per_home=2.5, noise=0.03, unlike=0.0, wander=0.05)
    drifting = engine(recipe)
    plain, weighted = (drifting.estimates(method) for method in ("bmn", "case_shiller"))
    assert error(weighted, recipe) < 0.97 * error(plain, recipe)
    assert hits(weighted, recipe).inside
