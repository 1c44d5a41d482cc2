"""The bounds of issue 5 on King County 2014-15, all of it: ten folds, a parcel's own sales never used for its value.

Minutes, hence by `make test-long`; `benchmarks.accuracy` prints the same beside other models.
"""

import numpy as np
import pytest

from benchmarks.accuracy import RULES
from benchmarks.comparables import EVER, FOLDS
from terrafusion.analysis.comps.holdout import folds_of, holdout
from terrafusion.analysis.comps.search import Limits
from terrafusion.analysis.valuation.trial import examine

from .conftest import figures

pytestmark = [pytest.mark.by_hand, pytest.mark.timeout(3600)]


def unseen(fold, finder, valuer):
    """Take no home along."""


@pytest.fixture(scope="module")
def examined(king_2014_15):
    return examine(king_2014_15, RULES, unseen)


def test_comparable_sales(king_2014_15):
    folds = folds_of(king_2014_15["parcel_number"], FOLDS, seed=RULES.seed)
    value = holdout(king_2014_15, folds, Limits(later=True, max_age_days=EVER)).value
    there = np.isfinite(value)
    told = figures(king_2014_15["sale_price"].to_numpy()[there], value[there])
    assert there.mean() > 0.999
    assert told["mdape"] <= 8.3
    assert told["cod"] <= 12.2


def test_market_valuation(examined):
    told = figures(np.exp(examined.log_price), np.exp(examined.valued.value))
    assert told["mdape"] <= 7.9
    assert told["cod"] <= 11.6
    assert abs(told["prb"]) <= 0.03


def test_its_ranges(examined):
    price = examined.log_price
    inside = (examined.valued.low <= price) & (price <= examined.valued.high)
    assert 0.78 <= inside.mean() <= 0.82
    quarter = np.searchsorted(np.quantile(price, [0.25, 0.5, 0.75]), price)
    for at in range(4):
        assert 0.75 <= inside[quarter == at].mean() <= 0.85
