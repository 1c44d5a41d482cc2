"""Markets whose areas move by amounts that are known: the truth lies in its interval as often as promised.

The band is that of the binomial, so that a right interval fails once in a thousand runs.
"""

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from benchmarks.coverage import adjustments
from terrafusion.analysis.indexes import CHARACTERISTICS
from terrafusion.analysis.price_index.engine import Engine
from terrafusion.analysis.price_index.parameters import PriceIndexParameters
from terrafusion.analysis.time_adjustment.factors import County, Rules, factors
from terrafusion.analysis.timing import NO_REVISIONS

MARKETS, AREAS, PERIODS = 400, 4, 3
Z = 1.959963984540054


def made(spread, homes):
    """Make markets of areas of so many sales; growth differs by ``spread``, and the true one of each is returned."""
    draw = np.random.default_rng(11)
    growth = 0.05 + spread * draw.normal(size=(MARKETS, AREAS))
    area = np.tile(np.repeat(np.arange(AREAS), homes), MARKETS)
    market = np.repeat(np.arange(MARKETS), sum(homes))
    month, size = draw.integers(0, PERIODS, len(area)), draw.normal(7.5, 0.35, len(area))
    logs = 6.5 + 0.75 * size + 0.2 * area + growth[market, area] * month / (PERIODS - 1)
    columns = {
        "market": market.astype(np.int32),
        "area": area.astype(np.int32),
        "ordinal": month.astype(np.int32),
        "sale_price": np.exp(logs + 0.15 * draw.normal(size=len(area))),
        "building_size_sqft": np.exp(size),
        "zip_code": area.astype(str),
    }
    bare = {name: None for name in (*CHARACTERISTICS, "property_type") if name not in columns}
    return pl.DataFrame(columns).with_columns(**bare), growth


def estimated(sales, code, groups):
    grouped = sales.with_columns(code.cast(pl.Int32).alias("group_code")).sort("group_code", maintain_order=True)
    return Engine(grouped, groups, 0, PERIODS, PriceIndexParameters(), NO_REVISIONS).estimates("hedonic_time_dummy")


def adjusted(spread, homes):
    """Return pooled and own log factors of the first area in the first period with their errors, and the truth."""
    sales, growth = made(spread, homes)
    own = estimated(sales, pl.col("market") * AREAS + pl.col("area"), MARKETS * AREAS)
    whole = estimated(sales, pl.col("market"), MARKETS)
    rules = Rules(pooling="dersimonian_laird", z=Z, least=1)
    rows = []
    for market, county in enumerate(whole):
        groups = {str(area): own[market * AREAS + area] for area in range(AREAS)}
        rows.append(factors(groups, County.of(county, PERIODS - 1, 1), rules).row(0, named=True))
    table = pl.DataFrame(rows)
    error = np.sqrt(np.mean((np.log(table["own_factor"].to_numpy()) - growth[:, 0]) ** 2))
    moved = table["log_factor"].to_numpy()
    hits = (np.abs(moved - growth[:, 0]) <= Z * table["standard_error"].to_numpy()).sum()
    return int(hits), float(np.sqrt(np.mean((moved - growth[:, 0]) ** 2))), float(error)


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_an_areas_own_growth_lies_in_its_interval_and_is_met_better_than_alone(spread):
    hits, pooled, own = adjusted(spread, [60, 60, 120, 240])
    assert hits >= binom.ppf(0.0005, MARKETS, 0.95)
    assert pooled < own * (0.7 if spread == 0 else 1.0)


def test_where_areas_differ_much_the_interval_is_no_wider_than_promised():
    hits, _, _ = adjusted(0.5, [60, 60, 60, 60])
    assert hits <= binom.ppf(0.9995, MARKETS, 0.95)


@pytest.mark.by_hand
@pytest.mark.timeout(1800)
def test_of_2_000_markets_as_often_as_promised_by_each_pooling():
    assert {held.method: held.inside for held in adjustments(2_000)} == {
        "county": True,
        "none": True,
        "dersimonian_laird": True,
    }
