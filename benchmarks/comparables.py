"""How far comparable sales are from prices, on real counties: `python -m benchmarks.comparables`.

The reference files lie beside the project (``../shared/reference``); without them there is nothing to measure.
King County 2014-15: ten folds by parcel, no sale of the subject's parcel ever used. King (Seattle) 2010-16: known to
2014, asked 2015 and 2016. A ratio is the value at the sale's date over the price as recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.comps.holdout import folds_of, holdout, valued
from terrafusion.analysis.comps.homes import Homes
from terrafusion.analysis.comps.interval import trial
from terrafusion.analysis.comps.model import fit
from terrafusion.analysis.comps.reconcile import reconcile
from terrafusion.analysis.comps.search import Finder, Limits, Subjects
from terrafusion.analysis.frames import SALES_ORDER, SALES_SCHEMA
from terrafusion.analysis.indexes import CHARACTERISTICS

REFERENCE: Final = Path(__file__).parents[2] / "shared" / "reference" / "counties"
EVER: Final = 36_500
CLOSE: Final = 0.1
FOLDS: Final = 10
LEVEL: Final = 0.8
SPLIT: Final = date(2015, 1, 1)


def county(name: str) -> pl.DataFrame:
    """Return a county's sales in the one schema."""
    file = REFERENCE / f"{name}.parquet"
    if not file.exists():
        raise SystemExit(f"{file} is not there: accuracy is measured on sales that this project does not carry")
    given = pl.read_parquet(file)
    given = given if "sale_id" in given.columns else given.with_row_index("sale_id")
    columns = [
        pl.col(column).cast(kind) if column in given.columns else pl.lit(None, kind).alias(column)
        for column, kind in SALES_SCHEMA.items()
    ]
    return given.select(columns).sort(SALES_ORDER)


def line(name: str, value: Floats, price: Floats) -> str:
    """Print how values compare with prices; sales without a value are counted and left out."""
    ratio = (value / price)[np.isfinite(value)]
    middle = np.median(ratio)
    off = np.abs(ratio - 1)
    cod = 100 * np.mean(np.abs(ratio - middle)) / middle
    figures = f"{100 * np.median(off):8.2f} {cod:8.2f} {100 * np.mean(off <= CLOSE):8.1f} {middle:8.3f}"
    return f"{name:58s} {len(ratio):7,} {figures}"


def plain(sales: pl.DataFrame, folds: Codes) -> Floats:
    """Value by plain least squares: ln S on logs of sizes, the other characteristics, ZIP and month."""
    homes = Homes.of(sales)
    known = [values for values in homes.values.values() if np.isfinite(values).any()]
    columns = [np.ones(sales.height), *(np.where(np.isfinite(row), row, np.nanmedian(row)) for row in known)]
    dummies = sales.select(pl.col("zip_code"), pl.col("sale_date").dt.strftime("%Y-%m").alias("month"))
    design = np.column_stack([*columns, dummies.to_dummies(drop_first=True).to_numpy()])
    price, said = np.log(sales["sale_price"].to_numpy()), np.empty(sales.height)
    for fold in range(FOLDS):
        known_, asked = folds != fold, folds == fold
        said[asked] = design[asked] @ np.linalg.lstsq(design[known_], price[known_])[0]
    return np.exp(said)


def folded() -> Iterator[str]:
    """Ten folds of King County."""
    sales = county("kingcounty_2014_15_sales")
    price, folds = sales["sale_price"].to_numpy(), folds_of(sales["parcel_number"], FOLDS, seed=0)
    yield line("hedonic regression alone", plain(sales, folds), price)
    held = holdout(sales, folds, Limits(later=True, max_age_days=EVER))
    yield line("price model with curves and surface, no comparables", held.expected, price)
    yield line("comparable_sales, k 5", held.value, price)
    yield line(
        "comparable_sales, k 10", holdout(sales, folds, Limits(k=10, later=True, max_age_days=EVER)).value, price
    )
    earlier = holdout(sales, folds, Limits())
    yield line("comparable_sales, k 5, comparables of earlier dates only", earlier.value, price)


def ranges() -> Iterator[str]:
    """What share of a fold's prices the 80% range holds that is learned from the other folds, in all and by quarter."""
    sales = county("kingcounty_2014_15_sales")
    folds, inside = folds_of(sales["parcel_number"], FOLDS, seed=0), np.empty(sales.height)
    value, price = np.empty(sales.height), sales["sale_price"].to_numpy()
    limits = Limits(later=True, max_age_days=EVER)
    for fold in range(FOLDS):
        out = np.flatnonzero(folds == fold)
        finder = Finder(fit(sales.filter(pl.Series(folds != fold))))
        asked = sales[out]
        day = asked["sale_date"].cast(pl.Int32).to_numpy().astype(np.int64)
        subjects = Subjects(Homes.of(asked), day)
        found = reconcile(finder.model, subjects, finder.find(subjects, limits))
        reach = trial(finder, limits, least=1).reach(LEVEL) * found.spread
        value[out], inside[out] = found.value, np.abs(np.log(found.value / price[out])) <= reach
    valued_ = np.isfinite(value)
    yield f"{LEVEL:.0%} range holds {100 * inside[valued_].mean():.1f}% of prices"
    for name, by in (("price", price), ("value", value)):
        cuts = np.quantile(by[valued_], [0.25, 0.5, 0.75])
        quarter = np.searchsorted(cuts, by)
        shares = [100 * inside[valued_ & (quarter == at)].mean() for at in range(4)]
        yield f"  by quarter of {name}: {', '.join(f'{share:.1f}%' for share in shares)}"


def split() -> Iterator[str]:
    """Seattle, known to 2014 and asked later, with and without the county's later path of prices."""
    sales = county("king_wa_sales")
    known = sales.filter(pl.col("sale_date") < SPLIT)
    path = fit(sales).prices.time
    for year in (2015, 2016):
        asked = sales.filter(pl.col("sale_date").dt.year() == year)
        price = asked["sale_price"].to_numpy()
        day = asked["sale_date"].cast(pl.Int32).to_numpy().astype(float)
        last = float((SPLIT - date(1970, 1, 1)).days - 1)
        own = asked.join(known, on="parcel_number", how="semi").height
        for name, limits in (("max age 24 months", Limits()), ("any age", Limits(max_age_days=EVER))):
            value = valued(known, asked, limits).value
            moved = np.exp(path.at(day) - path.at(np.array([last])))
            yield line(f"{year}, {name}, time-adjusted by the index of all sales", value * moved, price)
            yield line(f"{year}, {name}, at prices of 2014", value, price)
        yield f"  ({own:,} of {asked.height:,} parcels asked in {year} had been sold before; those sales are not used)"


def main() -> None:
    """Print all."""
    print(f"{'':58s} {'n':>7s} {'MdAPE':>8s} {'COD':>8s} {'<=10%':>8s} {'median':>8s}")
    print(f"King County, May 2014 to May 2015, {FOLDS} folds by parcel; characteristics: {', '.join(CHARACTERISTICS)}")
    for part, title in ((folded, None), (ranges, None), (split, "Seattle, known to 2014")):
        if title:
            print(title)
        for text in part():
            print(text, flush=True)


if __name__ == "__main__":
    main()
