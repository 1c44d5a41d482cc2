"""Price tiers: each group's sales from the cheapest homes to the dearest, by what the homes are, not by what they fetched.

Who sorts sales by their own price within a period builds tiers that follow the mix of that period, and whose medians
are quantiles of it. A home's tier here is its place among the group's homes by the price that its characteristics
and its ZIP predict, whenever it sold.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.hedonic import fit
from terrafusion.analysis.indexes import Design

TIER: Final = "tier"
PREDICTED, PRICE = "predicted_price", "price_in_period"
"""What tiers go by."""


def with_tiers(sales: pl.DataFrame, tiers: int, *, predict: bool) -> tuple[pl.DataFrame, str]:
    """Add each sale's tier, from 1, the cheapest, and say what tiers go by.

    Where characteristics allow a prediction, a sale that lacks one of them has none (null). Where they allow none, or
    ``predict`` is false, tiers are parted by the price within each group and period.
    """
    numbered = sales.with_row_index(indexes.ROW)
    chosen = indexes.design(numbered) if predict else None
    predicted = _predicted(chosen) if chosen is not None and chosen.characteristics else None
    if chosen is None or predicted is None:
        place = _parted(numbered.select("sale_price", "group_code", "ordinal"), ["group_code", "ordinal"], tiers)
        return sales.with_columns(place.alias(TIER)), PRICE
    known = chosen.sales.select(indexes.ROW, "group_code").with_columns(pl.Series("sale_price", predicted))
    placed = known.with_columns(_parted(known, ["group_code"], tiers).alias(TIER))
    joined = numbered.join(placed.select(indexes.ROW, TIER), on=indexes.ROW, how="left", maintain_order="left")
    return joined.drop(indexes.ROW), PREDICTED


def _predicted(chosen: Design) -> Floats | None:
    """Return the log price of each home less the effect of its period; None where there are too few for a fit."""
    _, _, sample = next(indexes.samples(chosen.as_one_group()), (0, np.empty(0), None))
    if sample is None or len(sample.log_price) < sample.period.max() + 1 + indexes.FREEDOM:
        return None
    fitted = fit(sample, base=0)
    if fitted.observations - fitted.estimated < indexes.FREEDOM:
        return None
    own = np.nan_to_num(fitted.slopes) @ np.array(sample.characteristics)
    left = sample.log_price - fitted.effects[sample.period] - own
    effects = np.bincount(sample.location, left) / np.bincount(sample.location)  # residuals of a location sum to zero
    predicted: Floats = own + effects[sample.location]
    return predicted


def _parted(values: pl.DataFrame, by: list[str], tiers: int) -> pl.Series:
    """Return the tier of each ``sale_price`` among those of its group: cut at quantiles of type 7, the cut itself lies lower."""
    cuts = [pl.col("sale_price").quantile(part / tiers, "linear").over(by).alias(f"{part}") for part in range(1, tiers)]
    above = [(pl.col("sale_price") > cut).cast(pl.Int32) for cut in cuts]
    first = pl.col("sale_price").is_not_null().cast(pl.Int32)
    return values.select(pl.sum_horizontal(first, *above).cast(pl.Int32)).to_series()
