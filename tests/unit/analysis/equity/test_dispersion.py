"""COD inside clusters against the ratio study's own COD, and how often its intervals hold the truth."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.equity.dispersion import compared, together, within
from terrafusion.analysis.ratios.measures import analytic_intervals, cod
from terrafusion.analysis.ratios.sample import Ratios

SPREAD, SIZES, LEVELS = 0.2, (40, 90, 150), (80.0, 120.0, 200.0)
TRUTH = 100 * np.exp(SPREAD**2 / 2) * (2 * norm.cdf(SPREAD) - 1)
"""COD of a lognormal about its median."""


def _market(seed, *, drawn=False):
    random = np.random.default_rng(seed)
    code = random.choice(3, sum(SIZES), p=np.array(SIZES) / sum(SIZES)) if drawn else np.repeat(np.arange(3), SIZES)
    unit = np.array(LEVELS)[code] * np.exp(random.normal(0, SPREAD, len(code)))
    order = np.lexsort((unit, code))
    return unit[order], code[order]


def test_each_cluster_has_the_cod_of_a_ratio_study():
    unit, code = _market(0)
    found = within(unit, code)
    each = [cod(Ratios.of(unit[code == one], np.ones((code == one).sum())))[0] for one in range(3)]
    assert found.cods == pytest.approx(each, rel=1e-12)
    assert found.cod == pytest.approx(np.average(each, weights=SIZES), rel=1e-12)
    assert found.medians == pytest.approx([np.median(unit[code == one]) for one in range(3)], rel=1e-12)


def test_one_cluster_has_the_interval_of_a_ratio_study():
    unit, _ = _market(1)
    _, low, high = analytic_intervals(Ratios.of(unit, np.ones_like(unit)), 0.95)["cod"].of(0)
    told = together(unit)
    estimate = told.interval(0.95)
    relative = np.log(high / low) / (2 * critical_value(0.95))
    shift = told.cod / told.corrected  # the ratio study's is about the figure that is not corrected
    assert np.log(estimate.high / estimate.low) / (2 * critical_value(0.95)) == pytest.approx(
        relative * shift, rel=0.02
    )


def test_the_correction_gives_back_what_fitted_medians_take():
    """Of 15 homes a cluster shows about 5% too little; corrected, the mean over many clusters is the truth within 1%."""
    random = np.random.default_rng(2)
    code = np.repeat(np.arange(4000), 15)
    unit = np.sort(100 * np.exp(random.normal(0, SPREAD, (4000, 15))), axis=1).ravel()
    found = within(unit, code)
    assert found.cod < 0.96 * TRUTH
    assert found.corrected == pytest.approx(TRUTH, rel=0.012)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """400 markets of 280 sales; a right interval fails once in a thousand runs."""
    mixed = np.concatenate(
        [
            level * np.exp(norm.ppf((np.arange(20_000) + 0.5) / 20_000) * SPREAD).repeat(size)
            for level, size in zip(LEVELS, np.array(SIZES) // 10, strict=True)
        ]
    )
    over_all = 100 * np.abs(mixed - np.median(mixed)).mean() / np.median(mixed)
    hits = {"inside": 0, "over all": 0, "one over the other": 0}
    for seed in range(400):
        unit, code = _market(seed, drawn=True)
        inside, flat = within(unit, code), together(unit)
        told = inside.interval(0.95), flat.interval(0.95), compared(inside, flat, 0.95)
        for name, estimate, truth in zip(hits, told, (TRUTH, over_all, TRUTH / over_all), strict=True):
            hits[name] += estimate.low <= truth <= estimate.high
    low, high = binom.ppf([0.0005, 0.9995], 400, 0.95)
    assert all(low <= count <= high for count in hits.values()), hits


def test_equal_prices_have_no_dispersion_and_no_interval():
    flat = within(np.full(12, 90.0), np.repeat([0, 1], 6))
    assert (flat.cod, flat.corrected) == (0, 0)
    assert np.isnan(flat.interval(0.95).low)
    assert np.isnan(compared(flat, flat, 0.95).value)
    apart = np.repeat([80.0, 120.0], 6)
    assert compared(within(apart, np.repeat([0, 1], 6)), together(apart), 0.95).value == 0


def test_the_order_in_which_prices_of_one_cluster_came_does_not_matter():
    unit, _ = _market(4)
    mixed = np.random.default_rng(0).permutation(len(unit))
    one, other = together(unit), together(unit[mixed])
    assert one.corrected == other.corrected
    assert np.array_equal(one.influence[mixed], other.influence)


def test_absurd_prices_have_an_interval_that_is_cut():
    """Seven homes of which one costs a billion times the others: its influence in logs overflows the exponential."""
    unit = np.array([1e-9, *[1.0] * 5, 1e12])
    told = within(unit, np.zeros(7, np.int64)).interval(0.95)
    assert told.low < told.value < told.high < np.inf
