"""Every comparison against another implementation, and its intervals against the truth of many samples."""

import numpy as np
import polars as pl
import pytest
from scipy import special, stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_confint

from terrafusion.analysis.coverage.shares import chi_square, share_of, shares
from terrafusion.analysis.coverage.two_samples import (
    ALIKE,
    DIFFERS,
    UNCLEAR,
    TwoSamples,
    least_chance,
    on_logits,
    rows,
    verdict,
    within,
)
from terrafusion.analysis.ratios.segments import Estimate


def samples(seed=1, n=80, m=200, shift=0.3, digits=None):
    draw = np.random.default_rng(seed)
    one, other = draw.normal(shift, 1, n), draw.normal(0, 2, m)
    if digits is not None:
        one, other = one.round(digits), other.round(digits)
    return TwoSamples(np.sort(one), np.sort(other))


@pytest.mark.parametrize("digits", [None, 0])
def test_ranks_are_those_of_scipy(digits):
    both = samples(digits=digits)
    told = both.ranks(0.95)
    theirs = stats.mannwhitneyu(both.sold, both.unsold, method="asymptotic")
    assert told["value"] == pytest.approx(theirs.statistic / (80 * 200), rel=1e-12)
    assert told["p_value"] == pytest.approx(theirs.pvalue, rel=1e-9)


def test_the_interval_of_the_rank_has_the_error_of_placements_where_shapes_differ():
    """Sold parcels that vary much more: there Newcombe's interval is the shorter."""
    draw = np.random.default_rng(1)
    both = TwoSamples(np.sort(draw.normal(0.5, 3, 40).round()), np.sort(draw.normal(0, 1, 200).round()))
    wins = (both.sold[:, None] > both.unsold) + 0.5 * (both.sold[:, None] == both.unsold)
    error = np.sqrt(wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 200)
    told, chance = both.ranks(0.95), wins.mean()
    assert told["value"] == pytest.approx(chance, rel=1e-12)
    ends = special.expit(special.logit(chance) + np.array([-1, 1]) * 1.959964 * error / (chance * (1 - chance)))
    assert (told["ci_low"], told["ci_high"]) == pytest.approx(ends, rel=1e-6)


@pytest.mark.parametrize("chance", [0.2, 0.5, 0.9, 1.0])
def test_the_least_chance_lies_z_errors_of_hanley_and_mcneil_away(chance):
    n = m = 17  # where both are as many, Newcombe's variance is theirs
    true = least_chance(chance, n, m, 1.96)
    beats_two, two_beat = true / (2 - true), 2 * true**2 / (1 + true)
    variance = (true * (1 - true) + (n - 1) * (beats_two - true**2) + (m - 1) * (two_beat - true**2)) / (n * m)
    assert chance - true == pytest.approx(1.96 * np.sqrt(variance), rel=1e-9)


def test_a_chance_on_the_edge_has_an_interval_and_logits_stay_within():
    apart = TwoSamples(np.arange(20.0, 30.0), np.arange(10.0)).ranks(0.95)
    assert (apart["value"], apart["ci_high"]) == (1, 1)
    assert 0.7 < apart["ci_low"] < 0.85
    below = TwoSamples(np.arange(10.0), np.arange(20.0, 30.0)).ranks(0.95)
    assert (below["ci_low"], below["ci_high"]) == (0, pytest.approx(1 - apart["ci_low"], rel=1e-12))
    assert on_logits(0.5, 1e6) == pytest.approx((0, 1))


@pytest.mark.parametrize("digits", [None, 1])
def test_distributions_are_those_of_scipy(digits):
    both = samples(digits=digits, n=800, m=2_000)
    told, theirs = both.distributions(), stats.ks_2samp(both.sold, both.unsold, method="asymp")
    assert told["value"] == pytest.approx(theirs.statistic, rel=1e-12)
    assert np.log(told["p_value"]) == pytest.approx(np.log(theirs.pvalue), rel=0.02)


def test_means_are_those_of_scipy():
    both = samples()
    told, theirs = both.mean(0.9), stats.ttest_ind(both.sold, both.unsold, equal_var=False)
    between = theirs.confidence_interval(0.9)
    assert told["p_value"] == pytest.approx(theirs.pvalue, rel=1e-9)
    assert told["degrees_of_freedom"] == pytest.approx(theirs.df, rel=1e-9)
    assert (told["ci_low"], told["ci_high"]) == pytest.approx((between.low, between.high), rel=1e-9)


def test_the_share_is_that_of_statsmodels():
    told = share_of(17, 60, 0.95)
    assert told[1:] == pytest.approx(proportion_confint(17, 60, method="wilson"), rel=1e-12)
    assert share_of(0, 9, 0.95).low == 0
    assert share_of(9, 9, 0.95).high == 1
    assert np.isnan(share_of(0, 0, 0.95).value)


def cells(sold, parcels):
    return pl.DataFrame({"group": [str(place) for place in range(len(sold))], "sold": sold, "parcels": parcels})


def test_chi_square_is_that_of_scipy():
    sold, parcels = [40, 55, 12], [200, 180, 90]
    told = chi_square("zip_code", cells(sold, parcels))
    theirs = stats.chi2_contingency([sold, np.subtract(parcels, sold)], correction=False)
    assert (told["statistic"], told["p_value"]) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-12)
    assert told["degrees_of_freedom"] == 2
    assert told["value"] == pytest.approx(stats.contingency.association([sold, np.subtract(parcels, sold)]), rel=1e-9)


def test_cells_in_which_too_few_are_expected_count_as_one():
    told = chi_square("zip_code", cells([40, 1, 2, 60, 0], [200, 9, 15, 300, 3]))
    theirs = stats.chi2_contingency([[40, 60, 3], [160, 240, 24]], correction=False)
    assert told["statistic"] == pytest.approx(theirs.statistic, rel=1e-12)
    assert told["note"].startswith("3 cells counted as one")
    joined = chi_square("zip_code", cells([40, 1, 60], [200, 9, 300]))  # the small one alone is too few
    theirs = stats.chi2_contingency([[41, 60], [168, 240]], correction=False)
    assert joined["statistic"] == pytest.approx(theirs.statistic, rel=1e-12)
    none = chi_square("zip_code", cells([1, 0], [3, 4]))
    assert ("p_value" in none, none["note"].startswith("not tested")) == (False, True)
    assert "not tested" in chi_square("zip_code", cells([20, 30], [20, 30]))["note"]


def test_a_cell_is_said_to_sell_more_or_less_only_beyond_its_interval():
    said = [row["verdict"] for row in shares("zip_code", cells([90, 10, 22], [200, 200, 110]), 0.95)]
    assert said == ["more", "less", "unclear"]


def test_within_strata_is_least_squares_with_dummies():
    draw = np.random.default_rng(3)
    stratum = draw.integers(0, 6, 300)
    sold = draw.random(300) < 0.2 + 0.1 * stratum
    sold[stratum == 5] = True  # it says nothing
    value = stratum + 0.07 * sold + draw.normal(0, 0.2 + 0.3 * sold)
    told = within(value, sold, stratum, 0.95)
    kept = stratum < 5
    design = np.column_stack([sold[kept], *(stratum[kept] == place for place in range(5))]).astype(float)
    theirs = OLS(value[kept], design).fit(cov_type="HC1", use_t=True)
    assert told.difference.value == pytest.approx(theirs.params[0], rel=1e-9)
    assert told.difference[1:] == pytest.approx(theirs.conf_int()[0], rel=1e-9)
    assert (told.freedom, told.p_value) == pytest.approx((theirs.df_resid, theirs.pvalues[0]), rel=1e-9)
    assert (told.sold, told.unsold) == (int(sold[kept].sum()), int((~sold[kept]).sum()))


def test_within_needs_strata_that_hold_both():
    none = np.zeros(0)
    assert within(none, none.astype(bool), none.astype(np.int64), 0.95) is None
    assert within(np.ones(4), np.array([True, True, False, False]), np.array([0, 0, 1, 1]), 0.95) is None
    flat = within(np.zeros(40), np.arange(40) % 2 == 0, np.zeros(40, dtype=np.int64), 0.95)
    assert (flat.difference.value, np.isnan(flat.p_value)) == (0, True)


def test_a_verdict_takes_the_whole_interval():
    assert verdict(Estimate(0.3, 0.11, 0.5), 0.1) == DIFFERS
    assert verdict(Estimate(-0.3, -0.5, -0.11), 0.1) == DIFFERS
    assert verdict(Estimate(0.01, -0.1, 0.1), 0.1) == ALIKE
    assert verdict(Estimate(0.3, 0.09, 0.5), 0.1) == UNCLEAR
    assert verdict(Estimate(), 0.1) is None


def test_what_does_not_vary_has_no_test():
    both = TwoSamples(np.ones(20), np.ones(30))
    told = {row["measure"]: row for row in rows(both, logs=False, confidence_level=0.95, meaningful=0.1)}
    assert told["mean"]["value"] == told["median"]["value"] == told["distribution"]["value"] == 0
    assert "p_value" not in told["mean"]
    assert told["rank"]["value"] == 0.5
    assert told["rank"]["ci_low"] < 0.4
    assert told["rank"]["ci_high"] > 0.6
    assert np.isnan(told["standardized_difference"]["value"])


@pytest.mark.parametrize(("n", "m", "shift", "spread"), [(10, 100, 4, 1), (10, 100, 2.5, 1), (10, 10, 4, 3)])
def test_the_interval_of_the_rank_holds_the_truth_where_hardly_any_overlap(n, m, shift, spread):
    """The share of 200 pairs of samples is at least what a right interval has in all but one of a thousand runs."""
    draw = np.random.default_rng(5)
    truth, held = stats.norm.cdf(shift / np.hypot(1, spread)), 0
    for _ in range(200):
        told = TwoSamples(np.sort(draw.normal(shift, spread, n)), np.sort(draw.normal(0, 1, m))).ranks(0.95)
        held += told["ci_low"] <= truth <= told["ci_high"]
    assert held >= stats.binom.ppf(0.001, 200, 0.95)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of 400 pairs of samples; the band is that of a right interval in all but one of a thousand runs."""
    standard = (0.4 - 0.0) / np.sqrt((1 + 4) / 2)
    truth = {"standardized": standard, "ranks": stats.norm.cdf(0.4 / np.sqrt(5)), "median": 0.4, "mean": 0.4}
    held = dict.fromkeys(truth, 0)
    for seed in range(400):
        both = samples(seed, n=90, m=150, shift=0.4)
        spread = both.ranks(0.95), both.mean(0.95)
        intervals = {
            "standardized": both.standardized(0.95)[1:],
            "median": both.median(0.95)[1:],
            **{name: (told["ci_low"], told["ci_high"]) for name, told in zip(("ranks", "mean"), spread, strict=True)},
        }
        for name, (low, high) in intervals.items():
            held[name] += low <= truth[name] <= high
    low, high = stats.binom.ppf([0.0005, 0.9995], 400, 0.95)
    for name, count in held.items():
        assert low <= count, name
        assert count <= high or name == "median"  # joined order statistics cover more than they must
