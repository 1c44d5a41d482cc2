"""Prices brought to one date by a constant-quality index, before they are compared with values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.api import Caution, Progress
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.groups import ALL
from terrafusion.analysis.market import Market, market_of
from terrafusion.analysis.periods import numbers
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.errors import InvalidParameters

COLUMNS: Final = frozenset({*indexes.CHARACTERISTICS, "zip_code", "property_type", "year_only"})
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
    index, warnings = _index(market, parameters, progress)
    valued = parameters.valuation_date or parameters.end_date or sales["sale_date"].max()
    wanted = numbers(pl.Series([valued], dtype=pl.Date), market.period)[0]
    sold = market.sales["ordinal"].to_numpy()
    known = index["ordinal"].to_numpy()
    beyond = int(((sold < known[0]) | (sold > known[-1])).sum())
    logs = np.log(index["index"].to_numpy())
    factor = np.exp(np.interp(wanted, known, logs) - np.interp(sold, known, logs))
    adjusted = sales.with_columns((pl.col("sale_price") * pl.Series(factor)).alias("price"))
    warnings += _beyond(beyond, outside=not known[0] <= wanted <= known[-1])
    return Adjusted(adjusted, market.period, tuple(warnings))


def _index(market: Market, parameters: RatioParameters, progress: Progress) -> tuple[pl.DataFrame, list[Caution]]:
    rules = indexes.Rules(
        full=market.full, min_sales=parameters.min_sales, z=critical_value(parameters.confidence_level)
    )
    chosen = indexes.design(market.sales)
    index = indexes.indices(chosen, rules, progress)
    if index.is_empty():
        why = "no characteristic of theirs is known" if not chosen.characteristics else "they are too few"
        msg = f"time_adjust is 'hedonic', but the {market.sales.height} selected sales allow no index: {why}; allowed is none"
        raise InvalidParameters(msg, field="time_adjust", value="hedonic", allowed="none")
    return index.sort("ordinal"), list(chosen.warnings)


def _beyond(sales: int, *, outside: bool) -> list[Caution]:
    found = []
    if sales:
        message = f"{sales} sales lie before the first or after the last period of the index and were taken as of it"
        found.append(Caution("time_adjust_sales_beyond_index", message))
    if outside:
        message = "The valuation date lies beyond the index; prices were brought to its nearest period"
        found.append(Caution("time_adjust_date_beyond_index", message))
    return found
