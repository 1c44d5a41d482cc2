"""The intervals hold the truth as often as they say: markets whose truth is known."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from terrafusion.analysis.ratios.bootstrap import bootstrap
from terrafusion.analysis.ratios.measures import analytic_intervals, measures
from terrafusion.analysis.ratios.sample import Ratios

MARKETS, SALES, LEVEL, SPREAD, PRICES = 400, 250, 0.92, 0.15, 0.5
CONFIDENCE = 0.95


def _bias():
    """The slope that the price-related bias tends to: the proxy holds a part of the ratio itself."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    ratio = np.exp(SPREAD * nodes) - 1
    known = np.log2(1 + ratio / 2)
    across, up = known - weights @ known, ratio - weights @ ratio
    return (weights @ (across * up)) / (weights @ across**2 + (PRICES / np.log(2)) ** 2)


MEAN = LEVEL * np.exp(SPREAD**2 / 2)
TRUTH = {
    "median": LEVEL,
    "mean": MEAN,
    "weighted_mean": MEAN,
    "cod": 100 * np.exp(SPREAD**2 / 2) * (2 * norm.cdf(SPREAD) - 1),
    "cov": 100 * np.sqrt(np.exp(SPREAD**2) - 1),
    "prd": 1.0,
    "prb": _bias(),
    "mki": 1.0,
    "ki": 0.0,
}


def _market(seed):
    random = np.random.default_rng(seed)
    price = np.exp(random.normal(12, PRICES, SALES))
    return Ratios.of(price * LEVEL * np.exp(random.normal(0, SPREAD, SALES)), price)


@pytest.fixture(scope="module")
def held():
    """How often each interval held the truth, by measure and method."""
    hits = {}
    for seed in range(MARKETS):
        ratios = _market(seed)
        told = {name: estimate[1:] for name, estimate in measures(ratios, CONFIDENCE).items()}
        drawn, _ = bootstrap(ratios, (0, SALES), iterations=200, seed=seed, confidence_level=CONFIDENCE)
        found = [("bootstrap", told | drawn), ("analytic", told | analytic_intervals(ratios, CONFIDENCE))]
        for method, intervals in found:
            for name, truth in TRUTH.items():
                low, high = intervals[name]
                hits[method, name] = hits.get((method, name), 0) + (low <= truth <= high)
    return hits


@pytest.mark.parametrize("method", ["bootstrap", "analytic"])
@pytest.mark.parametrize("name", TRUTH)
def test_intervals_hold_the_truth_as_often_as_they_say(held, method, name):
    """A right interval fails once in a thousand runs."""
    low, high = binom.ppf([0.0005, 0.9995], MARKETS, CONFIDENCE)
    assert low <= held[method, name] <= high
