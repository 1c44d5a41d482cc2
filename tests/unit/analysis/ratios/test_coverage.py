"""The intervals hold the truth as often as they say: markets whose truth is known, with and without price-related bias."""

import numpy as np
import pytest

from benchmarks.coverage import BIASED, RATED, ratio_studies, truths
from benchmarks.markets import market
from terrafusion.analysis.ratios.measures import measures
from terrafusion.analysis.ratios.sample import Ratios

MARKETS, DRAWS = 400, 200
NORMAL = ("median", "mean", "weighted_mean", "prb")
RESAMPLED = ("cod", "cov", "prd", "mki", "ki")
INTERVALS = [
    *((name, "exact") for name in NORMAL),
    *((name, method) for name in RESAMPLED for method in ("bootstrap", "analytic")),
]
KINDS = {"fair": RATED, "biased": BIASED}


@pytest.fixture(scope="module")
def held():
    """How often each interval held the truth, by kind of market, measure and method."""
    studies = {kind: ratio_studies(recipe, MARKETS, draws=DRAWS) for kind, recipe in KINDS.items()}
    return {(kind, one.figure, one.method): one for kind, study in studies.items() for one in study}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "method"), INTERVALS)
def test_intervals_hold_the_truth_as_often_as_they_say(held, kind, name, method):
    """A right interval fails once in a thousand runs."""
    assert held[kind, name, method].inside


@pytest.mark.parametrize("recipe", KINDS.values(), ids=KINDS)
def test_the_truth_is_what_a_large_market_shows(recipe):
    sales = market(recipe, seed=3, copies=1_600)
    ratios = Ratios.of(sales["assessed_value"].to_numpy(), sales["sale_price"].to_numpy())
    shown = measures(ratios, 0.95)
    for name, truth in truths(recipe).items():
        np.testing.assert_allclose(shown[name].value, truth, rtol=0.01, atol=0.001)
