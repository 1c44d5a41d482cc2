from pathlib import Path

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from scipy.optimize import nnls

from terrafusion.analysis.price_index.links import Ties
from terrafusion.analysis.price_index.repeat_sales import Options, arithmetic, bmn, case_shiller, robust
from terrafusion.errors import InvalidParameters

PUBLISHED = pl.read_csv(Path(__file__).parents[3] / "data" / "index" / "seattle_monthly.csv")
CLASSIC = Options(robust_errors=False)


def level(estimate):
    return 100 * np.exp(estimate.log_index)


def matrix(ties):
    """The regressors as one dense matrix, without the first period."""
    rows = np.arange(len(ties.change))
    wide = np.zeros((len(rows), ties.periods))
    wide[rows, ties.second] = 1
    wide[rows, ties.first] = -1
    return wide[:, 1:]


def test_bailey_muth_nourse_is_as_published(seattle, ties):
    """Seattle 2010-16 by month, another implementation's base index (ANALYSES 5), to 1e-9."""
    np.testing.assert_allclose(level(bmn(ties(seattle), Options())), PUBLISHED["base"], rtol=0, atol=1e-9)


def test_case_shiller_is_as_published(seattle, ties):
    """The same with weights, where that implementation drops pairs of negative variance, to 1e-9."""
    found = case_shiller(ties(seattle), Options(weights="drop_non_positive"))
    np.testing.assert_allclose(level(found), PUBLISHED["weighted"], rtol=0, atol=1e-9)
    assert (found.told["non_positive_variances"], found.told["dropped_pairs"], found.used) == (616, 616, 4486)


def test_the_robust_index_is_as_published(seattle, ties):
    """The same by Huber's regression; that implementation stops earlier, hence 1e-4 of the level."""
    np.testing.assert_allclose(level(robust(ties(seattle), Options())), PUBLISHED["robust"], rtol=1e-4)


def test_least_squares_and_its_errors_are_those_of_statsmodels(seattle, ties):
    given = ties(seattle)
    wanted = sm.OLS(given.change, matrix(given))
    plain, clustered = bmn(given, CLASSIC), bmn(given, Options())
    np.testing.assert_allclose(plain.log_index[1:], wanted.fit().params, rtol=0, atol=1e-9)
    np.testing.assert_allclose(plain.errors()[1:], wanted.fit().bse, rtol=0, atol=1e-9)
    theirs = wanted.fit(cov_type="cluster", cov_kwds={"groups": given.owner})
    np.testing.assert_allclose(clustered.errors()[1:], theirs.bse, rtol=0, atol=1e-9)


def test_where_each_parcel_has_one_pair_clustered_errors_are_hc1(seattle, ties):
    given = ties(seattle.unique("owner", keep="first", maintain_order=True))
    wanted = sm.OLS(given.change, matrix(given)).fit(cov_type="HC1")
    np.testing.assert_allclose(bmn(given, Options()).errors()[1:], wanted.bse, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rule", ["constrained", "drop_non_positive"])
def test_weighted_least_squares_is_that_of_statsmodels(seattle, ties, rule):
    given = ties(seattle)
    gap = given.second - given.first
    squares = sm.OLS(given.change, matrix(given)).fit().resid ** 2
    line = np.column_stack([np.ones_like(gap), gap])
    fitted = line @ (nnls(line, squares)[0] if rule == "constrained" else sm.OLS(squares, line).fit().params)
    kept = fitted > 0
    theirs = sm.WLS(given.change[kept], matrix(given)[kept], weights=1 / fitted[kept]).fit()
    found = case_shiller(given, Options(robust_errors=False, weights=rule))
    np.testing.assert_allclose(found.log_index[1:], theirs.params, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.errors()[1:], theirs.bse, rtol=0, atol=1e-9)
    assert found.told["variance_intercept"] + found.told["variance_per_period"] == pytest.approx(fitted[gap == 1][0])


def test_pairs_without_weight_are_no_observations_and_their_parcels_no_clusters(seattle, ties):
    given = ties(seattle)
    found = case_shiller(given, Options(weights="drop_non_positive"))
    told = found.told["unconstrained_intercept"], found.told["unconstrained_per_period"]
    fitted = told[0] + told[1] * (given.second - given.first)
    kept = fitted > 0
    theirs = sm.WLS(given.change[kept], matrix(given)[kept], weights=1 / fitted[kept]).fit(
        cov_type="cluster", cov_kwds={"groups": given.owner[kept]}
    )
    assert found.used == kept.sum() == 4486
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance))[1:], theirs.bse, rtol=0, atol=1e-9)
    counted = [((given.first[kept] == place) | (given.second[kept] == place)).sum() for place in range(given.periods)]
    assert found.observations.tolist() == counted


def test_weights_that_grow_with_the_gap_need_no_constraint(ties, seattle):
    given = ties(seattle)
    draw = np.random.default_rng(1)
    noisy = Ties(
        given.first, given.second, draw.normal(0, np.sqrt(0.01 + 0.002 * (given.second - given.first))), given.owner, 84
    )
    by_rule = [
        case_shiller(noisy, Options(weights=rule)) for rule in ("constrained", "unconstrained", "drop_non_positive")
    ]
    assert by_rule[0].told["non_positive_variances"] == 0
    assert by_rule[0].told["variance_per_period"] == pytest.approx(0.002, rel=0.1)
    for other in by_rule[1:]:
        np.testing.assert_array_equal(by_rule[0].log_index, other.log_index)


def test_unconstrained_weights_refuse_a_negative_variance(seattle, ties):
    with pytest.raises(InvalidParameters, match="616 of 5102 pairs") as refused:
        case_shiller(ties(seattle), Options(weights="unconstrained"))
    assert (refused.value.field, refused.value.value) == ("weights", "unconstrained")
    assert refused.value.allowed == "constrained, drop_non_positive"


def test_huber_and_his_errors_are_those_of_statsmodels(seattle, ties):
    quarters = seattle.with_columns(pl.col("ordinal_1", "ordinal_2") // 3)
    given = ties(quarters.filter(pl.col("ordinal_1") < pl.col("ordinal_2")))
    model = sm.RLM(given.change, matrix(given), M=sm.robust.norms.HuberT(1.345))
    theirs = model.fit(scale_est=lambda _, resid: np.median(np.abs(resid)) / 0.6745, maxiter=500, tol=1e-13)
    found = robust(given, CLASSIC)
    np.testing.assert_allclose(found.log_index[1:], theirs.params, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.errors()[1:], theirs.bse, rtol=1e-6)


def pairs(rows, periods):
    """Pairs of their own parcels from (first, second, earlier price, later price)."""
    first, second, earlier, later = (np.array(part) for part in zip(*rows, strict=True))
    earlier, later = earlier.astype(float), later.astype(float)
    return Ties(first, second, np.log(later / earlier), np.arange(len(first)), periods), earlier, later


def test_two_periods_have_closed_forms():
    """The mean of the log changes; and the ratio of the sums (Shiller 1991, section 2)."""
    given, earlier, later = pairs([(0, 1, 100, 120), (0, 1, 300, 330), (0, 1, 50, 70)], 2)
    assert bmn(given, Options()).log_index[1] == pytest.approx(np.mean(np.log([1.2, 1.1, 1.4])))
    assert np.exp(arithmetic(given, earlier, later, Options()).log_index[1]) == pytest.approx(520 / 450)


def test_the_arithmetic_index_is_the_instrumental_variables_estimate(seattle, ties):
    """Shiller 1991: prices as regressors, -1 and 1 as their instruments, solved as dense matrices."""
    given = ties(seattle)
    earlier, later = seattle["sale_price_1"].to_numpy(), seattle["sale_price_2"].to_numpy()
    instruments = matrix(given)
    prices = np.where(instruments > 0, later[:, None], np.where(instruments < 0, earlier[:, None], 0.0)) * instruments
    left = np.where(given.first == 0, earlier, 0.0)
    cross = instruments.T @ prices
    deflator = np.linalg.solve(cross, instruments.T @ left)
    found = arithmetic(given, earlier, later, CLASSIC)
    np.testing.assert_allclose(found.log_index[1:], -np.log(deflator), rtol=0, atol=1e-9)
    errors = left - prices @ deflator
    inverse = np.linalg.inv(cross)
    cover = inverse @ instruments.T @ instruments @ inverse.T * (errors @ errors) / (len(left) - len(deflator))
    np.testing.assert_allclose(found.errors()[1:], np.sqrt(np.diag(cover)) / deflator, rtol=1e-8)
    owners = np.array([errors[given.owner == one] @ instruments[given.owner == one] for one in np.unique(given.owner)])
    factor = len(owners) / (len(owners) - 1) * (len(left) - 1) / (len(left) - len(deflator))
    cover = inverse @ owners.T @ owners @ inverse.T * factor
    clustered = arithmetic(given, earlier, later, Options())
    np.testing.assert_allclose(clustered.errors()[1:], np.sqrt(np.diag(cover)) / deflator, rtol=1e-8)


def test_a_robust_index_that_meets_most_pairs_exactly_is_found():
    """Few pairs more than periods: what the steps come near to leaves nothing of most pairs but rounding."""
    draw = np.random.default_rng(0)
    for _ in range(400):
        periods = int(draw.integers(4, 10))
        first = draw.integers(0, periods - 1, int(draw.integers(periods, 2 * periods)))
        second = np.array([draw.integers(begin + 1, periods) for begin in first])
        ties = Ties(first, second, draw.normal(size=len(first)), np.arange(len(first)), periods)
        assert np.isfinite(robust(ties, Options()).log_index).any()


@pytest.mark.parametrize("method", [bmn, case_shiller, robust])
def test_periods_that_no_pair_ties_to_the_rest_have_no_index(method):
    given, _, _ = pairs([(0, 1, 100, 110), (0, 1, 100, 120), (1, 4, 100, 150), (2, 3, 100, 900)], 6)
    found = method(given, Options())
    assert np.isfinite(found.log_index).tolist() == [True, True, False, False, True, False]
    assert found.used == 3
    assert found.observations.tolist() == [2, 3, 0, 0, 1, 0]


def test_a_change_between_later_periods_has_the_error_of_their_difference(seattle, ties):
    given = ties(seattle)
    fitted = sm.OLS(given.change, matrix(given)).fit(cov_type="cluster", cov_kwds={"groups": given.owner})
    contrast = np.zeros(83)
    contrast[[9, 79]] = -1, 1
    moved, error = bmn(given, Options()).difference(10, 80)
    theirs = fitted.t_test(contrast)
    assert moved == pytest.approx(float(theirs.effect[0]), abs=1e-9)
    assert error == pytest.approx(float(theirs.sd[0][0]), abs=1e-9)


@pytest.mark.parametrize("method", [bmn, case_shiller, robust])
def test_an_earlier_index_is_that_of_the_earlier_pairs(seattle, ties, method):
    options = Options(train_periods=60)
    begin = seattle["ordinal_1"].min()
    whole = method(ties(seattle), options)
    until = method(ties(seattle.filter(pl.col("ordinal_2") < begin + 70)), options)
    assert len(whole.series) == 25
    within = 1e-6 if method is robust else 1e-9
    np.testing.assert_allclose(whole.series[10][:70], until.log_index, rtol=0, atol=within)
    np.testing.assert_allclose(whole.series[-1], whole.log_index, rtol=0, atol=within)
