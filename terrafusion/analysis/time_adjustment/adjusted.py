"""Every sale at the valuation date, and whether its ratio of value to price still moves with time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from terrafusion.analysis.market import Market
from terrafusion.analysis.student import critical_t
from terrafusion.analysis.time_adjustment.curves import fall
from terrafusion.analysis.time_adjustment.findings import LEAST_FOR_A_SLOPE
from terrafusion.analysis.time_adjustment.parameters import TimeAdjustmentParameters

_SALE: Final = ("sale_id", "parcel_number", "sale_date", "sale_price")

READ: Final = (*_SALE, "value", "group_code", "ordinal")
"""The columns of a market's sales that are read here."""


def adjusted(market: Market, rows: pl.DataFrame) -> pl.DataFrame:
    """Return every sale with its factor and ``time_adjusted_price``, both null where no factor can be told.

    ``rows`` are the factors of each group, by name, and in it of each of the market's periods. The order of the sales
    depends on their content alone.
    """
    sales = market.sales.sort("group_code", "sale_date", "parcel_number", "sale_id", "sale_price", "value")
    first = rows["group"].search_sorted(market.labels)
    row = first.gather(sales["group_code"]) + (sales["ordinal"] - sales["ordinal"].min())
    told = rows.select(pl.col("group", "period", "factor", "ci_low", "ci_high").gather(row))
    worth = (sales["sale_price"] * told["factor"]).alias("time_adjusted_price")
    return sales.select(*_SALE, *told, worth, "value")


def slopes(sales: pl.DataFrame, parameters: TimeAdjustmentParameters) -> Mapping[str, Any]:
    """Return the slope of ln(value / price) on time, a year, of `adjusted` sales: with prices as recorded, and as adjusted."""
    prices = {"time_slope": "sale_price", "adjusted_time_slope": "time_adjusted_price"}
    known = sales.select("sale_date", "value", *prices.values())
    known = known.filter(pl.col("value") > 0, pl.col("time_adjusted_price").is_not_null())
    enough = known.height >= max(parameters.min_sales, LEAST_FOR_A_SLOPE)
    found: dict[str, Any] = {"time_slope_sales": known.height}
    for name, price in prices.items():
        slope, error = fall(known, known[price].to_numpy()) if enough else (math.nan, math.nan)
        reach = critical_t(parameters.confidence_level, max(known.height - 2, 0)) * error
        told = (slope, slope - reach, slope + reach)
        ends = zip(("", "_ci_low", "_ci_high"), told, strict=True)
        found |= {f"{name}{end}": figure if math.isfinite(figure) else None for end, figure in ends}
    return found
