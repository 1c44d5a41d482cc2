"""Prices brought to one date by a constant-quality index, before they are compared with values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis import timing
from terrafusion.analysis.api import Caution, Progress
from terrafusion.analysis.groups import ALL
from terrafusion.analysis.market import market_of
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.errors import InvalidParameters

COLUMNS: Final = timing.COLUMNS | {"year_only"}
"""What the index reads."""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The sales with ``price``, and how it came about."""

    sales: pl.DataFrame
    period: str | None = None
    """Of the index; None where prices are as recorded."""
    warnings: tuple[Caution, ...] = ()


def adjust(sales: pl.DataFrame, parameters: RatioParameters, progress: Progress) -> Adjusted:
    """Add ``price``: S, or with ``time_adjust`` S times the index at the valuation date over that at the sale.

    The index is of all ``sales`` together. Raises InvalidParameters where they allow none.
    """
    if parameters.time_adjust == "none" or sales.is_empty():
        return Adjusted(sales.with_columns(pl.col("sale_price").alias("price")))
    whole = sales.with_columns(pl.lit(ALL).alias("group"))
    market = market_of(whole, parameters, recorded=sales["sale_date"])
    progress(0.1, "Holding quality constant")
    line = timing.hedonic(market.sales, period=market.period, min_sales=parameters.min_sales)
    valued = timing.valuation_day(sales, parameters)
    if not line.known or valued is None:
        raise _refused(line, sales.height)
    factor = line.factors(sales["sale_date"], valued)
    adjusted = sales.with_columns((pl.col("sale_price") * pl.Series(factor)).alias("price"))
    beyond = int(np.count_nonzero(line.beyond(sales["sale_date"])))
    outside = bool(line.beyond(pl.Series([valued], dtype=pl.Date))[0])
    return Adjusted(adjusted, market.period, (*line.warnings, *_beyond(beyond, outside=outside)))


def _refused(line: timing.Timeline, sales: int) -> InvalidParameters:
    bare = any(caution.code == "index_unavailable" for caution in line.warnings)
    why = "no characteristic of theirs is known" if bare else "they are too few"
    msg = f"time_adjust is 'hedonic', but the {sales} selected sales allow no index: {why}; allowed is none"
    return InvalidParameters(msg, field="time_adjust", value="hedonic", allowed="none")


def _beyond(sales: int, *, outside: bool) -> list[Caution]:
    found = []
    if sales:
        message = f"{sales} sales lie before the first or after the last period of the index and were taken as of it"
        found.append(Caution("time_adjust_sales_beyond_index", message))
    if outside:
        message = "The valuation date lies beyond the index; prices were brought to its nearest period"
        found.append(Caution("time_adjust_date_beyond_index", message))
    return found
