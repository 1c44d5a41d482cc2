import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from scipy.stats import binom

from terrafusion.analysis.hedonic import Sample, fit

FLOATS = ["year_built", "bedrooms", "bathrooms", "grade", "waterfront"]


def codes(values):
    return np.unique(values.to_numpy(), return_inverse=True)[1]


def sample_of(sales):
    logs = [np.log(sales[name].to_numpy()) for name in ("building_size_sqft", "lot_size_sqft")]
    rows = np.array([*logs, *(sales[name].cast(pl.Float64).to_numpy() for name in FLOATS)])
    months = codes(sales["sale_date"].dt.strftime("%Y-%m"))
    return Sample(np.log(sales["sale_price"].to_numpy()), months, codes(sales["zip_code"]), rows)


def dummies(values):
    return (values[:, None] == np.arange(1, values.max() + 1)).astype(float)


def plain_ols(sample):
    """The same model as one dense matrix, by an independent library."""
    wide = [np.ones((len(sample.log_price), 1)), dummies(sample.period), dummies(sample.location)]
    kept = sample.characteristics[np.ptp(sample.characteristics, axis=1) > 0]
    return sm.OLS(sample.log_price, np.hstack([*wide, kept.T])).fit(method="qr", cov_type="HC1")


@pytest.mark.parametrize("zip_code", [None, "98103"])
def test_it_equals_plain_least_squares_on_real_sales(king_wa, zip_code):
    sample = sample_of(king_wa.gather_every(4) if zip_code is None else king_wa.filter(pl.col("zip_code") == zip_code))
    found, wanted = fit(sample, base=0), plain_ols(sample)
    periods, slopes = slice(1, sample.period.max() + 1), slice(-np.isfinite(found.slopes).sum(), None)
    assert found.estimated == len(wanted.params)
    np.testing.assert_allclose(found.effects[1:], wanted.params[periods], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.standard_errors[1:], wanted.bse[periods], rtol=0, atol=1e-9)
    known = np.isfinite(found.slopes)
    np.testing.assert_allclose(found.slopes[known], wanted.params[slopes], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.slope_errors[known], wanted.bse[slopes], rtol=0, atol=1e-9)


def test_places_alone_may_be_held_constant(king_wa):
    whole = sample_of(king_wa.gather_every(4))
    bare = Sample(whole.log_price, whole.period, whole.location, whole.characteristics[:0])
    found, wanted = fit(bare, base=0), plain_ols(bare)
    periods = slice(1, bare.period.max() + 1)
    np.testing.assert_allclose(found.effects[1:], wanted.params[periods], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.standard_errors[1:], wanted.bse[periods], rtol=0, atol=1e-9)


def test_another_base_moves_the_index_and_keeps_its_shape(king_wa):
    sample = sample_of(king_wa.filter(pl.col("zip_code") == "98103"))
    first, later = fit(sample, base=0), fit(sample, base=7)
    np.testing.assert_allclose(first.effects - first.effects[7], later.effects, atol=1e-10)
    assert later.standard_errors[7] == 0
    assert later.standard_errors[0] == pytest.approx(first.standard_errors[7], rel=1e-9)


def test_a_characteristic_that_repeats_another_changes_nothing(king_wa):
    plain = sample_of(king_wa.filter(pl.col("zip_code") == "98103"))
    doubled = Sample(
        plain.log_price,
        plain.period,
        plain.location,
        np.vstack([plain.characteristics, 2 * plain.characteristics[:1] + 1]),
    )
    assert np.isnan(fit(doubled, base=0).slopes[-1])
    np.testing.assert_allclose(fit(doubled, base=0).effects, fit(plain, base=0).effects, atol=1e-10)


def test_known_growth_lies_in_its_interval_as_often_as_promised():
    draws, markets, truth, hits = np.random.default_rng(20), 2_000, 0.05, 0
    for _ in range(markets):
        period, size = np.repeat(np.arange(4), 60), draws.normal(7.5, 0.4, 240)
        noise = draws.normal(0, 0.1 + 0.1 * (size > 7.5))
        sample = Sample(9 + 0.6 * size + truth / 3 * period + noise, period, np.zeros(240, np.int64), size[None, :])
        found = fit(sample, base=0)
        hits += abs(found.effects[3] - truth) <= 1.959963984540054 * found.standard_errors[3]
    assert binom.ppf(0.0005, markets, 0.95) <= hits <= binom.ppf(0.9995, markets, 0.95)
