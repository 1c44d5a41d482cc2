"""What stands beside our analyses: the same figures by the libraries that most would take. Each reads a county's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.ratios.measures import cod, prb, prd
from terrafusion.analysis.ratios.sample import Ratios
from terrafusion.analysis.ratios.segments import Segments

DRAWS: Final = 1000


def polars_by_zip(file: Path) -> pl.DataFrame:
    """Bare polars: mean, median, quartiles, dollars and unit price by ZIP and month."""
    price = pl.col("sale_price")
    return (
        pl.scan_parquet(file)
        .group_by("zip_code", pl.col("sale_date").dt.truncate("1mo"))
        .agg(
            pl.len().alias("sales"),
            price.mean().alias("mean"),
            price.median().alias("median"),
            price.quantile(0.25).alias("lower_quartile"),
            price.quantile(0.75).alias("upper_quartile"),
            price.sum().alias("dollars"),
            (price / pl.col("building_size_sqft")).median().alias("per_sqft"),
        )
        .collect()
    )


def numpy_bootstrap(file: Path) -> object:
    """Resample ratios 1,000 times and compute COD and PRD of each draw, one after another."""
    sales = pl.read_parquet(file, columns=["assessed_value", "sale_price"])
    assessed, price = (sales[name].to_numpy() for name in sales.columns)
    draw = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        chosen = draw.integers(0, len(price), len(price))
        value, paid = assessed[chosen], price[chosen]
        ratio = value / paid
        middle = np.median(ratio)
        found.append((100 * np.abs(ratio - middle).mean() / middle, ratio.mean() / (value.sum() / paid.sum())))
    return np.quantile(np.array(found), [0.025, 0.975], axis=0)


def ratio_statistics(file: Path) -> object:
    """Ours: the statistics alone, of two columns at hand, which is what is measured of assesspy."""
    columns = np.load(file.with_suffix(".npz"))
    assessed, price = columns["assessed"], columns["price"]
    places = np.argsort(assessed / price)
    ratios = Ratios.ordered(assessed[places], price[places], Segments.of([len(places)]))
    gini_assessed, gini_price = ratios.concentrations
    return cod(ratios), prd(ratios), prb(ratios, 0.95), gini_assessed / gini_price, gini_assessed - gini_price


def statsmodels_hedonic(file: Path) -> object:
    """The same regression by statsmodels: dummies of months and ZIPs, HC1 errors."""
    import statsmodels.api as sm  # noqa: PLC0415 - slow to import

    sales = pl.read_parquet(file).filter(pl.col("sale_price") >= 10_000)  # noqa: PLR2004 - the default of ours
    month = sales["sale_date"].dt.strftime("%Y-%m").alias("month").to_frame().to_dummies(drop_first=True)
    place = sales.select("zip_code", "property_type").to_dummies(drop_first=True)
    sizes = sales.select(pl.col("building_size_sqft", "lot_size_sqft").log())
    rest = sales.select("year_built", "bedrooms", "bathrooms", "stories", "condition", "grade", "waterfront")
    design = pl.concat([month, place, sizes, rest], how="horizontal").cast(pl.Float64).to_numpy()
    return sm.OLS(np.log(sales["sale_price"].to_numpy()), sm.add_constant(design)).fit(cov_type="HC1").bse


def pandas_repeat_sales(file: Path) -> object:
    """Pairs by a shifted group, then statsmodels' least squares, plain and weighted, on one dense row a pair."""
    import pandas as pd  # noqa: PLC0415 - slow to import
    import statsmodels.api as sm  # noqa: PLC0415 - slow to import

    columns = ["parcel_number", "sale_date", "sale_price"]
    sales = pd.DataFrame(pl.read_parquet(file, columns=columns).sort(columns[:2]).to_dict(as_series=False))
    month = pd.to_datetime(sales["sale_date"]).dt.to_period("M").map(lambda at: at.ordinal)
    sales["month"] = month - month.min()
    before = sales.groupby("parcel_number").shift()
    pairs = sales.assign(earlier=before["sale_price"], first=before["month"]).dropna()
    pairs = pairs[pairs["month"] - pairs["first"] >= 6]  # noqa: PLR2004 - the default of ours
    rows = np.arange(len(pairs))
    design = np.zeros((len(pairs), int(sales["month"].max()) + 1))
    design[rows, pairs["month"]] = 1
    design[rows, pairs["first"].astype(int)] = -1
    change = np.log(pairs["sale_price"] / pairs["earlier"]).to_numpy()
    plain = sm.OLS(change, design[:, 1:]).fit()
    gap = (pairs["month"] - pairs["first"]).to_numpy(dtype=float)
    fitted = sm.OLS(plain.resid**2, sm.add_constant(gap)).fit().fittedvalues
    return sm.WLS(change, design[:, 1:], weights=1 / np.maximum(fitted, 1e-4)).fit().params


PEERS: Final[Mapping[str, Callable[[Path], object]]] = {
    "polars_by_zip": polars_by_zip,
    "numpy_bootstrap": numpy_bootstrap,
    "ratio_statistics": ratio_statistics,
    "statsmodels_hedonic": statsmodels_hedonic,
    "pandas_repeat_sales": pandas_repeat_sales,
}
