from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

from terrafusion.analysis import indexes
from terrafusion.analysis.hedonic import growing
from terrafusion.analysis.price_index.hedonic_index import Placed, time_dummy
from terrafusion.analysis.price_index.imputation import imputation
from terrafusion.analysis.price_index.repeat_sales import Options

CLASSIC = Options(robust_errors=False)


@pytest.fixture(scope="module")
def sample(king_wa, placed):
    """Two years of three ZIPs, by month."""
    some = king_wa.filter(pl.col("zip_code").is_in(["98103", "98115", "98117"]), pl.col("sale_date").dt.year() > 2014)
    _, ordinals, sample = next(indexes.samples(indexes.design(placed(some))))
    sample = replace(sample, characteristics=np.array(sample.characteristics))
    return Placed(sample, ordinals - ordinals[0], int(ordinals[-1] - ordinals[0]) + 1)


def dummies(values, first):
    return (values[:, None] == np.arange(first, values.max() + 1)).astype(float)


@pytest.mark.parametrize(("options", "kind"), [(Options(), "HC1"), (CLASSIC, "nonrobust")])
def test_the_time_dummy_index_is_plain_least_squares(sample, options, kind):
    given = sample.sample
    wide = [np.ones((len(given.log_price), 1)), dummies(given.period, 1), dummies(given.location, 1)]
    kept = given.characteristics[np.ptp(given.characteristics, axis=1) > 0]
    theirs = sm.OLS(given.log_price, np.hstack([*wide, kept.T])).fit(cov_type=kind)
    found, periods = time_dummy(sample, options), slice(1, given.period.max() + 1)
    np.testing.assert_allclose(found.log_index[1:], theirs.params[periods], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.errors()[1:], theirs.bse[periods], rtol=0, atol=1e-9)
    contrast = np.zeros(len(theirs.params))
    contrast[[5, 20]] = -1, 1
    assert found.difference(5, 20)[1] == pytest.approx(float(theirs.t_test(contrast).sd[0][0]), abs=1e-9)


def test_an_earlier_time_dummy_index_is_that_of_the_earlier_sales(sample):
    given = sample.sample
    early = given.period <= 15
    part = type(given)(
        given.log_price[early], given.period[early], given.location[early], given.characteristics[:, early]
    )
    alone = time_dummy(Placed(part, np.arange(16), 16), Options())
    steps = list(growing(given, begin=12))
    np.testing.assert_allclose(steps[3].effects, alone.log_index, rtol=0, atol=1e-9)
    np.testing.assert_allclose(steps[-1].effects, time_dummy(sample, Options()).log_index, rtol=0, atol=1e-9)


class Dense:
    """One period's regression by an independent library, every location a column."""

    def __init__(self, given, period, kept, kind):
        chosen = given.period == period
        self.rows = np.hstack([dummies(given.location, 0)[chosen], given.characteristics[kept][:, chosen].T])
        self.fit = sm.OLS(given.log_price[chosen], self.rows).fit(cov_type=kind)


def fisher(base, other, at_base, at_other):
    ratios = [np.exp(part.rows @ at_other).sum() / np.exp(part.rows @ at_base).sum() for part in (base, other)]
    return np.log(ratios).mean()


def slope(value, at):
    """Differentiate numerically."""
    steps = np.eye(len(at)) * 1e-6
    return np.array([(value(at + step) - value(at - step)) / 2e-6 for step in steps])


@pytest.mark.parametrize(("options", "kind"), [(Options(), "HC1"), (CLASSIC, "nonrobust")])
def test_imputation_is_the_fisher_index_of_dense_regressions(sample, options, kind):
    given = sample.sample
    within = [given.characteristics[:, given.period == period] for period in range(sample.periods)]
    kept = [k for k in range(len(given.characteristics)) if all(np.ptp(part[k]) > 0 for part in within)]
    found = imputation(sample, options)
    assert found.told["characteristics_varying"] == len(kept)
    assert found.told["homes_imputed_share"] == 1.0
    base, at = Dense(given, 0, kept, kind), []
    for period in (7, 19):
        other = Dense(given, period, kept, kind)
        b, t = base.fit.params, other.fit.params
        assert found.log_index[period] == pytest.approx(fisher(base, other, b, t), abs=1e-9)
        to_base = slope(lambda x, t=t, o=other: fisher(base, o, x, t), b)
        to_other = slope(lambda x, b=b, o=other: fisher(base, o, b, x), t)
        own = to_other @ other.fit.cov_params() @ to_other
        variance = to_base @ base.fit.cov_params() @ to_base + own
        assert found.errors()[period] == pytest.approx(np.sqrt(variance), rel=1e-6)
        at.append((to_base, own))
    apart = at[1][0] - at[0][0]
    variance = apart @ base.fit.cov_params() @ apart + at[0][1] + at[1][1]
    assert found.difference(7, 19)[1] == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_areas_without_a_sale_are_not_imputed_and_periods_too_thin_are_left_out(sample):
    given = sample.sample
    gone = (given.location == 2) & (given.period == 7)
    thin = (given.period == 9) & (np.cumsum(given.period == 9) > 20)
    kept = ~(gone | thin)
    part = type(given)(given.log_price[kept], given.period[kept], given.location[kept], given.characteristics[:, kept])
    found = imputation(Placed(part, sample.places, sample.periods), Options())
    assert 0.9 < found.told["homes_imputed_share"] < 1
    assert np.isfinite(found.log_index[7])
    assert np.isnan(found.log_index[9])
    assert found.observations[9] == 20
