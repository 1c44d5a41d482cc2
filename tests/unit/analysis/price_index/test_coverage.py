"""Markets whose truth is known: it lies in its interval as often as promised.

The band is that of the binomial, so that a right interval fails once in a thousand runs.
"""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom
from support.markets import Recipe, market, path

from terrafusion.analysis.indexes import CHARACTERISTICS
from terrafusion.analysis.price_index.engine import Engine
from terrafusion.analysis.price_index.parameters import METHODS, REPEAT, PriceIndexParameters

MARKETS = 400
Z = 1.959963984540054


def engine(placed, recipe, **parameters):
    """Make every market one group."""
    sales = pl.concat([market(recipe, seed).with_columns(seed=pl.lit(seed, pl.Int32)) for seed in range(MARKETS)])
    numbered = placed(sales.with_columns(pl.int_range(pl.len()).cast(pl.String).alias("sale_id")))
    bare = {name: None for name in (*CHARACTERISTICS, "property_type") if name not in sales.columns}
    grouped = numbered.with_columns(pl.col("seed").alias("group_code"), **bare).sort("seed", maintain_order=True)
    asked = PriceIndexParameters(train_periods=1000, **parameters)
    return Engine(grouped, MARKETS, int(grouped["ordinal"].min()), recipe.periods, asked)


@pytest.fixture(scope="module")
def plain(placed):
    return engine(placed, Recipe(homes=200, periods=4), min_hold_months=0)


def hits(estimates, recipe):
    last, truth = recipe.periods - 1, path(recipe)[-1]
    found = [estimate.difference(0, last) for estimate in estimates]
    return sum(abs(change - truth) <= Z * error for change, error in found)


def in_band(count):
    return binom.ppf(0.0005, MARKETS, 0.95) <= count <= binom.ppf(0.9995, MARKETS, 0.95)


@pytest.mark.parametrize("method", METHODS)
def test_known_growth_lies_in_its_interval_as_often_as_promised(plain, method):
    assert in_band(hits(plain.estimates(method), Recipe(homes=200, periods=4)))


REPEATED = Recipe(homes=80, periods=5, sales_per_home=3.5)


@pytest.fixture(scope="module")
def repeated(placed):
    return engine(placed, REPEATED, min_hold_months=0, pairs="all")


@pytest.mark.parametrize("method", REPEAT)
def test_pairs_that_share_sales_do_not_make_it_surer(repeated, method):
    assert in_band(hits(repeated.estimates(method), REPEATED))


def test_one_variance_for_all_errors_is_too_sure_of_such_pairs(repeated):
    naive = replace(repeated, parameters=repeated.parameters.model_copy(update={"robust_errors": False}))
    assert hits(naive.estimates("bmn"), REPEATED) < binom.ppf(0.0005, MARKETS, 0.95)


def test_flips_are_left_out_by_the_hold(placed):
    recipe = Recipe(homes=150, periods=8, sales_per_home=2.0, flips=0.15)
    left = engine(placed, recipe, min_hold_months=2)
    kept = replace(left, parameters=left.parameters.model_copy(update={"min_hold_months": 0}))
    moved = [np.mean([one.difference(0, 7)[0] for one in each.estimates("bmn")]) for each in (kept, left)]
    assert moved[0] > recipe.growth + 0.04
    assert in_band(hits(left.estimates("bmn"), recipe))


def test_outliers_hurt_the_robust_index_least(placed):
    recipe = Recipe(homes=120, periods=3, outliers=0.05)
    wild = engine(placed, recipe, min_hold_months=0)
    apart = {
        method: np.sqrt(np.mean([(one.difference(0, 2)[0] - recipe.growth) ** 2 for one in wild.estimates(method)]))
        for method in ("bmn", "robust")
    }
    assert apart["robust"] < 0.75 * apart["bmn"]
    assert in_band(hits(wild.estimates("robust"), recipe))


def test_noise_that_grows_with_the_hold_is_what_case_shiller_weighs(placed):
    recipe = Recipe(homes=120, periods=12, sales_per_home=2.5, noise=0.03, unlike=0.0, wander=0.05)
    drifting = engine(placed, recipe, min_hold_months=0)
    spread = {
        method: np.sqrt(
            np.mean([(one.difference(0, 11)[0] - recipe.growth) ** 2 for one in drifting.estimates(method)])
        )
        for method in ("bmn", "case_shiller")
    }
    assert spread["case_shiller"] < 0.97 * spread["bmn"]
    assert in_band(hits(drifting.estimates("case_shiller"), recipe))
