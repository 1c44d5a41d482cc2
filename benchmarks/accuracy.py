"""How far values are from prices, on real counties: `python -m benchmarks.accuracy`.

The reference files lie beside the project (``../shared/reference``); without them there is nothing to measure.
King County 2014-15: ten folds by parcel, every sale valued at its own date by what never saw its parcel. Seattle
2010-16: known to 2014, sales of 2015 and 2016 valued as of the last day of 2014, their prices brought back to it by the path of
prices of all sales; sales of the parcels asked for are left out of what is known. A ratio is the value over the price.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from benchmarks.comparables import EVER, FOLDS, SPLIT, county, plain
from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.comps.holdout import folds_of, holdout
from terrafusion.analysis.comps.homes import Homes
from terrafusion.analysis.comps.model import fit
from terrafusion.analysis.comps.search import Finder, Limits
from terrafusion.analysis.ratios.measures import cod, prb, prd
from terrafusion.analysis.ratios.sample import Ratios
from terrafusion.analysis.valuation.sight import look
from terrafusion.analysis.valuation.trial import Rules, Valued, days, examine, log_prices, valuer_of

CLOSE: Final = 0.1
RULES: Final = Rules(
    limits=Limits(k=10, max_distance_km=10, max_age_days=1826, candidates=40),
    folds=FOLDS,
    interval_level=0.8,
    restored_spread=0.5,
    most=30_000,
    seed=0,
)
HEAD: Final = f"{'':58s} {'n':>7s} {'MdAPE':>6s} {'COD':>6s} {'PRD':>6s} {'PRB':>7s} {'<=10%':>6s} {'median':>7s}"


def unseen(*_: object) -> None:
    """Take no home along."""


def line(name: str, value: Floats, price: Floats) -> str:
    """Print how values compare with prices; sales without a value are counted and left out."""
    there = np.isfinite(value)
    ratios = Ratios.of(value[there], price[there])
    off = np.abs(ratios.ratio - 1)
    figures = (
        f"{100 * np.median(off):6.2f} {cod(ratios)[0]:6.2f} {prd(ratios)[0]:6.3f} {prb(ratios, 0.95).value[0]:+7.4f}"
    )
    return f"{name:58s} {len(ratios):7,} {figures} {100 * np.mean(off <= CLOSE):6.1f} {ratios.median[0]:7.3f}"


def coverage(name: str, valued: Valued, log_price: Floats) -> str:
    """Print how many prices lie inside their ranges: in all, and in quarters of the price and of the value."""
    inside = (log_price >= valued.low) & (log_price <= valued.high)
    told = [f"{name}: {100 * inside.mean():.1f}% inside"]
    for title, order in (("price", log_price), ("value", valued.value)):
        quarter = np.searchsorted(np.quantile(order, [0.25, 0.5, 0.75]), order, side="left")
        told.append(f"by {title} " + " ".join(f"{100 * inside[quarter == at].mean():.1f}" for at in range(4)))
    return "  " + "; ".join(told)


def trees(sales: pl.DataFrame, folds: Codes) -> Floats:
    """Value by a library's gradient boosting alone: characteristics, coordinates, ZIP and day as they are recorded."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - slow to import

    homes = Homes.of(sales)
    zip_code = sales["zip_code"].cast(pl.Categorical).to_physical().to_numpy()
    columns = np.column_stack([*homes.values.values(), homes.latitude, homes.longitude, zip_code, days(sales)])
    columns = columns[:, np.isfinite(columns).any(axis=0)].astype(float)
    price, said = log_prices(sales), np.empty(sales.height)
    for fold in range(int(folds.max()) + 1):
        known, asked = folds != fold, folds == fold
        model = HistGradientBoostingRegressor(
            loss="absolute_error", max_iter=300, early_stopping=False, random_state=RULES.seed
        )
        said[asked] = model.fit(columns[known], price[known]).predict(columns[asked])
    return np.exp(said)


def folded() -> Iterator[str]:
    """Ten folds of King County."""
    sales = county("kingcounty_2014_15_sales")
    price, folds = sales["sale_price"].to_numpy(), folds_of(sales["parcel_number"], FOLDS, seed=RULES.seed)
    yield line("hedonic regression alone (ZIP, month)", plain(sales, folds), price)
    yield line("gradient boosting alone (scikit-learn)", trees(sales, folds), price)
    yield line("comparable_sales (k 5)", holdout(sales, folds, Limits(later=True, max_age_days=EVER)).value, price)
    begun = time.perf_counter()
    trial = examine(sales, RULES, unseen)
    spent = time.perf_counter() - begun
    yield line("its comparables (k 10)", np.exp(trial.sight.anchor), price)
    yield line("market_valuation, no spread restored", np.exp(trial.sight.anchor + trial.valued.learned), price)
    yield line("market_valuation", np.exp(trial.valued.value), price)
    yield coverage("80% ranges", trial.valued, trial.log_price)
    yield f"  {spent:.0f} s for {FOLDS} folds"


def split() -> Iterator[str]:
    """Seattle, known to 2014 and asked later."""
    sales = county("king_wa_sales")
    path = fit(sales).prices.time
    for year in (2015, 2016):
        asked = sales.filter(pl.col("sale_date").dt.year() == year)
        known = sales.filter(pl.col("sale_date") < SPLIT).join(asked, on="parcel_number", how="anti")
        valuer = valuer_of(examine(known, RULES, unseen), RULES)
        last = (SPLIT - date(1970, 1, 1)).days - 1
        sight = look(Finder(fit(known)), asked, np.full(asked.height, last), RULES.limits)
        valued = valuer.values(sight)
        moved = path.at(days(asked).astype(float)) - path.at(np.array([float(last)]))
        dated = log_prices(asked) - moved
        yield line(f"{year}, its comparables, time-adjusted", np.exp(sight.anchor), np.exp(dated))
        yield line(f"{year}, market_valuation, time-adjusted", np.exp(valued.value), np.exp(dated))
        yield line(f"{year}, market_valuation, against prices as paid", np.exp(valued.value), np.exp(log_prices(asked)))
        yield coverage("80% ranges, time-adjusted", valued, dated)


def main() -> None:
    """Print all."""
    for title, part in (
        (f"King County, May 2014 to May 2015, {FOLDS} folds", folded),
        ("Seattle, known to 2014", split),
    ):
        print(f"{title}\n{HEAD}")
        for text in part():
            print(text, flush=True)


if __name__ == "__main__":
    main()
